"""From a verified body to the inbox: parsed with suspicion, stored with one commit for all who wait."""

import json
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.users import storable
from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.services.bugs import note_bug
from bioql_console.services.ports import Store

MOST_PER_COMMIT = 512
TRIES = 4
# More than Stripe sends for all of BioQL: somebody catches up, or tries how much we can bear.
STORM_EVENTS, STORM_S = 16, 0.032
HEARTBEAT_TYPE = "bioql.heartbeat"
LONGEST_ID = 255


class MalformedEvent(ValueError):
    """A signed body that is no event of Stripe's. The message says what is wrong with it."""


def parse(payload: bytes, signature: str, source: EventSource, now_ms: int) -> ReceivedEvent:
    """The envelope of an event; its content is looked at when it is applied.

    Raises:
        MalformedEvent: not UTF-8, not JSON, nested too deeply, or without the fields of an event.
    """
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent("The body is not JSON.") from error
    if not isinstance(found, dict) or found.get("object") not in ("event", "v2.core.event"):
        raise MalformedEvent("The body is no Stripe event.")
    event_id, kind = _text(found, "id"), _text(found, "type")
    livemode = found.get("livemode")
    if type(livemode) is not bool:
        raise MalformedEvent("The event does not say whether it is live.")
    api_version = found.get("api_version")
    return ReceivedEvent(
        id=event_id,
        type=kind,
        body=payload,
        created_ms=_created_ms(found.get("created"), now_ms),
        received_ms=now_ms,
        source=source,
        livemode=livemode,
        api_version=api_version if isinstance(api_version, str) and storable(api_version) else "",
        signature=signature[:1000],
    )


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or not storable(value):
        raise MalformedEvent(f"The event has no readable {name}.")
    return value


def _created_ms(created: Any, now_ms: int) -> int:
    """Snapshot events say seconds, thin events an ISO time."""
    if isinstance(created, str):
        try:
            return iso_ms(created)
        except ValueError:
            return now_ms
    return created * 1000 if type(created) is int and 0 <= created < 10**11 else now_ms


def iso_ms(text: str) -> int:
    """A time as Stripe's v2 API writes it.

    Raises:
        ValueError: it is none, or says no zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return round((at - datetime.fromtimestamp(0, UTC)) / timedelta(milliseconds=1))


class Waiting(Protocol):
    """Who waits for an event to be durable: a `Future`, or what can be told like one. Called on the writer's thread."""

    def set_running_or_notify_cancel(self) -> bool: ...
    def set_result(self, result: None, /) -> None: ...
    def set_exception(self, error: OperatorError, /) -> None: ...


Item = tuple[ReceivedEvent, Waiting]


class InboxWriter:
    """One thread that commits. Events that arrive during a commit share the next one.

    Args:
        on_commit: Called on the writer's thread after each commit; must be quick.
        clock_s: A clock that is never set back, seconds.
    """

    def __init__(
        self,
        store: Store,
        on_commit: Callable[[], None] = lambda: None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock_s = clock_s
        self._store = store
        self._on_commit = on_commit
        self._storing = False
        # When the last events came.
        self._came_s: deque[float] = deque(maxlen=STORM_EVENTS)
        self._queue: queue.SimpleQueue[Sequence[Item] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
        self._thread.start()

    def submit(self, event: ReceivedEvent) -> Future[None]:
        """Resolved once the event is durably stored; holds an OperatorError `db.*` when it can't be."""
        future: Future[None] = Future()
        self.put([(event, future)])
        return future

    def put(self, items: Sequence[Item]) -> None:
        """As `submit`, for who brings several, each with what is to be told."""
        self._came_s.extend([self._clock_s()] * len(items))
        self._queue.put(items)

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an event to be stored, or more come than anybody could apply at once."""
        if self._storing or not self._queue.empty():
            return True
        return len(self._came_s) == STORM_EVENTS and self._came_s[0] > self._clock_s() - STORM_S

    def close(self) -> None:
        """Store what was submitted, then end."""
        self._queue.put(None)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while True:
            batch, ended = self._next_batch()
            if batch:
                self._storing = True
                self._store_batch(batch)
                self._storing = False
            if ended:
                return

    def _next_batch(self) -> tuple[list[Item], bool]:
        batch: list[Item] = []
        items = self._queue.get()
        while items is not None:
            # Nobody waits any more for what was cancelled; from here on it can't be.
            batch += [item for item in items if item[1].set_running_or_notify_cancel()]
            if len(batch) >= MOST_PER_COMMIT:
                return batch, False
            try:
                items = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _store_batch(self, batch: list[Item]) -> None:
        try:
            self._commit([event for event, _ in batch])
        except OperatorError as error:
            for _, future in batch:
                future.set_exception(error)
            return
        except Exception as bug:
            self._store_one_by_one(batch, bug)
            return
        for _, future in batch:
            future.set_result(None)
        self._on_commit()

    def _commit(self, events: list[ReceivedEvent]) -> None:
        """Another server may have the same rows in another order: the database then undoes one of the two."""
        for tries_left in reversed(range(TRIES)):
            try:
                with self._store.write() as work:
                    work.inbox.add(events)
                    work.commit()
                return
            except OperatorError as error:
                if error.code != "db.busy" or not tries_left:
                    raise

    def _store_one_by_one(self, batch: list[Item], bug: Exception) -> None:
        """An event over which we stumble keeps no other out."""
        if len(batch) > 1:
            for each in batch:
                self._store_batch([each])
            return
        note_bug(bug)
        batch[0][1].set_exception(
            OperatorError(
                "The console stumbled over the event; this is a mistake of its own.",
                fix="Send the report in the log to the maintainers; Stripe will deliver the event again.",
                code="inbox.stumbled",
            )
        )
