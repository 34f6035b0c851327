"""Names every event that was brought in from Stripe's list, and what it did."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from bioql_console.domain.errors import OperatorError
from bioql_console.services.missed_events import Fetched
from bioql_console.ui import formats
from bioql_console.ui.viewmodels.fetched import FetchedViewModel
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.cards import NoticePlace
from bioql_console.ui.widgets.dialogs import Asked
from bioql_console.ui.widgets.files import ask_where
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

WIDTH, HEIGHT = 940, 410
ROOMY = (1120, 560)


class FetchedDialog(Asked):
    """What was missed; each is decided as if it had been delivered. Stays right while they are applied."""

    def __init__(self, parent: QWidget, workspace: Workspace, found: Fetched) -> None:
        environment = workspace.console.environment.word
        super().__init__(parent, "Missed events were brought in", environment, "Close", cancel="")
        self.setMinimumWidth(WIDTH)
        self.resize(*ROOMY)
        model = self._model = FetchedViewModel(workspace, found)
        brought = formats.plural(
            len(found.events), "event that nobody had delivered is", "events that nobody delivered are"
        )
        looked_at = formats.plural(found.looked_at, "event", "events")
        left = f" {formats.count(found.left)} more are still missing." if found.left else ""
        self.words = PlainLabel(
            f"{brought} here now, of {looked_at} since {formats.short_moment(found.since_ms)}.{left}", "muted"
        ).wrapped()
        self.counted = PlainLabel("", "strong")
        self.table = DataTable("Missed events")
        self.table.setMinimumHeight(HEIGHT)
        self.table.show_table(model.rows.table)
        self._notices = NoticePlace(model.refresh)
        self.body.addLayout(self._notices)
        for widget in (self.words, self.counted):
            self.body.addWidget(widget)
        self.body.addWidget(self.table, 1)
        self.export = button("Export CSV…", lambda: model.act(self._export))
        self.buttons.insertWidget(0, self.export)
        model.counted.connect(self.counted.setText)
        model.failed.connect(self._show_failure)
        self.finished.connect(self._end)
        model.show()

    @Slot(object)
    def _show_failure(self, error: OperatorError | None) -> None:
        if error is None:
            self._notices.clear_notice()
        else:
            self._notices.bar.show_notice(error.what, error.fix, retry=True)

    async def _export(self) -> None:
        path = await ask_where(self, "Export the events", "missed-events.csv", "CSV (*.csv)")
        if path is not None:
            await self._model.write(path)

    @Slot(int)
    def _end(self, _result: int) -> None:
        self._model.close()
        self.deleteLater()
