"""`/v1/billing/meters`: what counts usage. Only one active meter may count a given event name."""

from ..errors import Json, StripeError
from ..params import EXPAND, PAGE, Choice, Group, Table, Text
from ..registry import Resource, Route, listing, retrieve
from ..work import Work

BY_ID = Group(of={"event_payload_key": Text(required=True, longest=100), "type": Choice(of=("by_id",), required=True)})
CREATE: Table = {
    "customer_mapping": BY_ID,
    "default_aggregation": Group(of={"formula": Choice(of=("count", "last", "sum"), required=True)}, required=True),
    "display_name": Text(longest=250, required=True),
    "event_name": Text(longest=100, required=True),
    "event_time_window": Choice(of=("day", "hour")),
    "value_settings": Group(of={"event_payload_key": Text(required=True, longest=100)}),
    **EXPAND,
}


def _template() -> Json:
    return {
        "customer_mapping": {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        "event_time_window": None,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": 0,
        "value_settings": {"event_payload_key": "value"},
    }


def active_meter(work: Work, event_name: str) -> Json | None:
    """The meter that counts an event name now."""
    found = work.store.select("billing.meter", equal={"event_name": event_name, "status": "active"}, limit=1)
    return found[0] if found else None


def _refuse_second(work: Work, event_name: str) -> None:
    if other := active_meter(work, event_name):
        raise StripeError(
            f"An active meter with the event name '{event_name}' already exists: {other['id']}.",
            code="resource_already_exists",
            param="event_name",
        )


def _create(work: Work) -> Json:
    fields = {name: value for name, value in work.params.items() if name != "expand"}
    _refuse_second(work, fields["event_name"])
    meter = work.new("billing.meter", "mtr_test_", updated=work.now) | fields
    return work.save(meter, "billing.meter.created")


def _update(work: Work) -> Json:
    meter = work.addressed("billing.meter")
    name = work.params.get("display_name") or meter["display_name"]
    at = work.now if name != meter["display_name"] else meter["updated"]
    return work.change(meter, "billing.meter.updated", display_name=name, updated=at)


def _deactivate(work: Work) -> Json:
    meter = work.addressed("billing.meter")
    if meter["status"] == "inactive":
        raise StripeError(f"The meter {meter['id']} is already inactive.")
    return work.change(
        meter,
        "billing.meter.deactivated",
        status="inactive",
        status_transitions={"deactivated_at": work.now},
        updated=work.now,
    )


def _reactivate(work: Work) -> Json:
    meter = work.addressed("billing.meter")
    if meter["status"] == "active":
        raise StripeError(f"The meter {meter['id']} is already active.")
    _refuse_second(work, meter["event_name"])
    return work.change(
        meter,
        "billing.meter.reactivated",
        status="active",
        status_transitions={"deactivated_at": None},
        updated=work.now,
    )


METER = "/v1/billing/meters/{id}"
RESOURCE = Resource(
    "billing.meter",
    routes=(
        Route("POST", "/v1/billing/meters", _create, CREATE),
        Route(
            "GET",
            "/v1/billing/meters",
            listing("billing.meter", "status"),
            PAGE | {"status": Choice(of=("active", "inactive"))},
        ),
        Route("GET", METER, retrieve("billing.meter")),
        Route("POST", METER, _update, EXPAND | {"display_name": Text(longest=250)}),
        Route("POST", METER + "/deactivate", _deactivate),
        Route("POST", METER + "/reactivate", _reactivate),
    ),
    template=_template,
    lookups=("event_name", "status"),
)
