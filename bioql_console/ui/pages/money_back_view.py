"""Refunds and disputes, on a tab of the Payments page; and the dialogs that start them."""

from collections.abc import Awaitable, Callable
from functools import partial

from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from bioql_console.domain.refunds import UNDECIDED, MoneyBack, MoneyBackKind, Refundable
from bioql_console.domain.rights import Role
from bioql_console.services.live_plans import accept_dispute_plan, answer_dispute_plan, refund_plan
from bioql_console.ui import formats
from bioql_console.ui.pages.arming import in_live
from bioql_console.ui.pages.dispute_dialogs import AcceptDialog, EvidenceDialog
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.pages.refund_dialog import RefundDialog
from bioql_console.ui.viewmodels.money_back import MoneyBackViewModel
from bioql_console.ui.widgets.buttons import Chips, CopyButton, button
from bioql_console.ui.widgets.cards import EmptyState
from bioql_console.ui.widgets.dialogs import PlanDialog
from bioql_console.ui.widgets.fields import SearchField
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

CHIPS = (("refund", "Refunds"), ("dispute", "Disputes"), ("undecided", "Not decided yet"))


class MoneyBackView(QWidget):
    """What went back, and why."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(10)
        self.search = SearchField("Customer, pi_…", "Search refunds and disputes")
        self.chips = Chips(CHIPS)
        column.addLayout(toolbar(self.search, self.chips, None))
        self.table = DataTable("Refunds and disputes")
        self.none = EmptyState(
            "Nothing went back",
            "A paid link or invoice is refunded on its own tab; disputes appear when banks open them.",
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.none)
        column.addWidget(self.stack, 1)
        self.answer = button("Answer with evidence…", lambda: self._model.act(self._answer), needs=Role.OPERATOR)
        self.accept = button("Accept dispute…", lambda: self._model.act(self._accept), needs=Role.OPERATOR)
        self.user = button("Show customer", self._show_user)
        self.origin = button("Show event", lambda: self._model.act(self._show_event))
        self.copy = CopyButton("Copy payment", lambda: self._payment(), "the payment's id")
        column.addLayout(toolbar(self.answer, self.accept, self.user, self.origin, self.copy, None))

    def attach(self, workspace: Workspace) -> MoneyBackViewModel:
        """Bring it to life; the page shows and closes what is returned."""
        self._workspace = workspace
        model = self._model = MoneyBackViewModel(workspace)
        self.table.show_table(model.rows.table)
        self.table.selected.connect(lambda _row: self._enable())
        self.table.opened.connect(lambda _row: self._model.act(self._show_event))
        self.search.searched.connect(model.search)
        self.chips.changed.connect(lambda: model.filter(self.chips.on()))
        self.copy.copied.connect(workspace.toasted)
        model.shown.connect(self._shown)
        model.busy_changed.connect(lambda _busy: self._enable())
        self._enable()
        return model

    def refund_payment(self, payment_intent: str) -> None:
        """Ask for a refund of a paid link."""
        self._model.act(self._refund, self._model.look, payment_intent)

    def refund_invoice(self, invoice: str) -> None:
        """Ask for a refund of a paid invoice."""
        self._model.act(self._refund, self._model.of_invoice, invoice)

    async def _refund(self, look: Callable[[str], Awaitable[Refundable]], what: str) -> None:
        seen = await look(what)
        if not seen.left_cents:
            why = "It is disputed: the bank decides." if seen.held_cents else "All of it went back already."
            await self._tell("Nothing is left to refund", seen, why)
            return
        dialog = RefundDialog(self, self._workspace.console.environment.word, seen)
        if await dialog.ask():
            cents, entered = dialog.cents, (dialog.chosen, dialog.note.text())
            refund = partial(self._model.refund, forgive=dialog.forgive.isChecked())
            plan = refund_plan(seen, cents)
            await in_live(self, self._workspace, lambda _work: plan, refund, seen, cents, *entered)

    async def _accept(self) -> None:
        dispute = self._row()
        if dispute is not None:
            dialog = AcceptDialog(self, self._workspace.console.environment.word, dispute)
            if await dialog.ask():
                plan, reason = accept_dispute_plan(dispute), dialog.reason.text()
                accept = self._model.accept_dispute
                await in_live(self, self._workspace, lambda _work: plan, accept, dispute.id, reason)

    async def _answer(self) -> None:
        dispute = self._row()
        if dispute is not None:
            dialog = EvidenceDialog(self, self._workspace.console.environment.word, dispute)
            if await dialog.ask():
                plan, evidence = answer_dispute_plan(dispute), dialog.evidence.toPlainText()
                answer = self._model.answer_dispute
                await in_live(self, self._workspace, lambda _work: plan, answer, dispute.id, evidence)

    async def _tell(self, title: str, seen: Refundable, why: str) -> None:
        rows = [("Payment", seen.payment_intent), ("Held by the bank", formats.dollars(seen.held_cents * 10_000))]
        await PlanDialog(self, title, self._workspace.console.environment.word, "Close", rows, why).ask()

    def _shown(self) -> None:
        self.stack.setCurrentWidget(self.table if self._model.rows.table.rows else self.none)
        self._enable()

    def _row(self) -> MoneyBack | None:
        row = self.table.current_row()
        return row if isinstance(row, MoneyBack) else None

    def _payment(self) -> str:
        row = self._row()
        return row.payment_intent if row else ""

    def _enable(self) -> None:
        row, idle = self._row(), not self._model.acting
        known = row is not None and row.user_id is not None
        contested = row is not None and row.kind is MoneyBackKind.DISPUTE and row.status in UNDECIDED
        self.answer.setEnabled(known and row is not None and row.to_answer and idle)
        self.accept.setEnabled(known and contested and row is not None and not row.is_inquiry and idle)
        self.user.setEnabled(known)
        self.origin.setEnabled(row is not None)
        self.copy.setEnabled(bool(self._payment()))

    def _show_user(self) -> None:
        row = self._row()
        if row is not None:
            self._workspace.page_asked.emit("users", row.user_id)

    async def _show_event(self) -> None:
        row = self._row()
        if row is not None and (event := await self._model.newest_event(row)):
            self._workspace.page_asked.emit("webhooks", event)
