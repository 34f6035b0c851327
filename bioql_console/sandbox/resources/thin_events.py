"""`/v2/core/events`: events that are delivered without their content, which is fetched from here."""

from datetime import UTC, datetime

from ..errors import Json, missing
from ..ids import new_id
from ..params import Group, Integer, Many, Table, Text
from ..registry import Resource, Route
from ..work import Work

KIND = "v2.core.event"
BOUNDS: Table = {name: Text() for name in ("gt", "gte", "lt", "lte")}
LIST: Table = {
    "created": Group(of=BOUNDS),
    "limit": Integer(least=1, most=100),
    "object_id": Text(),
    "page": Text(),
    "types": Many(most=20),
}


def iso(at: int) -> str:
    """A time as the v2 API writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def emit_thin(work: Work, kind: str, data: Json, related: Json | None) -> Json:
    """Record a thin event and queue its delivery. What `data` holds is told only to whoever asks for the event."""
    event: Json = {
        "id": new_id("evt_test_"),
        "object": KIND,
        "context": None,
        "created": iso(work.now),
        "livemode": False,
        "reason": None,
        "related_object": related,
        "type": kind,
        "_data": data,
        "_about": related["id"] if related else None,
    }
    work.queue.add(event)
    work.store.put(event)
    return event


def _whole(event: Json) -> Json:
    return {name: value for name, value in event.items() if not name.startswith("_")} | {"data": event["_data"]}


def _retrieve(work: Work) -> Json:
    return _whole(work.addressed(KIND))


def _list(work: Work) -> Json:
    given = work.params
    equal = {}
    if given.get("types"):
        equal["type"] = given["types"]
    if given.get("object_id"):
        equal["_about"] = given["object_id"]
    page, limit = given.get("page"), given.get("limit") or 20
    if page and work.find(KIND, page) is None:
        raise missing(KIND, page, "page")
    found = work.store.select(
        KIND, equal=equal, created=given.get("created"), cursor=("<", page) if page else None, limit=limit + 1
    )
    rows, following = found[:limit], None
    if len(found) > limit:
        kept = "&".join(f"types[{number}]={kind}" for number, kind in enumerate(given.get("types") or []))
        following = f"/v2/core/events?limit={limit}&page={rows[-1]['id']}" + (f"&{kept}" if kept else "")
    return {"data": [_whole(row) for row in rows], "next_page_url": following, "previous_page_url": None}


RESOURCE = Resource(
    KIND,
    routes=(
        Route("GET", "/v2/core/events", _list, LIST),
        Route("GET", "/v2/core/events/{id}", _retrieve),
    ),
    lookups=("type", "_about"),
)
