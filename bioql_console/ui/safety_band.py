"""Across the top of every page while the books don't hold: nothing is posted, and this is the way back."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.safety import Breach
from bioql_console.ui import formats
from bioql_console.ui.main_window import MainWindow
from bioql_console.ui.viewmodels.safety import SafetyViewModel
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import field
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.workspace import Workspace

SAID = 3
PLANNED = 6
PLAN_WIDTH = 600
GOES_ON = "Events are still stored and acknowledged, and applied when the books hold again. Everything can be read."


class SafetyBand(QFrame):
    """Shown while something is broken, and only then. Lives as long as its workspace."""

    def __init__(self, workspace: Workspace, window: MainWindow) -> None:
        super().__init__()
        self._workspace, self._window = workspace, window
        self.setProperty("notice", "bad")
        self.setObjectName("safetyBand")
        self.setAccessibleName("The books don't hold")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.title = PlainLabel("", "title").wrapped().selectable()
        self.what = PlainLabel().wrapped().selectable()
        self.way_back = PlainLabel().wrapped().selectable()
        self.goes_on = PlainLabel(GOES_ON, "muted").wrapped()
        for label in (self.title, self.what, self.way_back, self.goes_on):
            words.addWidget(label)
        row.addLayout(words, 1)
        self.all = button("Show all", self._show_all)
        self.mend = button("Mend…", lambda: self._safety.act(self._mend))
        self.stop = button("Stop", lambda: self._safety.stop_checking())
        self.check = button("Check again", lambda: self._safety.act(self._safety.check_again), "primary")
        for each in (self.all, self.mend, self.stop, self.check):
            row.addWidget(each)
        self.stop.hide()
        self.hide()
        model = self._safety = SafetyViewModel(workspace)
        model.breaches_known.connect(self._show)
        model.failed.connect(self._failed)
        model.busy_changed.connect(self._lock)
        model.progressed.connect(self._progressed)
        workspace.closed.connect(self.close_band)
        window.notices.insertWidget(0, self)
        window.notices.setContentsMargins(18, 8, 18, 0)
        model.show()

    def close_band(self) -> None:
        """Its console closes."""
        self._safety.close()
        self.hide()
        self.deleteLater()

    def _show(self, breaches: list[Breach]) -> None:
        self.setVisible(bool(breaches))
        if not breaches:
            return
        since = formats.moment(breaches[0].found_ms)
        self.title.setText(f"The books don't hold. Nothing is posted or sent since {since}.")
        sentences = [each.difference.what for each in breaches[:SAID]]
        if len(breaches) > SAID:
            sentences.append(f"And {formats.count(len(breaches) - SAID)} more.")
        self.what.setText("\n".join(sentences))
        plan = self._safety.plan
        self.mend.setVisible(bool(plan))
        if plan:
            self.way_back.setText("Mend… says what it would do first. Then everything is checked again.")
        else:
            cures = list(dict.fromkeys(each.difference.cure for each in breaches))
            self.way_back.setText(f"{cures[0]} Then press Check again.")

    def _show_all(self) -> None:
        self._workspace.page_asked.emit("activity", "verify")

    def _lock(self, busy: bool) -> None:
        for each in (self.all, self.mend, self.check):
            each.setDisabled(busy)
        self.stop.setVisible(busy)
        if not busy:
            self.check.setText("Check again")

    def _progressed(self, percent: int) -> None:
        self.check.setText(f"Checking… {percent} %")

    def _failed(self, error: OperatorError | None) -> None:
        if error is not None:
            self.way_back.setText(error.sentence())

    async def _mend(self) -> None:
        environment = self._workspace.console.environment.word
        dialog = FormDialog(self._window, "Mend the books", environment, "Mend")
        dialog.setMinimumWidth(PLAN_WIDTH)
        for each in self._safety.plan[:PLANNED]:
            dialog.body.addWidget(PlainLabel(each.breach.difference.what, "muted").wrapped())
            dialog.body.addWidget(PlainLabel(each.words, "strong").wrapped())
        if (more := len(self._safety.plan) - PLANNED) > 0:
            dialog.body.addWidget(PlainLabel(f"And {formats.count(more)} more.", "muted"))
        reason = field(name="Why")
        dialog.add("Why", reason, required("a reason"), "It stays in the activity trail.")
        if await dialog.ask():
            await self._safety.mend(reason.text())
