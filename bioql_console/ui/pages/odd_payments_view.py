"""Payments that differ from their link, on a tab of the Payments page; and the dialogs that decide about them."""

from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from bioql_console.domain.plain_text import isolated
from bioql_console.domain.rights import Role
from bioql_console.services.live_plans import give_back_plan
from bioql_console.services.odd_payments import OddPayment
from bioql_console.ui.pages.arming import in_live
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.viewmodels.odd_payments import OddPaymentsViewModel, asked
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.cards import EmptyState, KeyValues
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import field
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace


class DecideDialog(FormDialog):
    """States both figures and what will happen, and asks for the reason."""

    def __init__(self, parent: QWidget, environment: str, odd: OddPayment, title: str, outcome: str) -> None:
        super().__init__(parent, title, environment, title, odd.why)
        facts = KeyValues()
        facts.show_rows(
            [
                ("Customer", odd.user.name if odd.user else "unknown"),
                ("Payment", odd.payment_intent),
                ("Paid", odd.paid),
                ("Asked for", asked(odd) or "— (not our link)"),
                ("What happens", outcome),
            ]
        )
        self.body.addWidget(facts)
        self.reason = field("Agreed by phone")
        self.add("Reason, for whoever reads the activity trail", self.reason, required("a reason"))


class OddPaymentsView(QWidget):
    """What waits for a decision."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(10)
        self.table = DataTable("Payments to decide about")
        self.none = EmptyState(
            "Nothing to decide",
            "A payment that differs from what its link asked for waits here. It counts once somebody decided.",
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.none)
        column.addWidget(self.stack, 1)
        self.count = button("Count it…", lambda: self._model.act(self._count), needs=Role.OPERATOR)
        self.give_back = button("Give it back…", lambda: self._model.act(self._give_back), needs=Role.OPERATOR)
        self.user = button("Show customer", self._show_user)
        self.origin = button("Show event", self._show_event)
        column.addLayout(toolbar(self.count, self.give_back, self.user, self.origin, None))

    def attach(self, workspace: Workspace) -> OddPaymentsViewModel:
        """Bring it to life; the page shows and closes what is returned."""
        self._workspace = workspace
        model = self._model = OddPaymentsViewModel(workspace)
        self.table.show_table(model.rows.table)
        self.table.selected.connect(lambda _row: self._enable())
        self.table.opened.connect(lambda _row: self._show_event())
        model.shown.connect(self._shown)
        model.busy_changed.connect(lambda _busy: self._enable())
        self._enable()
        return model

    async def _count(self) -> None:
        odd = self._row()
        if odd is not None and odd.user is not None:
            outcome = f"{odd.paid} count as paid by {isolated(odd.user.name)}"
            dialog = DecideDialog(self, self._workspace.console.environment.word, odd, "Count it", outcome)
            if await dialog.ask():
                await self._model.count(odd, dialog.reason.text())

    async def _give_back(self) -> None:
        odd = self._row()
        if odd is not None:
            outcome = f"Stripe refunds {odd.paid}; nothing is settled by it"
            dialog = DecideDialog(self, self._workspace.console.environment.word, odd, "Give it back", outcome)
            if await dialog.ask():
                plan, reason = give_back_plan(odd), dialog.reason.text()
                await in_live(self, self._workspace, lambda _work: plan, self._model.give_back, odd, reason)

    def _shown(self) -> None:
        self.stack.setCurrentWidget(self.table if self._model.rows.table.rows else self.none)
        self._enable()

    def _row(self) -> OddPayment | None:
        row = self.table.current_row()
        return row if isinstance(row, OddPayment) else None

    def _enable(self) -> None:
        row, idle = self._row(), not self._model.acting
        self.count.setEnabled(row is not None and row.countable and idle)
        self.give_back.setEnabled(row is not None and idle)
        self.user.setEnabled(row is not None and row.user is not None)
        self.origin.setEnabled(row is not None)

    def _show_user(self) -> None:
        row = self._row()
        if row is not None and row.user is not None:
            self._workspace.page_asked.emit("users", row.user.id)

    def _show_event(self) -> None:
        row = self._row()
        if row is not None:
            self._workspace.page_asked.emit("webhooks", row.id)
