"""Events that Stripe has and we never heard of: found in its own list, fetched, applied like any other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.webhooks import EventSource
from bioql_console.services.changes import Change, Changes
from bioql_console.services.event_decisions import DECISIONS
from bioql_console.services.event_intake import parse
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_types import StripeEvent

# How far back Stripe's list goes.
KEPT_MS = 30 * DAY_MS
# A delivery may take that long without being missed.
GRACE_MS = 2 * 60_000
# Where nothing is delivered, there is no sense in waiting longer than a moment.
POLL_GRACE_MS = 5_000
FRESH_MS = 30_000
LOOKED_AT = 300
# Stripe lists events of at most so many types at once.
MOST_TYPES = 20
BATCH = 100


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a search through Stripe's list brought: ids by type."""

    looked_at: int
    events: tuple[StripeEvent, ...]


class MissedEvents:
    """Compares Stripe's list with the inbox.

    Args:
        wake_applier: Called after events were put into the inbox.
    """

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        changes: Changes,
        now_ms: Callable[[], int],
        wake_applier: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms
        self._wake_applier = wake_applier
        self._recent: tuple[int, tuple[StripeEvent, ...]] | None = None

    def recent(self) -> tuple[StripeEvent, ...]:
        """What was missed among the newest events of the last day. Stripe is asked at most every half minute.

        Raises:
            OperatorError: `stripe.*`, `db.*`.
        """
        now_ms = self._now_ms()
        if self._recent is None or not 0 <= now_ms - self._recent[0] < FRESH_MS:
            newest = islice(self._listed(now_ms - DAY_MS, GRACE_MS), LOOKED_AT)
            self._recent = now_ms, tuple(each for batch in self._unknown(newest) for each in batch)
        return self._recent[1]

    def fetch(
        self,
        operator: str,
        progress: Callable[[int, int], None] = lambda _looked_at, _fetched: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Fetched:
        """Bring in everything that was missed in the last 30 days, as if it had been delivered.

        Args:
            progress: Told how many events were looked at, and how many of them brought in.

        Raises:
            OperatorError: `stripe.*`, `db.*`; what was stored before stays stored.
        """
        looked_at = 0
        fetched: list[StripeEvent] = []

        def counted() -> Iterator[StripeEvent]:
            nonlocal looked_at
            for event in self._listed(self._now_ms() - KEPT_MS, GRACE_MS):
                if cancelled():
                    return
                looked_at += 1
                yield event

        for missed in self._unknown(counted()):
            fetched += self._keep(missed)
            progress(looked_at, len(fetched))
        with self._store.write() as work:
            after = f"{len(fetched):,} missed of {looked_at:,}"
            work.activity.record(operator, "fetched missed events", "Stripe's event list", after=after)
            work.commit()
        self._recent = None
        self._wake_applier()
        self._changes.publish(Change("events"), Change("activity"))
        return Fetched(looked_at, tuple(fetched))

    def poll_last(self, span_ms: int) -> int:
        """Bring in what was missed in the last `span_ms`. How many events that were.

        Raises:
            OperatorError: `stripe.*`, `db.*`.
        """
        listed = self._listed(self._now_ms() - span_ms, POLL_GRACE_MS)
        brought = sum(len(self._keep(missed)) for missed in self._unknown(listed))
        if brought:
            self._wake_applier()
            self._changes.publish(Change("events"))
        return brought

    def _listed(self, since_ms: int, grace_ms: int) -> Iterator[StripeEvent]:
        """Events that matter to the ledger and should have arrived by now, newest first."""
        now_ms = self._now_ms()
        kinds, gateway = sorted(DECISIONS), self._stripe.gateway()
        lists = [
            gateway.list_events(since_ms, kinds[first : first + MOST_TYPES])
            for first in range(0, len(kinds), MOST_TYPES)
        ]
        for event in merge(*lists, key=lambda each: -each.created_ms):
            # The sandbox's clock may be ahead of ours; what it calls the future has happened all the same.
            if not now_ms - grace_ms < event.created_ms <= now_ms:
                yield event

    def _unknown(self, events: Iterator[StripeEvent]) -> Iterator[list[StripeEvent]]:
        while batch := list(islice(events, BATCH)):
            with self._store.read() as work:
                known = work.inbox.known([event.id for event in batch])
            if missed := [event for event in batch if event.id not in known]:
                yield missed

    def _keep(self, missed: list[StripeEvent]) -> list[StripeEvent]:
        """Store events as each of them is retrieved by its own id: nothing is taken from a list alone."""
        gateway, now_ms = self._stripe.gateway(), self._now_ms()
        missed = [gateway.retrieve_event(event.id) for event in missed]
        with self._store.write() as work:
            # Oldest first, as they would have come.
            work.inbox.add([parse(event.body, "", EventSource.BACKFILL, now_ms) for event in reversed(missed)])
            work.commit()
        return missed
