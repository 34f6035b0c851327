"""Payments that differ from their link: what was paid, what was asked, and deciding about them."""

from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.paging import Page
from bioql_console.services.odd_payments import OddPayment, waiting
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace


class OddPaymentsViewModel(ViewModel):
    """Signals: `shown` when the rows were read anew."""

    shown = Signal()
    topics: ClassVar[frozenset[str]] = frozenset(("events",))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.rows = Rows(
            self,
            (
                Column("When", lambda odd: formats.short_moment(odd.at_ms), Look.MUTED, width=116),
                Column("Customer", lambda odd: odd.user.name if odd.user else "unknown", width=150),
                Column("Paid", lambda odd: odd.paid, Look.NUMBER, width=110),
                Column("Asked for", asked, Look.NUMBER, width=110),
                Column("What does not fit", lambda odd: odd.why, Look.MUTED, width=0),
                Column("Payment", lambda odd: odd.payment_intent, Look.MONO, width=190, optional=True),
            ),
            lambda work, _after, _limit: Page(waiting(work), None),
            identity=lambda odd: odd.id,
        )

    async def _load(self) -> None:
        await self.rows.reload(from_start=True)
        self.shown.emit()
        self.loaded()

    # --- what an operator does, each by way of `act`

    async def count(self, odd: OddPayment, reason: str) -> None:
        odd_payments, operator = self.console.odd_payments, self.console.operator
        await self.console.workers.database.run(odd_payments.count, odd, reason, operator)
        self.workspace.toasted.emit(f"{odd.paid} counted")

    async def give_back(self, odd: OddPayment, reason: str) -> None:
        odd_payments, operator = self.console.odd_payments, self.console.operator
        await self.console.workers.stripe.run(odd_payments.give_back, odd, reason, operator)
        self.workspace.toasted.emit(f"{odd.paid} goes back")


def asked(odd: OddPayment) -> str:
    return "" if odd.asked_cents is None else formats.dollars(odd.asked_cents * 10_000)
