"""`/v1/billing/meter_events`, their adjustments and summaries: usage, counted."""

import re
from decimal import Decimal, InvalidOperation

from ..errors import Json, StripeError, missing_param
from ..ids import random_text
from ..params import EXPAND, PAGE, Choice, Group, Integer, Metadata, Table, Text
from ..registry import Resource, Route
from ..work import Work
from . import meter_errors, subscriptions
from .meters import active_meter

OLDEST_S, NEWEST_S = 35 * 86_400, 5 * 60
REMEMBERED_S = 24 * 3_600
# In the column that says which events do not count.
REFUSED = 2
WINDOWS = {"hour": 3_600, "day": 86_400}
CREATE: Table = {
    "event_name": Text(required=True, longest=100),
    "identifier": Text(longest=100),
    "payload": Metadata(required=True),
    "timestamp": Integer(),
    **EXPAND,
}
ADJUST: Table = {
    "cancel": Group(of={"identifier": Text(longest=100)}),
    "event_name": Text(required=True, longest=100),
    "type": Choice(of=("cancel",), required=True),
    **EXPAND,
}
SUMMARIES: Table = PAGE | {
    "customer": Text(required=True),
    "end_time": Integer(required=True),
    "start_time": Integer(required=True),
    "value_grouping_window": Choice(of=tuple(WINDOWS)),
}


def _create(work: Work) -> Json:
    given, now = work.params, work.now
    payload, identifier = given["payload"] or {}, given.get("identifier") or random_text(32)
    at, code = given.get("timestamp") or now, None
    meter, customer, value = {}, "", Decimal()
    try:
        meter = _meter(work, given["event_name"])
        _check_time(at, now)
        customer, value = _read_payload(meter, payload)
    except Refused as refused:
        if not meter_errors.options(work)["asynchronously"]:
            raise refused.error from None
        code = refused.code
    _refuse_second(work, identifier)
    code = code or meter_errors.later(work, customer, str(value))
    work.store.db.execute(
        "INSERT INTO meter_events (meter, customer, at, value, identifier, event_name, received, cancelled)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (meter.get("id", ""), customer, at, str(value), identifier, given["event_name"], now, REFUSED if code else 0),
    )
    if code:
        meter_errors.note(work, meter.get("id", ""), code, identifier)
    else:
        subscriptions.usage_came(work, customer)
    return {
        "object": "billing.meter_event",
        "created": now,
        "event_name": given["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": given["payload"],
        "timestamp": at,
    }


class Refused(Exception):
    """What is wrong with a meter event, said at once or by a report later.

    Args:
        code: What a report calls it.
    """

    def __init__(self, code: str, error: StripeError) -> None:
        super().__init__(code)
        self.code, self.error = code, error


def _meter(work: Work, event_name: str) -> Json:
    meter = active_meter(work, event_name)
    if meter is not None:
        return meter
    message = f"No active meter found with the event name '{event_name}'."
    archived = work.store.select("billing.meter", equal={"event_name": event_name}, limit=1)
    error = StripeError(message, code="resource_missing", param="event_name")
    raise Refused("archived_meter" if archived else "no_meter", error)


def _check_time(at: int, now: int) -> None:
    if at < now - OLDEST_S:
        error = StripeError("The timestamp must be within the past 35 calendar days.", param="timestamp")
        raise Refused("timestamp_too_far_in_past", error)
    if at > now + NEWEST_S:
        error = StripeError("The timestamp must not be more than 5 minutes in the future.", param="timestamp")
        raise Refused("timestamp_in_future", error)


def _refuse_second(work: Work, identifier: str) -> None:
    sql = "SELECT 1 FROM meter_events WHERE identifier = ? AND received > ?"
    if work.store.db.execute(sql, (identifier, work.now - REMEMBERED_S)).fetchone():
        message = f"An event already exists with identifier {identifier}."
        raise StripeError(message, code="resource_already_exists", param="identifier")


def _read_payload(meter: Json, payload: Json) -> tuple[str, Decimal]:
    customer_key = meter["customer_mapping"]["event_payload_key"]
    value_key = meter["value_settings"]["event_payload_key"]
    if not payload.get(customer_key):
        raise Refused("meter_event_no_customer_defined", missing_param(f"payload[{customer_key}]"))
    if not payload.get(value_key):
        raise Refused("meter_event_invalid_value", missing_param(f"payload[{value_key}]"))
    text = payload[value_key]
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not re.fullmatch(r"-?[0-9]+(\.[0-9]{1,12})?", text):
        error = StripeError(f"Invalid value: '{text[:40]}' is no number.", param=f"payload[{value_key}]")
        raise Refused("meter_event_invalid_value", error)
    return payload[customer_key], value


def _adjust(work: Work) -> Json:
    identifier = (work.params.get("cancel") or {}).get("identifier")
    if not identifier:
        raise missing_param("cancel[identifier]")
    found = work.store.db.execute(
        "UPDATE meter_events SET cancelled = 1 WHERE identifier = ? AND event_name = ? AND cancelled = 0"
        " AND received > ?",
        (identifier, work.params["event_name"], work.now - REMEMBERED_S),
    )
    if not found.rowcount:
        message = f"No meter event of the last 24 hours has the identifier {identifier}."
        raise StripeError(message, code="resource_missing", param="cancel[identifier]")
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": identifier},
        "event_name": work.params["event_name"],
        "livemode": False,
        "status": "pending",
        "type": "cancel",
    }


def _summaries(work: Work) -> Json:
    meter = work.addressed("billing.meter")
    start, end = work.params["start_time"], work.params["end_time"]
    window = work.params.get("value_grouping_window")
    aligned = WINDOWS.get(window or "", 60)
    if start % aligned or end % aligned or end <= start:
        message = f"start_time and end_time must be aligned to {window or 'minute'} boundaries, in this order."
        raise StripeError(message, param="start_time")
    rows = work.store.db.execute(
        "SELECT at, value, seq FROM meter_events WHERE meter = ? AND customer = ? AND at >= ? AND at < ?"
        " AND cancelled = 0 ORDER BY at, seq",
        (meter["id"], work.params["customer"], start, end),
    ).fetchall()
    size = WINDOWS.get(window or "", end - start)
    groups: dict[int, list[Decimal]] = {}
    for at, value, _ in rows:
        groups.setdefault(start + (at - start) // size * size, []).append(Decimal(value))
    found = [_summary(meter, values, at, at + size) for at, values in sorted(groups.items(), reverse=True)]
    return work.page_of("billing.meter_event_summary", found)


def _summary(meter: Json, values: list[Decimal], start: int, end: int) -> Json:
    formula = meter["default_aggregation"]["formula"]
    total = {"sum": sum(values, Decimal()), "count": Decimal(len(values)), "last": values[-1]}[formula]
    return {
        "id": f"mtrusg_test_{meter['id'][-8:]}{start}",
        "object": "billing.meter_event_summary",
        "aggregated_value": int(total) if total == total.to_integral_value() else float(total),
        "end_time": end,
        "livemode": False,
        "meter": meter["id"],
        "start_time": start,
    }


EVENTS = Resource(
    "billing.meter_event", routes=(Route("POST", "/v1/billing/meter_events", _create, CREATE),), jobs=meter_errors.JOBS
)
ADJUSTMENTS = Resource(
    "billing.meter_event_adjustment",
    routes=(Route("POST", "/v1/billing/meter_event_adjustments", _adjust, ADJUST),),
)
EVENT_SUMMARIES = Resource(
    "billing.meter_event_summary",
    routes=(Route("GET", "/v1/billing/meters/{id}/event_summaries", _summaries, SUMMARIES),),
)
