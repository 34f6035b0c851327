"""What Stripe has and we never heard of: how far its list was followed, fetching from it, and when nobody watched."""

import threading
from dataclasses import dataclass
from typing import ClassVar

from PySide6.QtCore import QTimer, Signal, Slot

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.event_coverage import Coverage, Gap, HourOfEvents, Span, gaps, judged
from bioql_console.services.event_search import Progress
from bioql_console.services.missed_events import Fetched
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

DAYS = 7
# Under a flood of events the timeline is drawn again this often.
GATHER_MS = 1_000


@dataclass(frozen=True, slots=True)
class Timeline:
    """The last days: events by the hour, and when nobody watched."""

    span: Span
    hours: tuple[HourOfEvents, ...]
    gaps: tuple[Gap, ...]


class BackfillViewModel(ViewModel):
    """Signals:
    progressed: Progress of a search that is under way, or None.
    fetched: A Fetched that brought something.
    told: Up to when everything is here, a sentence and its tone ("", "bad" or "unknown").
    away_known: What came while no console was running, a Fetched, or None.
    lost_known: The Span that Stripe no longer lists, or None.
    timeline_known: A Timeline.
    """

    progressed = Signal(object)
    fetched = Signal(object)
    told = Signal(str, str)
    away_known = Signal(object)
    lost_known = Signal(object)
    timeline_known = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("backfill",))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.interrupted = False
        self._stop = threading.Event()
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.setInterval(GATHER_MS)
        self._gathering.timeout.connect(self._drawn_late)
        workspace.changed.connect(self._hear_more)

    @property
    def progress(self) -> Progress | None:
        return self.console.missed_events.status.progress

    def fetch(self) -> None:
        """Bring in what was missed in the last 30 days."""
        self.act(self._fetch)

    def stop(self) -> None:
        """End fetching; what is stored stays."""
        self._stop.set()

    def close(self) -> None:
        self._stop.set()
        self._gathering.stop()
        self.workspace.changed.disconnect(self._hear_more)
        super().close()

    async def _fetch(self) -> None:
        stop = self._stop = threading.Event()
        missed, operator = self.console.missed_events, self.console.operator
        self.interrupted = False
        found = await self.console.workers.stripe.run(missed.fetch, operator, cancelled=stop.is_set)
        if found.events:
            self.fetched.emit(found)
        if found.problem is not None:
            self.interrupted = True
            raise _interrupted(found, found.problem)
        if found.cancelled:
            self.workspace.toasted.emit(f"Stopped: {_brought(found)}; fetching again goes on from there")
        elif not found.events:
            looked_at = formats.plural(found.looked_at, "event", "events")
            self.workspace.toasted.emit(f"Nothing was missed: {looked_at} of the last 30 days are here")

    async def reconciled(self, reason: str) -> None:
        """What Stripe no longer lists was compared by its money; by way of `act`."""
        await self.console.workers.database.run(self.console.missed_events.reconciled, self.console.operator, reason)

    async def _load(self) -> None:
        now_ms = self.workspace.now_ms()
        since_ms = now_ms - DAYS * DAY_MS

        def look(work: Work) -> tuple[Coverage, list[HourOfEvents], list[Span]]:
            return work.coverage.get(), work.inbox.hours(since_ms), work.coverage.watches(since_ms)

        coverage, hours, watches = await self.read(look)
        status = self.console.missed_events.status
        self.progressed.emit(status.progress)
        self.told.emit(*_words(coverage, status.problem, now_ms))
        self.away_known.emit(status.away)
        lost = coverage.lost_from_ms, coverage.lost_until_ms
        self.lost_known.emit(None if lost[0] is None or lost[1] is None else Span(lost[0], lost[1]))
        found = judged(gaps(watches, since_ms, now_ms), coverage, hours)
        self.timeline_known.emit(Timeline(Span(since_ms, now_ms), tuple(hours), tuple(found)))
        self.loaded()

    @Slot(object)
    def _hear_more(self, topics: frozenset[str]) -> None:
        if "backfill" in topics and self._visible:
            self.progressed.emit(self.progress)
        if "events" in topics and not self._gathering.isActive():
            self._gathering.start()

    @Slot()
    def _drawn_late(self) -> None:
        self._hear(self.topics)


def _words(coverage: Coverage, problem: OperatorError | None, now_ms: int) -> tuple[str, str]:
    if problem is not None:
        return f"Stripe's list can't be followed. {problem.what} {problem.fix}", "bad"
    until_ms = coverage.complete_until_ms
    if until_ms is None:
        return "Stripe's list was not looked through yet.", "unknown"
    when = formats.clock(until_ms) if now_ms - until_ms < DAY_MS else formats.moment(until_ms)
    return f"Everything that Stripe lists up to {when} is here.", ""


def _brought(found: Fetched) -> str:
    return (
        f"{formats.count(len(found.events))} of {formats.plural(found.progress.missed, 'event', 'events')} brought in"
    )


def _interrupted(found: Fetched, problem: OperatorError) -> OperatorError:
    what = f"{problem.what} {_brought(found)}." if found.progress.missed else problem.what
    return OperatorError(what, fix=f"{problem.fix} Fetching again goes on from there.", code=problem.code)
