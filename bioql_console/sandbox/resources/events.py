"""`/v1/events`: what happened, for 30 days."""

from collections.abc import Sequence

from ..errors import Json, StripeError
from ..params import EXPAND, PAGE, Flag, Many, Range, Table, Text
from ..registry import Resource, Route
from ..work import Work

LIST: Table = PAGE | {
    "created": Range(),
    "delivery_success": Flag(),
    "type": Text(),
    "types": Many(most=20),
}
# `for_stripecli` is what Stripe's own command line adds.
RETRY: Table = EXPAND | {"account": Text(), "for_stripecli": Flag(), "webhook_endpoint": Text()}
UNDELIVERED = "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = o.id AND d.state <> 'succeeded')"


def _shown(work: Work, event: Json) -> Json:
    return event | {"pending_webhooks": work.queue.pending_webhooks(event["id"])}


def _list(work: Work) -> Json:
    kind, kinds = work.params.get("type"), work.params.get("types")
    if kind and kinds:
        raise StripeError("You may only specify one of these parameters: type, types.", param="types")
    equal: Json = {}
    where: list[tuple[str, Sequence[object]]] = []
    if kind and kind.endswith("*"):
        where.append(("substr(json_extract(o.body, '$.type'), 1, ?) = ?", (len(kind) - 1, kind[:-1])))
    elif kind or kinds:
        equal = {"type": kinds or kind}
    if (delivered := work.params.get("delivery_success")) is not None:
        where.append((f"{'NOT ' if delivered else ''}{UNDELIVERED}", ()))
    return work.page(
        "event", equal=equal, created=work.params.get("created"), where=where, shown=lambda event: _shown(work, event)
    )


def _retrieve(work: Work) -> Json:
    return _shown(work, work.addressed("event"))


def _retry(work: Work) -> Json:
    event = work.addressed("event")
    endpoint = work.params.get("webhook_endpoint")
    if endpoint:
        work.require("webhook_endpoint", endpoint, "webhook_endpoint")
    work.queue.retry(event, endpoint)
    return _shown(work, event)


RESOURCE = Resource(
    "event",
    routes=(
        Route("GET", "/v1/events", _list, LIST),
        Route("GET", "/v1/events/{id}", _retrieve),
        Route("POST", "/v1/events/{id}/retry", _retry, RETRY),
    ),
    lookups=("type",),
)
