"""`/v1/stripecli/sessions`: what `stripe listen` and `stripe logs tail` ask for first. Stripe does not document it."""

from ..cli_sessions import REQUEST_LOGS, WEBHOOKS
from ..errors import Json, StripeError
from ..params import EXPAND, Many, Table, Text
from ..registry import Resource, Route
from ..work import API_VERSION, Work

FORWARDS = ("forward_to_url", "forward_connect_to_url", "forward_thin_to_url", "forward_thin_connect_to_url")
RECONNECT_S = 3_600

SESSION: Table = EXPAND | {
    "device_name": Text(),
    "filters": Text(),
    "websocket_features": Many(),
    **{name: Text() for name in FORWARDS},
}


def _open(work: Work) -> Json:
    sessions = work.queue.cli_sessions
    feature = next(iter(work.params.get("websocket_features") or ()), WEBHOOKS)
    if sessions is None or feature not in (WEBHOOKS, REQUEST_LOGS):
        raise StripeError("The sandbox opens sessions for webhooks and request logs only.", param="websocket_features")
    if work.params.get("filters") not in (None, "{}"):
        raise StripeError("The sandbox shows all requests; filter what it prints.", param="filters")
    session_id, url = sessions.issue(feature)
    return {
        "object": "stripecli.session",
        "secret": sessions.secret,
        "websocket_id": session_id,
        "websocket_url": url,
        "websocket_authorized_feature": feature,
        "reconnect_delay": RECONNECT_S,
        "default_version": API_VERSION,
        "latest_version": API_VERSION,
        "display_connect_filter_warning": False,
    }


RESOURCE = Resource("stripecli.session", routes=(Route("POST", "/v1/stripecli/sessions", _open, SESSION),))
