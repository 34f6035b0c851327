"""The Overview: figures, set-up, last events."""

from collections.abc import Collection
from typing import ClassVar

from PySide6.QtCore import QTimer, Signal, Slot

from bioql_console.domain.overview import Figures
from bioql_console.domain.paging import EventQuery
from bioql_console.services.ports import Work
from bioql_console.ui.models.row_table import RowTable
from bioql_console.ui.viewmodels import event_columns as columns
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

LAST_EVENTS = 8
# The checks ask Stripe and the keychain: under a flood of changes they take an eleventh of the time, not all of it.
PAUSE_TIMES = 10


class OverviewViewModel(ViewModel):
    """Signals: `figures_known` with Figures, `checks_known` with a list of CheckResult."""

    figures_known = Signal(object)
    checks_known = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("users", "balances", "events", "usage", "checkouts", "outbox-sent"))

    def __init__(self, workspace: Workspace, checks: Collection[str]) -> None:
        super().__init__(workspace)
        self._checks = checks
        shown = (columns.TIME, columns.TYPE, columns.CUSTOMER, columns.AMOUNT, columns.STATE)
        self.events = RowTable(shown, identity=lambda event: event.id)
        self._checking = self.latest()
        self._check_due = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._pause_over)
        self._closing.append(self._pause.stop)

    def refresh(self) -> None:
        super().refresh()
        self.check()

    def reread(self) -> None:
        super().refresh()
        if self._checking.running or self._pause.isActive():
            self._check_due = True
        else:
            self.check()

    def check(self) -> None:
        """Run the set-up checks again, now."""
        self._check_due = False
        self._checking.start(self._check)

    @Slot()
    def _pause_over(self) -> None:
        if not self._check_due:
            return
        if self._visible:
            self.check()
        else:
            self._stale = True

    async def _load(self) -> None:
        now, terms = self.workspace.now_ms(), self.console.settings().payment_terms_days

        def look(work: Work) -> tuple[Figures, tuple[object, ...]]:
            return work.figures.read(now, terms), work.inbox.page(EventQuery(), None, LAST_EVENTS).rows

        figures, events = await self.read(look)
        self.figures_known.emit(figures)
        self.events.show_rows(events)
        self.loaded()

    async def _check(self) -> None:
        began_ms = self.workspace.now_ms()
        self.checks_known.emit(await self.console.workers.probe.run(self.console.doctor.run, self._checks))
        self._pause.start(PAUSE_TIMES * max(0, self.workspace.now_ms() - began_ms))
