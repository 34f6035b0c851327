"""Activity: the audit trail, and the proofs that trail and books are whole."""

from typing import Any, ClassVar

from PySide6.QtWidgets import QStackedWidget

from bioql_console.domain.verification import Verification
from bioql_console.ui import formats
from bioql_console.ui.pages.page import Page, toolbar
from bioql_console.ui.viewmodels.activity import ActivityViewModel
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.cards import EmptyState
from bioql_console.ui.widgets.fields import SearchField
from bioql_console.ui.widgets.files import ask_where
from bioql_console.ui.widgets.labels import PlainLabel, StatePill
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace


class ActivityPage(Page):
    """Search, checks, table."""

    name: ClassVar[str] = "activity"
    title: ClassVar[str] = "Activity"

    def __init__(self) -> None:
        super().__init__()
        self.search = SearchField("Operator, action, subject, reason", "Search activity")
        self.search.setMinimumWidth(280)
        self.chain = button("Check the trail", lambda: self._activity.act(self._activity.check_chain))
        self.books = button("Check the books", lambda: self._activity.act(self._activity.verify))
        self.export = button("Export CSV…", lambda: self._activity.act(self._export))
        self.body.addLayout(toolbar(self.search, None, self.chain, self.books, self.export))
        self.state = StatePill()
        self.words = PlainLabel().wrapped().selectable()
        self.state.hide()
        self.words.hide()
        result = toolbar(self.state)
        result.addWidget(self.words, 1)
        self.body.addLayout(result)
        self.table = DataTable("Activity")
        self.none = EmptyState("Nothing yet", "Every act of an operator leaves a record here, with its reason.")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.none)
        self.body.addWidget(self.stack, 1)

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._activity = ActivityViewModel(workspace)
        self.adopt(model)
        self.table.show_table(model.rows.table)
        self.table.recall(workspace.memory)
        self.search.searched.connect(model.search)
        model.checked.connect(self._say)
        model.verified.connect(self._show_verification)
        model.refreshed.connect(lambda _at: self._shown())
        model.busy_changed.connect(self._lock)

    def focus_search(self) -> None:
        self.search.setFocus()

    def show_argument(self, argument: Any) -> None:
        if argument == "verify":
            self._activity.act(self._activity.verify)

    def _shown(self) -> None:
        self.stack.setCurrentWidget(self.table if self._activity.rows.table.rows else self.none)

    def _lock(self, busy: bool) -> None:
        for each in (self.chain, self.books, self.export):
            each.setDisabled(busy)

    def _say(self, ok: bool, words: str) -> None:
        self.state.show_state(*(("OK", "ok") if ok else ("Broken", "bad")))
        self.words.setText(words)
        self.state.show()
        self.words.show()

    def _show_verification(self, found: Verification) -> None:
        if found.ok:
            owed, credit = formats.dollars(found.owed_micros), formats.dollars(found.credit_micros)
            entries, users = formats.count(found.entries), formats.count(found.users)
            self._say(True, f"The books balance: {entries} entries, {users} users, {owed} owed, {credit} credit.")
        else:
            lines = [f"{difference.what} {difference.cure}" for difference in found.differences[:10]]
            self._say(False, "\n".join(lines))

    async def _export(self) -> None:
        name = f"activity-{self._workspace.console.environment.value}.csv"
        path = await ask_where(self, "Export activity", name, "CSV (*.csv)")
        if path is not None:
            await self._activity.export(path)
