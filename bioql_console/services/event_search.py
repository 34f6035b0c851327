"""One search through Stripe's lists: first what is missing, then each of it by its own id, oldest first."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.services.event_feed import EventFeed, ListedEvent
from bioql_console.services.event_intake import MalformedEvent, parse
from bioql_console.services.ports import Store

PAGE = 100
BATCH = 50
# Stripe's test mode allows 25 reads a second, and an answer takes it a tenth of a second and more.
RETRIEVERS = 4
# So many missed events are held at a time, a few megabytes; what is beyond is found by looking again.
MOST_HELD = 20_000
GONE = "stripe.not_found"

Found = tuple[ListedEvent, EventFeed]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is.

    Args:
        missed: How many of the events were never heard of, as far as is known.
        settled: How many of those are here now, or gone from Stripe.
    """

    looked_at: int = 0
    missed: int = 0
    settled: int = 0


class Cancelled(Exception):
    """Whoever asked does not want it any more."""


class EventSearch:
    """Brings what was missed into the inbox. What is stored stays, however it ends; the next search goes on there.

    Args:
        grace_ms: Younger events are left out: they may still be on their way.
        kinds: A fingerprint of what the feeds list.
        tell: Called after each step, on the caller's thread.
        stored: Called after events were put into the inbox.
    """

    def __init__(
        self,
        store: Store,
        feeds: Sequence[EventFeed],
        now_ms: Callable[[], int],
        *,
        since_ms: int,
        grace_ms: int,
        kinds: str,
        tell: Callable[[Progress], None],
        stored: Callable[[], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self.progress = Progress()
        self.brought: list[ListedEvent] = []
        self._store, self._feeds, self._now_ms = store, feeds, now_ms
        self._since_ms, self._grace_ms, self._kinds = since_ms, grace_ms, kinds
        self._tell, self._stored, self._cancelled = tell, stored, cancelled

    def run(self) -> None:
        """Search to the end.

        Raises:
            Cancelled: `cancelled` said so.
            OperatorError: `stripe.*`, `db.*`.
        """
        until_ms = self._now_ms() - self._grace_ms
        with ThreadPoolExecutor(RETRIEVERS, thread_name_prefix="retrieve") as pool:
            while not self._bring(self._missing(), pool):
                pass
        with self._store.write() as work:
            work.coverage.complete(until_ms, self._now_ms(), self._kinds)
            work.commit()

    def _missing(self) -> deque[Found]:
        """What is not here, oldest first; when it is too much, its older part."""
        missing: deque[Found] = deque(maxlen=MOST_HELD)
        settled = self.progress.settled
        self.progress = Progress(0, settled, settled)
        for page in pages(listed(self._feeds, self._since_ms, self._grace_ms, self._now_ms())):
            if self._cancelled():
                raise Cancelled
            found = unknown(self._store, page)
            missing.extend(found)
            looked_at, missed = self.progress.looked_at + len(page), self.progress.missed + len(found)
            self._advance(replace(self.progress, looked_at=looked_at, missed=missed))
        missing.reverse()
        return missing

    def _bring(self, missing: deque[Found], pool: ThreadPoolExecutor) -> bool:
        """Fetch and store them, oldest first. False when there are more than were held."""
        while missing:
            batch = [missing.popleft() for _ in range(min(BATCH, len(missing)))]
            self._store_some(batch, missing[0] if missing else None, pool)
        return self.progress.settled >= self.progress.missed

    def _store_some(self, batch: list[Found], following: Found | None, pool: ThreadPoolExecutor) -> None:
        """Fetch a batch side by side and store it in order; if one can't be had, those before it."""
        received: list[ReceivedEvent | None] = []
        ended: Exception | None = None
        try:
            for event in pool.map(self._retrieved, batch):
                received.append(event)
        except (OperatorError, Cancelled) as problem:
            ended = problem
        if ended is not None:
            following = batch[len(received)]
        self._put(batch[: len(received)], [event for event in received if event is not None], following)
        if ended is not None:
            raise ended

    def _retrieved(self, found: Found) -> ReceivedEvent | None:
        """The event as it is asked for by its id, since nothing is taken from a list alone; None when it is gone."""
        if self._cancelled():
            raise Cancelled
        event, feed = found
        try:
            body = feed.retrieve(event.id).body
            received = parse(body, "", EventSource.BACKFILL, self._now_ms())
        except OperatorError as error:
            if error.code == GONE:
                return None
            raise
        except MalformedEvent as error:
            raise _another(event) from error
        if (received.id, received.type) != (event.id, event.type):
            raise _another(event)
        return received

    def _put(self, batch: list[Found], received: list[ReceivedEvent], following: Found | None) -> None:
        """One transaction: the events, and up to when the inbox is complete with them."""
        with self._store.write() as work:
            new = work.inbox.add_missed(received)
            if following is not None:
                # Of the second in which the next one happened, some may still be missing.
                work.coverage.complete(following[0].created_ms - 1, self._now_ms())
            work.commit()
        self.brought += [event for event, _ in batch if event.id in new]
        if new:
            self._stored()
        self._advance(replace(self.progress, settled=self.progress.settled + len(batch)))

    def _advance(self, progress: Progress) -> None:
        self.progress = progress
        self._tell(progress)


def listed(feeds: Sequence[EventFeed], since_ms: int, grace_ms: int, now_ms: int) -> Iterator[Found]:
    """What Stripe has and should have arrived by now, newest first."""
    lists = [_from_feed(feed, since_ms) for feed in feeds]
    for event, feed in merge(*lists, key=lambda found: -found[0].created_ms):
        # The sandbox's clock may be ahead of ours; what it calls the future has happened all the same.
        if not now_ms - grace_ms < event.created_ms <= now_ms:
            yield event, feed


def _from_feed(feed: EventFeed, since_ms: int) -> Iterator[Found]:
    return ((event, feed) for event in feed.listed(since_ms))


def pages(found: Iterable[Found]) -> Iterator[list[Found]]:
    """In parts that one question to the database can ask about."""
    left = iter(found)
    while page := list(islice(left, PAGE)):
        yield page


def unknown(store: Store, page: Sequence[Found]) -> list[Found]:
    """Those that are not in the inbox."""
    with store.read() as work:
        known = work.inbox.known([event.id for event, _ in page])
    return [(event, feed) for event, feed in page if event.id not in known]


def _another(event: ListedEvent) -> OperatorError:
    return OperatorError(
        f"Asked for event {event.id}, Stripe sent something else.",
        fix="Retry; if it stays so, look the event up on Stripe's page.",
        code="stripe.failed",
    )
