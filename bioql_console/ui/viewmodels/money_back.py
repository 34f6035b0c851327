"""Refunds and disputes: what came back, and starting it."""

from dataclasses import replace
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.paging import EventQuery
from bioql_console.domain.refunds import Refundable, RefundReason
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels import event_columns as columns
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

# What Stripe sends beside these about a dispute only repeats them; the Webhooks page lists everything.
WHAT = {
    "charge.refunded": "Refund",
    "charge.dispute.created": "Dispute opened",
    "charge.dispute.closed": "Dispute decided",
    "refund.failed": "Refund failed",
}


class MoneyBackViewModel(ViewModel):
    """Signals: `shown` when the rows were read anew."""

    shown = Signal()
    topics: ClassVar[frozenset[str]] = frozenset(("events",))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = EventQuery(types=tuple(WHAT))
        shown = (
            Column("When", lambda event: formats.short_moment(event.created_ms), Look.MUTED, width=116),
            Column("What", lambda event: WHAT.get(event.type, event.type), width=136),
            columns.CUSTOMER,
            columns.AMOUNT,
            Column("Payment", lambda event: event.object_id, Look.MONO, width=190, optional=True),
            Column("What it did", lambda event: event.reason, Look.MUTED, width=0),
            columns.STATE,
        )
        self.rows = Rows(
            self,
            shown,
            lambda work, after, limit: work.inbox.page(self.query, after, limit),
            identity=lambda event: event.id,
        )
        self._from_start = False

    def search(self, text: str) -> None:
        query = replace(self.query, text=text)
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
        self.workspace.toasted.emit(f"{formats.dollars(cents * 10_000)} goes back to {seen.user.name}")

    async def accept_dispute(self, payment_intent: str, note: str) -> None:
        refunds, operator = self.console.refunds, self.console.operator
        await self.console.workers.stripe.run(refunds.accept_dispute, payment_intent, operator, note)
        self.workspace.toasted.emit("The dispute is accepted")
