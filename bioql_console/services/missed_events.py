"""Events that Stripe has and we never heard of: found in its own list, fetched, applied like any other."""

import hashlib
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.event_coverage import Coverage, Span
from bioql_console.services.changes import Change, Changes
from bioql_console.services.event_feed import EventFeed, ListedEvent, SnapshotFeed
from bioql_console.services.event_search import Cancelled, EventSearch, Progress, listed, pages, unknown
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess

# How far back Stripe's list goes.
KEPT_MS = 30 * DAY_MS
# A delivery may take that long without being missed.
GRACE_MS = 2 * 60_000
# Where nothing is delivered, there is no sense in waiting longer than a moment.
POLL_GRACE_MS = 5_000
# Stripe may list an event late. Each look goes back a little behind what is complete, and now and then far: with 50
# events a second, an hour of them is 1,800 pages, which nobody should read every half minute.
OVERLAP_MS, FAR_OVERLAP_MS = 2 * 60_000, 3_600_000
FAR_EVERY_MS = 15 * 60_000
# Clocks of several consoles differ by less; a time further ahead is a mistake.
SKEW_MS = 5 * 60_000
FRESH_MS = 30_000
LOOKED_AT = 300


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a search through Stripe's list brought.

    Args:
        events: What is here now and was not before, oldest first. What became of each is in the inbox.
        since_ms: How far back it looked.
        problem: Why it ended before its end; what is left is brought by the next search.
    """

    progress: Progress
    events: tuple[ListedEvent, ...]
    since_ms: int
    cancelled: bool = False
    problem: OperatorError | None = None

    @property
    def looked_at(self) -> int:
        return self.progress.looked_at

    @property
    def left(self) -> int:
        """How many missed events are known but not here yet."""
        return self.progress.missed - self.progress.settled


@dataclass(frozen=True, slots=True)
class BackfillStatus:
    """What the window shows of it.

    Args:
        progress: Of a search that is under way and has something to bring; None when there is none.
        away: What was brought in on start, because it came while no console was running.
        problem: Why the last look that nobody asked for failed; None when it did not.
    """

    progress: Progress | None = None
    away: Fetched | None = None
    problem: OperatorError | None = None


class MissedEvents:
    """Compares Stripe's lists with the inbox.

    Args:
        wake_applier: Called after events were put into the inbox.
        feeds: The lists; Stripe's list of snapshot events when left out.
    """

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        changes: Changes,
        now_ms: Callable[[], int],
        wake_applier: Callable[[], None] = lambda: None,
        feeds: Sequence[EventFeed] = (),
    ) -> None:
        self._store = store
        self._changes = changes
        self._now_ms = now_ms
        self._wake_applier = wake_applier
        self._feeds: tuple[EventFeed, ...] = tuple(feeds) or (SnapshotFeed(stripe),)
        self._console = uuid.uuid4().hex
        self._claim_ms = 0
        self._far_ms = 0
        self._at_work = threading.Lock()
        self._recent: tuple[int, tuple[ListedEvent, ...]] | None = None
        self.status = BackfillStatus()

    def recent(self) -> tuple[ListedEvent, ...]:
        """What was missed among the newest events of the last day. Stripe is asked at most every half minute.

        Raises:
            OperatorError: `stripe.*`, `db.*`.
        """
        now_ms = self._now_ms()
        if self._recent is None or not 0 <= now_ms - self._recent[0] < FRESH_MS:
            newest = islice(listed(self._feeds, now_ms - DAY_MS, GRACE_MS, now_ms), LOOKED_AT)
            missed = (found for page in pages(newest) for found in unknown(self._store, page))
            self._recent = now_ms, tuple(event for event, _ in missed)
        return self._recent[1]

    def fetch(
        self,
        operator: str,
        progress: Callable[[Progress], None] = lambda _progress: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Fetched:
        """Bring in everything that was missed in the last 30 days, as if it had been delivered.

        What goes wrong during the search is `Fetched.problem`: what was brought until then is here.

        Raises:
            OperatorError: `db.*`.
        """
        while not self._at_work.acquire(timeout=0.1):
            if cancelled():
                return Fetched(Progress(), (), 0, cancelled=True)
        try:
            self._note_lost()
            fetched = self._run(self._now_ms() - KEPT_MS, POLL_GRACE_MS, progress, cancelled, always_tell=True)
            self._record(operator, fetched)
            return fetched
        finally:
            self._at_work.release()

    def catch_up(
        self, *, away: bool = False, claim_ms: int = 0, cancelled: Callable[[], bool] = lambda: False
    ) -> Fetched | None:
        """Bring in what was missed since the last complete look; None when another console does it, or a search runs.

        Args:
            away: Whether it is what came while no console was running.
            claim_ms: How long other consoles on this database need not look.

        Raises:
            OperatorError: `stripe.*`, `db.*`; what was stored before stays stored.
        """
        if not self._at_work.acquire(blocking=False):
            return None
        try:
            self._claim_ms = claim_ms
            if not self._claim():
                return None
            since_ms = self._since(self._note_lost())
            fetched = self._run(since_ms, POLL_GRACE_MS, lambda _progress: None, cancelled)
            if away and fetched.events:
                before = self.status.away.events if self.status.away else ()
                self.status = replace(self.status, away=replace(fetched, events=(*before, *fetched.events)))
                self._record("console", fetched)
                self._changes.publish(Change("backfill"))
        except OperatorError as error:
            self._show_problem(error)
            raise
        finally:
            self._at_work.release()
        self._show_problem(fetched.problem)
        if fetched.problem is not None:
            raise fetched.problem
        return fetched

    def _show_problem(self, problem: OperatorError | None) -> None:
        # Published once a look is over, good or bad, since it changes up to when the inbox is complete.
        self.status = replace(self.status, problem=problem)
        self._changes.publish(Change("backfill"))

    def stop_following(self) -> None:
        """Let another console on this database follow Stripe's list at once.

        Raises:
            OperatorError: `db.*`.
        """
        with self._store.write() as work:
            work.coverage.release(self._console)
            work.commit()

    def reconciled(self, operator: str, reason: str) -> None:
        """The money of the time that Stripe no longer lists was compared in another way.

        Raises:
            OperatorError: `db.*`.
        """
        with self._store.write() as work:
            work.coverage.reconciled()
            work.activity.record(operator, "reconciled unlisted events", "Stripe's event list", reason=reason)
            work.commit()
        self._changes.publish(Change("backfill"), Change("activity"))

    def _claim(self) -> bool:
        """Whether this console is the one that follows the list."""
        now_ms = self._now_ms()
        with self._store.write() as work:
            mine = work.coverage.claim(self._console, now_ms, now_ms + self._claim_ms)
            work.commit()
        return mine

    def _note_lost(self) -> Coverage:
        """What is known of the list. A time that it no longer reaches, and in which nobody looked, is noted."""
        horizon_ms = self._now_ms() - KEPT_MS
        with self._store.write() as work:
            known = work.coverage.get()
            last_ms = known.complete_until_ms or work.inbox.last_created_ms()
            if last_ms is not None and last_ms < horizon_ms:
                work.coverage.lose(Span(last_ms, horizon_ms))
                work.commit()
        return known

    def _since(self, known: Coverage) -> int:
        """From when on a look must go."""
        now_ms = self._now_ms()
        horizon_ms = now_ms - KEPT_MS
        if known.complete_until_ms is None or known.kinds != self._kinds():
            return horizon_ms
        if known.complete_until_ms > now_ms + SKEW_MS:
            return horizon_ms  # a clock was wrong when that was written down
        far = not 0 <= now_ms - self._far_ms < FAR_EVERY_MS
        return max(horizon_ms, known.complete_until_ms - (FAR_OVERLAP_MS if far else OVERLAP_MS))

    def _kinds(self) -> str:
        """A newer console may care about more types: what is complete for the old ones is not for those."""
        kinds = ",".join(sorted(kind for feed in self._feeds for kind in feed.kinds()))
        return hashlib.sha256(kinds.encode()).hexdigest()[:16]

    def _record(self, operator: str, fetched: Fetched) -> None:
        after = f"{len(fetched.events):,} brought in, {fetched.left:,} left, {fetched.looked_at:,} looked at"
        with self._store.write() as work:
            work.activity.record(operator, "fetched missed events", "Stripe's event list", after=after)
            work.commit()
        self._changes.publish(Change("activity"))

    def _run(
        self,
        since_ms: int,
        grace_ms: int,
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        *,
        always_tell: bool = False,
    ) -> Fetched:
        def tell(now: Progress) -> None:
            if always_tell or now.missed:
                self.status = replace(self.status, progress=now)
                self._changes.publish(Change("backfill"))
            progress(now)

        began_ms = self._now_ms()
        search = EventSearch(
            self._store,
            self._feeds,
            self._now_ms,
            since_ms=since_ms,
            grace_ms=grace_ms,
            kinds=self._kinds(),
            tell=tell,
            stored=self._stored,
            cancelled=cancelled,
        )
        ended, problem = False, None
        try:
            search.run()
        except Cancelled:
            ended = True
        except OperatorError as error:
            problem = error
        else:
            if began_ms - since_ms >= FAR_OVERLAP_MS:
                self._far_ms = began_ms
        shown, self._recent = always_tell or self.status.progress is not None, None
        self.status = replace(self.status, progress=None)
        if shown:
            self._changes.publish(Change("backfill"))
        return Fetched(search.progress, tuple(search.brought), since_ms, ended, problem)

    def _stored(self) -> None:
        if self._claim_ms:
            self._claim()
        self._wake_applier()
        self._changes.publish(Change("events"))
