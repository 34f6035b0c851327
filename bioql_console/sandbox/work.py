"""What a handler works with: one request's parameters, and objects and events within one transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .delivery_queue import DeliveryQueue
from .errors import Json, StripeError, missing
from .ids import new_id
from .registry import Registry
from .store import Store

API_VERSION = "2026-10-28.endive"
"""The version in which every object and event is rendered."""
ACCOUNT_VERSION = "2026-03-25.dahlia"
"""The account's default: by which a request is read that names no version, as those of Stripe's command line."""
# What Stripe shows without `livemode`.
WITHOUT_MODE = ("refund",)


@dataclass
class Work:
    """One request, page visit or due job.

    Args:
        params: Checked parameters.
        path: Ids from the address.
        request_id: None when nobody asked through the API, e.g. for what the clock brings about.
        base_url: Where this sandbox is reached, for links to its pages.
        version: Stripe's API version by which the parameters are read.
    """

    store: Store
    registry: Registry
    queue: DeliveryQueue
    base_url: str
    params: Json = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    request_id: str | None = None
    idempotency_key: str | None = None
    url: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    version: str = API_VERSION

    @property
    def now(self) -> int:
        return self.store.now()

    def new(self, kind: str, prefix: str, **fields: Any) -> Json:
        """A new object with every field of its kind. It is not stored yet."""
        made = self.registry.by_object[kind].template()
        mode = {} if kind in WITHOUT_MODE else {"livemode": False}
        return {"id": new_id(prefix), "object": kind, **made, "created": self.now, **mode} | fields

    def save(self, thing: Json, event: str | None = None) -> Json:
        """Store a new object, and tell about it."""
        self.store.put(thing)
        if event:
            self.emit(event, thing)
        return thing

    def change(self, thing: Json, event: str | None, **fields: Any) -> Json:
        """Store an object with changed fields. There is no event when nothing changed."""
        changed = thing | fields
        previous = _previous(thing, changed)
        if changed != thing:
            self.store.put(changed)
        if event and previous:
            self.emit(event, changed, previous)
        return changed

    def find(self, kind: str, object_id: str) -> Json | None:
        return self.store.get(kind, object_id)

    def require(self, kind: str, object_id: str, param: str) -> Json:
        """The object a parameter names.

        Raises:
            StripeError: 400 `resource_missing`; deleted counts as missing.
        """
        found = self.store.get(kind, object_id)
        if found is None or found.get("deleted"):
            raise missing(kind, object_id, param)
        return found

    def addressed(self, kind: str, param: str = "id", *, even_deleted: bool = False) -> Json:
        """The object the address names.

        Raises:
            StripeError: 404 `resource_missing`.
        """
        object_id = self.path[param]
        found = self.store.get(kind, object_id)
        if found is None or (found.get("deleted") and not even_deleted):
            raise missing(kind, object_id, "id" if param in ("customer", "webhook_endpoint") else param, status=404)
        return found

    def schedule(self, due: int, job: str, object_id: str) -> None:
        """Do the job once the sandbox's clock shows `due` seconds."""
        self.store.schedule(due, job, object_id)

    def schedule_once(self, due: int, job: str, object_id: str) -> None:
        """As `schedule`, but a job that waits already keeps its time."""
        self.store.schedule(due, job, object_id, replace=False)

    def emit(self, kind: str, thing: Json, previous: Json | None = None) -> Json:
        """Record an event about an object as it is now, and queue its deliveries, in this transaction."""
        data: Json = {"object": public(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Json = {
            "id": new_id("evt_"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": kind,
        }
        event["pending_webhooks"] = self.queue.add(event)
        self.store.put(event)
        return event

    def page(
        self,
        kind: str,
        *,
        equal: Mapping[str, object] | None = None,
        created: Mapping[str, int] | None = None,
        where: Iterable[tuple[str, Sequence[object]]] = (),
        shown: Callable[[Json], Json] = lambda thing: thing,
    ) -> Json:
        """A list object: one page of what fits, newest first."""
        limit, after, before = self._wanted()
        cursor = ("<", after) if after else (">", before) if before else None
        if cursor and self.store.get(kind, cursor[1]) is None:
            raise missing(kind, cursor[1], "starting_after" if after else "ending_before")
        found = self.store.select(kind, equal=equal, created=created, where=where, cursor=cursor, limit=limit + 1)
        rows = found[:limit]
        if before:
            rows.reverse()
        return {
            "object": "list",
            "data": [shown(row) for row in rows],
            "has_more": len(found) > limit,
            "url": self.url,
        }

    def page_of(self, kind: str, items: Sequence[Json]) -> Json:
        """A list object: one page of what is not stored by itself, in the order given."""
        limit, after, before = self._wanted()
        begin, end = 0, len(items)
        if cursor := after or before:
            place = next((number for number, item in enumerate(items) if item["id"] == cursor), None)
            if place is None:
                raise missing(kind, cursor, "starting_after" if after else "ending_before")
            begin, end = (place + 1, end) if after else (0, place)
        shown = items[max(begin, end - limit) : end] if before else items[begin : min(end, begin + limit)]
        return {"object": "list", "data": shown, "has_more": end - begin > limit, "url": self.url}

    def _wanted(self) -> tuple[int, str | None, str | None]:
        """Which page is asked for: how many, after which, before which."""
        after, before = self.params.get("starting_after"), self.params.get("ending_before")
        if after and before:
            message = "You can only specify one of these parameters: starting_after, ending_before."
            raise StripeError(message, param="starting_after")
        return self.params.get("limit") or 10, after, before


def public(thing: Json) -> Json:
    """An object without what only the sandbox knows: fields whose name starts with an underscore."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}


def _previous(before: Json, after: Json) -> Json:
    """The old values of what differs; inside groups only the parts that differ."""
    changes: Json = {}
    for name in after:
        old, new = before.get(name), after[name]
        if old == new or name.startswith("_"):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            changes[name] = {key: old.get(key) for key in {**old, **new} if old.get(key) != new.get(key)}
        else:
            changes[name] = old
    return changes
