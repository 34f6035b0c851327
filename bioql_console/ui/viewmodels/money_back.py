"""Refunds and disputes: what went back, what a bank asks, and what can be done about it."""

from dataclasses import replace
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.paging import EventQuery, MoneyBackQuery
from bioql_console.domain.plain_text import isolated
from bioql_console.domain.refunds import LOST, MoneyBack, MoneyBackKind, Refundable, RefundReason
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

DAY_MS = 86_400_000
URGENT_MS = 2 * DAY_MS
STATES = {
    "pending": ("on its way", "info"),
    "requires_action": ("customer asked", "warn"),
    "succeeded": ("refunded", "ok"),
    "failed": ("came back", "bad"),
    "canceled": ("canceled", "unknown"),
    "warning_needs_response": ("asks", "warn"),
    "warning_under_review": ("under review", "info"),
    "warning_closed": ("closed", "unknown"),
    "needs_response": ("held", "bad"),
    "under_review": ("under review", "info"),
    "prevented": ("prevented", "unknown"),
    "won": ("won", "ok"),
    **dict.fromkeys(LOST - {"prevented"}, ("lost", "bad")),
}


class MoneyBackViewModel(ViewModel):
    """Signals: `shown` when the rows were read anew."""

    shown = Signal()
    topics: ClassVar[frozenset[str]] = frozenset(("events", "balances"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = MoneyBackQuery()
        self.rows = Rows(
            self,
            (
                Column("When", lambda one: formats.short_moment(one.created_ms), Look.MUTED, width=116),
                Column("What", what, width=84),
                Column("Customer", lambda one: one.user_name or "not in our books", width=0),
                Column("Amount", lambda one: formats.dollars(one.cents * 10_000), Look.NUMBER, width=100),
                Column("State", lambda one: STATES[one.status][0], Look.PILL, tone=tone, width=118),
                Column("Answer by", self._due, tone=self._urgent, width=150),
                Column("Reason", lambda one: one.reason.replace("_", " "), Look.MUTED, width=170),
                Column("Payment", lambda one: one.payment_intent, Look.MONO, width=190, optional=True),
            ),
            lambda work, after, limit: work.money_back.page(self.query, after, limit),
            identity=lambda one: one.id,
        )
        self._from_start = False

    def _due(self, one: MoneyBack) -> str:
        if not one.to_answer or one.due_ms is None:
            return ""
        left = one.due_ms - self.workspace.now_ms()
        if left <= 0:
            return f"{formats.day(one.due_ms)} · too late"
        days = left // DAY_MS
        return f"{formats.day(one.due_ms)} · {formats.plural(days, 'day', 'days') if days else formats.countdown(left)}"

    def _urgent(self, one: MoneyBack) -> str | None:
        urgent = one.to_answer and one.due_ms is not None and one.due_ms - self.workspace.now_ms() < URGENT_MS
        return "bad" if urgent else None

    def search(self, text: str) -> None:
        self._ask(replace(self.query, text=text))

    def filter(self, on: frozenset[str]) -> None:
        kinds = tuple(sorted(on - {"undecided"}))
        self._ask(replace(self.query, kinds=kinds, undecided="undecided" in on))

    def _ask(self, query: MoneyBackQuery) -> None:
        if query != self.query:
            self.query, self._from_start = query, True
            self.refresh()

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        await self.rows.reload(from_start=from_start)
        self.shown.emit()
        self.loaded()

    # --- what an operator does, each by way of `act`

    async def look(self, payment_intent: str) -> Refundable:
        return await self.console.workers.database.run(self.console.refunds.look, payment_intent)

    async def of_invoice(self, invoice: str) -> Refundable:
        return await self.console.workers.database.run(self.console.refunds.of_invoice, invoice)

    async def refund(self, seen: Refundable, cents: int, reason: RefundReason, note: str, *, forgive: bool) -> None:
        refunds, operator = self.console.refunds, self.console.operator
        await self.console.workers.stripe.run(refunds.refund, seen, cents, reason, note, operator, forgive=forgive)
        self.workspace.toasted.emit(f"{formats.dollars(cents * 10_000)} goes back to {isolated(seen.user.name)}")

    async def accept_dispute(self, dispute: str, note: str) -> None:
        refunds, operator = self.console.refunds, self.console.operator
        await self.console.workers.stripe.run(refunds.accept_dispute, dispute, operator, note)
        self.workspace.toasted.emit("The dispute is accepted")

    async def answer_dispute(self, dispute: str, evidence: str) -> None:
        refunds, operator = self.console.refunds, self.console.operator
        await self.console.workers.stripe.run(refunds.answer_dispute, dispute, evidence, operator)
        self.workspace.toasted.emit("The evidence is with the bank")

    async def newest_event(self, one: MoneyBack) -> str:
        """The last that was heard about it; empty when that is gone."""

        def find() -> str:
            with self.console.store.read() as work:
                rows = work.inbox.page(EventQuery(text=one.payment_intent), None, 1).rows
            return rows[0].id if rows else ""

        return await self.console.workers.database.run(find)


def what(one: MoneyBack) -> str:
    if one.kind is MoneyBackKind.REFUND:
        return "Refund"
    return "Inquiry" if one.status.startswith("warning_") and not one.withdrawn else "Dispute"


def tone(one: MoneyBack) -> str:
    return STATES[one.status][1]
