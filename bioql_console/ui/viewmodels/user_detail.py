"""One user in the panel at the right: ledger, usage, payments, invoices."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.invoices import Accrual, Invoice
from bioql_console.domain.paging import CheckoutQuery, InvoiceQuery, TicketQuery
from bioql_console.domain.statements import InvoiceStatus, MonthInvoice, month_invoices
from bioql_console.domain.tickets import Ticket
from bioql_console.domain.usage import DailyShots
from bioql_console.domain.users import User
from bioql_console.services.accrual import accrual
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels import invoices, support
from bioql_console.ui.viewmodels.presence import Presence
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

if TYPE_CHECKING:
    from bioql_console.settings import Settings

USAGE_DAYS = 30
LINKS = 50

LEDGER = (
    Column("Date", lambda line: formats.day(line.effective_ms), Look.MUTED, width=72),
    Column("Entry", lambda line: line.memo or line.kind.value.replace("_", " "), width=0),
    Column(
        "Amount",
        lambda line: formats.signed_bare(line.micros),
        Look.NUMBER,
        plain=lambda line: formats.plain_amount(line.micros),
        width=84,
    ),
    Column(
        "Balance",
        lambda line: formats.bare(line.after_micros),
        Look.NUMBER,
        plain=lambda line: formats.plain_amount(line.after_micros),
        width=84,
    ),
)
LINK_TONES = {
    CheckoutState.CREATING: "unknown",
    CheckoutState.OPEN: "info",
    CheckoutState.PROCESSING: "warn",
    CheckoutState.PAID: "ok",
    CheckoutState.EXPIRED: "unknown",
    CheckoutState.FAILED: "bad",
}
PAYMENTS = (
    Column("Made", lambda link: formats.day(link.created_ms), Look.MUTED, width=72),
    Column("Session", lambda link: link.session_id or link.reference, Look.MONO, width=0),
    Column("Amount", lambda link: formats.dollars(link.amount_cents * 10_000), Look.NUMBER, width=92),
    Column("State", lambda link: link.state.value, Look.PILL, tone=lambda link: LINK_TONES[link.state], width=96),
)
MONTH_TONES = {InvoiceStatus.PAID: "ok", InvoiceStatus.PENDING: "info", InvoiceStatus.OVERDUE: "bad"}
MONTHS = (
    Column("Month", lambda month: month.month, width=0),
    Column("Amount", lambda month: formats.dollars(month.amount_micros), Look.NUMBER, width=92),
    Column("Open", lambda month: formats.dollars_or_dash(month.open_micros), Look.NUMBER, width=86),
    Column("State", lambda month: month.status.value, Look.PILL, tone=lambda one: MONTH_TONES[one.status], width=92),
)


@dataclass(frozen=True, slots=True)
class UserDetail:
    """What the panel shows, read in one snapshot.

    Args:
        oldest_ms: When the oldest charge that is still open was made.
        link: The open Checkout link, if there is one.
    """

    user: User
    oldest_ms: int | None
    usage: tuple[DailyShots, ...]
    shots: int
    cost_micros: int
    link: CheckoutLink | None
    accrual: Accrual


class UserDetailViewModel(ViewModel):
    """Signals: `shown` with a UserDetail, or None when the user is gone; before it, from any thread, `seen` with the
    User as soon as that is read, if it is the one who is shown already."""

    shown = Signal(object)
    seen = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("users", "balances", "checkouts", "usage", "tickets"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.user_id = self._shown_id = 0
        self.ledger = Rows(
            self,
            LEDGER,
            lambda work, after, limit: work.ledger.statement(self.user_id, after, limit),
            lambda e: e.entry_id,
        )
        self.payments = RowTable(PAYMENTS, lambda link: link.reference)
        self.months = RowTable(MONTHS, lambda month: month.id)
        self.invoices = RowTable(invoices.OF_A_USER, lambda invoice: invoice.id)
        self.tickets = RowTable(support.OF_A_USER, lambda ticket: ticket.id)
        self.presence = Presence(workspace, self)
        self._closing.append(self.presence.close)

    def choose(self, user_id: int) -> None:
        """Show another user; 0 shows none."""
        if user_id != self.user_id:
            self.user_id = user_id
            self.refresh()
            self._say_where()

    def show(self) -> None:
        super().show()
        self._say_where()

    def hide(self) -> None:
        super().hide()
        self._say_where()

    def _say_where(self) -> None:
        """Let the team know which customer is looked at."""
        self.presence.look_at(f"user {self.user_id}" if self.user_id and self._visible else "")

    async def _load(self) -> None:
        if not self.user_id:
            self.shown.emit(None)
            return
        user_id, now = self.user_id, self.workspace.now_ms()
        settings = self.console.settings()
        # A colleague's change of the user shows at once, and does not wait for a dozen tables.
        see = self.seen.emit if user_id == self._shown_id else _nobody
        found = await self.read(lambda work: _read(work, user_id, now, settings, see))
        if user_id != self.user_id:
            return
        self._shown_id = user_id if found.detail else 0
        self.payments.show_rows(found.links)
        self.months.show_rows(found.months)
        self.invoices.show_rows(found.invoices)
        self.tickets.show_rows(found.tickets)
        detail = found.detail
        self.shown.emit(detail)
        await self.ledger.reload()


@dataclass(frozen=True, slots=True)
class _Found:
    """What one snapshot holds about a user."""

    detail: UserDetail | None = None
    links: tuple[CheckoutLink, ...] = ()
    months: tuple[MonthInvoice, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    tickets: tuple[Ticket, ...] = ()


def _nobody(_user: User) -> None:
    pass


def _read(work: Work, user_id: int, now_ms: int, settings: "Settings", see: Callable[[User], object]) -> _Found:
    user = work.users.get(user_id)
    if user is None:
        return _Found()
    see(user)
    links = work.checkouts.page(CheckoutQuery(user_id=user_id), None, LINKS).rows
    usage = tuple(work.usage.daily(now_ms - USAGE_DAYS * DAY_MS, now_ms, user_id))
    shots, cost = work.usage.totals(user_id)
    open_link = next((link for link in links if link.is_payable(now_ms)), None)
    owed, terms = user.balance.owed_micros, settings.payment_terms_days
    months = month_invoices(user_id, work.receivables.months(user_id), owed, now_ms, terms)
    to_go = accrual(work, user, settings.invoice_threshold_cents)
    detail = UserDetail(user, work.receivables.oldest_open_ms(user_id), usage, shots, cost, open_link, to_go)
    invoices = work.invoices.page(InvoiceQuery(user_id=user_id), None, LINKS).rows
    tickets = work.tickets.page(TicketQuery(user_id=user_id), None, LINKS).rows
    return _Found(detail, links, tuple(months), invoices, tickets)
