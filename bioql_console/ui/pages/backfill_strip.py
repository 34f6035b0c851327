"""What was missed and fetched, on the Webhooks page: a timeline, how far Stripe's list was followed, and fetching."""

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from bioql_console.domain.event_coverage import Span
from bioql_console.domain.rights import Role
from bioql_console.services.event_search import Progress
from bioql_console.services.missed_events import Fetched
from bioql_console.ui import formats
from bioql_console.ui.pages.fetched_dialog import FetchedDialog
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.viewmodels.backfill import BackfillViewModel, Timeline
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import field
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel
from bioql_console.ui.widgets.timeline import EventTimeline
from bioql_console.ui.workspace import Workspace

BAR_WIDTH = 160
LOST = (
    "Nobody watched from {0} to {1}, and Stripe lists events of 30 days only. Events of that time may be missing for "
    "good: compare the money with Stripe's instead."
)


class BackfillStrip(QWidget):
    """Binds only.

    Signals:
        named: A dialog that names what was brought in was opened.
    """

    named = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.timeline = EventTimeline()
        self.words = ElidedLabel("", "muted")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of fetching")
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(BAR_WIDTH)
        self.away = button("", self._show_away, "quiet")
        self.fetch = button("Fetch missed", lambda: self._model.fetch(), needs=Role.OPERATOR)
        self.fetch.setToolTip("Looks through Stripe's own list of the last 30 days and brings in what never arrived")
        self.stop = button("Stop", lambda: self._model.stop())
        self.lost = PlainLabel("", "bad").wrapped()
        self.compare = button("Open Reconcile", lambda: self._workspace.page_asked.emit("reconcile", None))
        self.settle = button("It was compared…", lambda: self._model.act(self._settle), needs=Role.OPERATOR)
        column.addWidget(self.timeline)
        row = toolbar()
        row.addWidget(self.words, 1)
        for widget in (self.bar, self.away, self.fetch, self.stop):
            row.addWidget(widget)
        column.addLayout(row)
        below = toolbar()
        below.addWidget(self.lost, 1)
        for widget in (self.compare, self.settle):
            below.addWidget(widget)
        column.addLayout(below)
        for hidden in (self.bar, self.away, self.stop, self.lost, self.compare, self.settle):
            hidden.hide()

    def attach(self, workspace: Workspace) -> BackfillViewModel:
        """Bring it to life; the page shows and closes what is returned."""
        self._workspace = workspace
        model = self._model = BackfillViewModel(workspace)
        self._told = ("", "")
        model.progressed.connect(self._show_progress)
        model.told.connect(self._show_words)
        model.away_known.connect(self._know_away)
        model.lost_known.connect(self._show_lost)
        model.timeline_known.connect(self._show_timeline)
        model.fetched.connect(self.name)
        model.busy_changed.connect(lambda _busy: self._show_progress(model.progress))
        return model

    def name(self, found: Fetched) -> None:
        """Open the dialog that names what was brought in."""
        dialog = FetchedDialog(self, self._workspace, found)
        dialog.open()
        self.named.emit(dialog)

    @Slot(object)
    def _show_progress(self, progress: Progress | None) -> None:
        under_way, asked = progress is not None, self._model.acting
        self.bar.setVisible(under_way)
        self.stop.setVisible(asked and under_way)
        self.fetch.setVisible(not (asked and under_way))
        self.fetch.setEnabled(not under_way and not asked)
        if progress is None:
            self._show_words(*self._told)
            return
        self.bar.setRange(0, progress.missed if progress.settled else 0)
        self.bar.setValue(progress.settled)
        if progress.settled:
            words = f"Brought in {formats.count(progress.settled)} of {formats.count(progress.missed)}…"
        else:
            words = f"Looked at {formats.count(progress.looked_at)}, {formats.count(progress.missed)} were missed…"
        self.words.setText(words)

    @Slot(str, str)
    def _show_words(self, words: str, tone: str) -> None:
        self._told = (words, tone)
        if self._model.progress is None:
            self.words.setText(words)
            self.words.set_tone(tone)

    @Slot(object)
    def _know_away(self, away: Fetched | None) -> None:
        self._away: Any = away
        self.away.setVisible(away is not None)
        if away is not None:
            self.away.setText(f"{formats.plural(len(away.events), 'event', 'events')} came while you were away")

    def _show_away(self) -> None:
        if self._away is not None:
            self.name(self._away)

    @Slot(object)
    def _show_lost(self, lost: Span | None) -> None:
        for widget in (self.lost, self.compare, self.settle):
            widget.setVisible(lost is not None)
        if lost is not None:
            self.lost.setText(LOST.format(formats.moment(lost.from_ms), formats.moment(lost.until_ms)))

    @Slot(object)
    def _show_timeline(self, seen: Timeline) -> None:
        self.timeline.show_times(seen.span, seen.hours, seen.gaps)

    async def _settle(self) -> None:
        environment = self._workspace.console.environment.word
        note = "The warning goes; the activity trail keeps who compared the money, and how."
        dialog = FormDialog(self, "The money of that time was compared", environment, "Confirm", note)
        how = field("Payouts and payments of October agree")
        dialog.add("How", how, required("how it was compared"))
        if await dialog.ask():
            await self._model.reconciled(how.text())
