"""Invoices: how they stand at Stripe."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.invoices import Accrual, Invoice, InvoiceSource, InvoiceState, Threshold
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.paging import InvoiceQuery
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

TONES = {
    InvoiceState.DRAFT: "unknown",
    InvoiceState.OPEN: "info",
    InvoiceState.PAID: "ok",
    InvoiceState.VOID: "unknown",
    InvoiceState.UNCOLLECTIBLE: "bad",
}
REASONS = {
    "subscription_threshold": "Threshold reached",
    "subscription_cycle": "End of the period",
    "subscription_update": "Made by the console",
}


def reason(invoice: Invoice) -> str:
    """Why the invoice was made."""
    if invoice.source is InvoiceSource.CONSOLE:
        return "Made by the console"
    return REASONS.get(invoice.reason) or ("By hand" if invoice.source is InvoiceSource.MANUAL else invoice.reason)


def state(invoice: Invoice) -> str:
    """Its state, with what makes an open one differ from the next."""
    failed = invoice.state is InvoiceState.OPEN and invoice.attempts
    return f"open · {formats.plural(invoice.attempts, 'try', 'tries')}" if failed else invoice.state.value


def tone(invoice: Invoice) -> str:
    return "warn" if invoice.state is InvoiceState.OPEN and invoice.attempts else TONES[invoice.state]


def _cents(of: Callable[[Invoice], int]) -> Callable[[Invoice], str]:
    return lambda invoice: formats.dollars(of(invoice) * MICROS_PER_CENT)


MADE = Column("Made", lambda invoice: formats.day(invoice.created_ms), Look.MUTED, width=72)
NUMBER = Column("Number", lambda invoice: invoice.number or "draft", Look.MONO, width=0)
TOTAL = Column("Total", _cents(lambda invoice: invoice.total_cents), Look.NUMBER, width=92)
OPEN = Column("Open", _cents(lambda invoice: invoice.remaining_cents), Look.NUMBER, width=86)
PAID = Column("Collected", _cents(lambda invoice: invoice.paid_cents), Look.NUMBER, width=92)
STATE = Column("State", state, Look.PILL, tone=tone, width=112)
OF_A_USER = (MADE, NUMBER, replace(TOTAL, width=84), replace(STATE, width=96))


def accrual_words(accrual: Accrual) -> str:
    """One sentence on the way to the next invoice."""
    accrued, threshold = formats.dollars(accrual.accrued_micros), formats.dollars(accrual.threshold_micros)
    if accrual.by is Threshold.STRIPE:
        return f"{accrued} used since the last invoice; at {threshold} Stripe makes the next one."
    return f"{accrued} owed and on no invoice; at {threshold} the console makes one."


class InvoicesViewModel(ViewModel):
    """Signals: `shown` when the rows were read anew."""

    shown = Signal()
    topics: ClassVar[frozenset[str]] = frozenset(("balances", "events"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = InvoiceQuery()
        columns = (
            MADE,
            Column("Customer", lambda invoice: invoice.user_name, width=0),
            replace(NUMBER, width=140),
            Column("Why", reason, Look.MUTED, width=156, optional=True),
            TOTAL,
            PAID,
            OPEN,
            STATE,
        )
        self.rows = Rows(
            self,
            columns,
            lambda work, after, limit: work.invoices.page(self.query, after, limit),
            identity=lambda invoice: invoice.id,
        )
        self._from_start = False

    def search(self, text: str) -> None:
        self._ask(replace(self.query, text=text))

    def filter(self, states: frozenset[str]) -> None:
        self._ask(replace(self.query, states=tuple(sorted(states))))

    def only_user(self, user_id: int | None) -> None:
        self._ask(replace(self.query, user_id=user_id))

    def _ask(self, query: InvoiceQuery) -> None:
        if query != self.query:
            self.query, self._from_start = query, True
            self.refresh()

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        await self.rows.reload(from_start=from_start)
        self.shown.emit()
        self.loaded()
