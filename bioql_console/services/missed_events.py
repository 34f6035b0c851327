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
            newest = islice(self._listed(now_ms - DAY_MS), LOOKED_AT)
            self._recent = now_ms, tuple(each for batch in self._unknown(newest) for each in batch)
        return self._recent[1]

    def fetch(self, operator: str) -> Fetched:
        """Bring in everything that was missed in the last 30 days, as if it had been delivered.

        Raises:
            OperatorError: `stripe.*`, `db.*`; what was stored before stays stored.
        """
        looked_at = 0

        def counted() -> Iterator[StripeEvent]:
            nonlocal looked_at
            for event in self._listed(self._now_ms() - KEPT_MS):
                looked_at += 1
                yield event

        fetched: list[StripeEvent] = []
        for missed in self._unknown(counted()):
            self._keep(missed)
            fetched += missed
        with self._store.write() as work:
            after = f"{len(fetched):,} missed of {looked_at:,}"
            work.activity.record(operator, "fetched missed events", "Stripe's event list", after=after)
            work.commit()
        self._recent = None
        self._wake_applier()
        self._changes.publish(Change("events"), Change("activity"))
        return Fetched(looked_at, tuple(fetched))

    def _listed(self, since_ms: int) -> Iterator[StripeEvent]:
        """Events that matter to the ledger and should have arrived by now, newest first."""
        now_ms = self._now_ms()
        kinds, gateway = sorted(DECISIONS), self._stripe.gateway()
        lists = [
            gateway.list_events(since_ms, kinds[first : first + MOST_TYPES])
            for first in range(0, len(kinds), MOST_TYPES)
        ]
        for event in merge(*lists, key=lambda each: -each.created_ms):
            # The sandbox's clock may be ahead of ours; what it calls the future has happened all the same.
            if not now_ms - GRACE_MS < event.created_ms <= now_ms:
                yield event

    def _unknown(self, events: Iterator[StripeEvent]) -> Iterator[list[StripeEvent]]:
        while batch := list(islice(events, BATCH)):
            with self._store.read() as work:
                known = work.inbox.known([event.id for event in batch])
            if missed := [event for event in batch if event.id not in known]:
                yield missed

    def _keep(self, missed: list[StripeEvent]) -> None:
        now_ms = self._now_ms()
        with self._store.write() as work:
            # Oldest first, as they would have come.
            work.inbox.add([parse(event.body, "", EventSource.BACKFILL, now_ms) for event in reversed(missed)])
            work.commit()
