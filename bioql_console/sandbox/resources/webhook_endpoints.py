"""`/v1/webhook_endpoints`: where else events go. The signing secret is shown once."""

from ..errors import Json, StripeError
from ..ids import random_text
from ..messages import is_local_url
from ..params import EXPAND, PAGE, Flag, Many, Metadata, Table, Text, merged_metadata
from ..registry import Resource, Route, listing, retrieve
from ..work import Work

FIELDS: Table = {"description": Text(longest=5_000), "metadata": Metadata(), **EXPAND}
CREATE: Table = FIELDS | {
    "api_version": Text(),
    "connect": Flag(),
    "enabled_events": Many(required=True),
    "url": Text(required=True),
}
UPDATE: Table = FIELDS | {"disabled": Flag(), "enabled_events": Many(), "url": Text()}


def _check_url(url: str) -> None:
    if not is_local_url(url):
        message = "Invalid URL: the sandbox delivers to this machine only, e.g. http://127.0.0.1:5001/webhooks/stripe."
        raise StripeError(message, code="url_invalid", param="url")


def _create(work: Work) -> Json:
    given = work.params
    _check_url(given["url"])
    if not given["enabled_events"]:
        raise StripeError("You must specify at least one event.", param="enabled_events")
    secret = "whsec_" + random_text(16)
    endpoint = work.new(
        "webhook_endpoint",
        "we_",
        api_version=given.get("api_version"),
        description=given.get("description"),
        enabled_events=given["enabled_events"],
        metadata=merged_metadata({}, given.get("metadata") or {}),
        url=given["url"],
        _secret=secret,
    )
    return work.save(endpoint) | {"secret": secret}


def _update(work: Work) -> Json:
    endpoint = work.addressed("webhook_endpoint", "webhook_endpoint")
    fields: Json = {name: work.params[name] for name in ("description", "enabled_events", "url") if name in work.params}
    if fields.get("url"):
        _check_url(fields["url"])
    if "metadata" in work.params:
        fields["metadata"] = merged_metadata(endpoint["metadata"], work.params["metadata"])
    if "disabled" in work.params:
        fields["status"] = "disabled" if work.params["disabled"] else "enabled"
    changed = work.change(endpoint, None, **fields)
    if changed["status"] == "disabled":
        work.queue.forget_endpoint(endpoint["id"])
    return changed


def _delete(work: Work) -> Json:
    endpoint = work.addressed("webhook_endpoint", "webhook_endpoint")
    gone = {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
    work.store.put(gone)
    work.queue.forget_endpoint(endpoint["id"])
    return gone


ENDPOINT = "/v1/webhook_endpoints/{webhook_endpoint}"
RESOURCE = Resource(
    "webhook_endpoint",
    routes=(
        Route("POST", "/v1/webhook_endpoints", _create, CREATE),
        Route("GET", "/v1/webhook_endpoints", listing("webhook_endpoint"), PAGE),
        Route("GET", ENDPOINT, retrieve("webhook_endpoint", "webhook_endpoint")),
        Route("POST", ENDPOINT, _update, UPDATE),
        Route("DELETE", ENDPOINT, _delete, {}),
    ),
    template=lambda: {
        "api_version": None,
        "application": None,
        "description": None,
        "metadata": {},
        "status": "enabled",
    },
)
