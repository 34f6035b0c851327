"""The Payments page: Checkout links and how they stand."""

from dataclasses import replace
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.paging import CheckoutQuery
from bioql_console.services.odd_payments import waiting
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels.user_detail import LINK_TONES
from bioql_console.ui.viewmodels.users import open_link
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

# The columns that change with the clock.
STATE, LEFT = 3, 4


class PaymentsViewModel(ViewModel):
    """Signals: `chosen_changed` when the row shown beside the table was read anew."""

    shown = Signal()
    topics: ClassVar[frozenset[str]] = frozenset(("checkouts", "balances", "events"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = CheckoutQuery()
        self.rows = Rows(
            self,
            self._columns(),
            lambda work, after, limit: work.checkouts.page(self.query, after, limit),
            identity=lambda link: link.reference,
        )
        self._from_start = False
        self.to_answer = self.to_decide = 0
        """Disputes that ask for evidence, and payments that differ from their link."""

    def _columns(self) -> tuple[Column, ...]:
        return (
            Column("Made", lambda link: formats.short_moment(link.created_ms), Look.MUTED, width=116),
            Column("Customer", lambda link: link.user_name, width=0),
            Column(
                "Amount",
                lambda link: formats.dollars(link.amount_cents * 10_000),
                Look.NUMBER,
                plain=lambda link: formats.plain_amount(link.amount_cents * 10_000),
                width=100,
            ),
            Column("State", self._state, Look.PILL, tone=self._tone, width=104),
            Column("Time left", self._left, Look.NUMBER, width=104),
            Column("Owed now", self._owed, Look.NUMBER, tone=self._owed_tone, width=110),
            Column("Session", lambda link: link.session_id, Look.MONO, width=190, optional=True),
            Column("Made by", lambda link: link.operator, Look.MUTED, width=92),
        )

    def _state(self, link: CheckoutLink) -> str:
        if link.is_outdated and link.is_payable(self.workspace.now_ms()):
            return "outdated"
        is_over = link.state is CheckoutState.OPEN and not link.is_payable(self.workspace.now_ms())
        return "expired" if is_over else link.state.value

    def _tone(self, link: CheckoutLink) -> str:
        words = self._state(link)
        if words in ("outdated", "expired"):
            return "warn" if words == "outdated" else "unknown"
        return LINK_TONES[link.state]

    def _owed(self, link: CheckoutLink) -> str:
        """Beside an open link: what it should ask for by now, without what is on its way from a bank."""
        return formats.dollars(max(0, link.due_cents) * 10_000) if link.state is CheckoutState.OPEN else ""

    def _owed_tone(self, link: CheckoutLink) -> str | None:
        return "bad" if link.is_outdated else None

    def _left(self, link: CheckoutLink) -> str:
        """Until an open link is over, or since when a bank was asked."""
        if link.state is CheckoutState.PROCESSING and link.since_ms is not None:
            return f"for {formats.span(max(0, self.workspace.now_ms() - link.since_ms))}"
        if link.state is not CheckoutState.OPEN or link.expires_ms is None:
            return ""
        left = link.expires_ms - self.workspace.now_ms()
        return formats.countdown(left) if left > 0 else "over"

    def search(self, text: str) -> None:
        self._ask(replace(self.query, text=text))

    def filter(self, states: frozenset[str]) -> None:
        self._ask(replace(self.query, states=tuple(sorted(states))))

    def only_user(self, user_id: int | None) -> None:
        self._ask(replace(self.query, user_id=user_id))

    def _ask(self, query: CheckoutQuery) -> None:
        if query != self.query:
            self.query, self._from_start = query, True
            self.refresh()

    def _waiting(self) -> tuple[int, int]:
        with self.console.store.read() as work:
            return len(work.money_back.to_answer()), len(waiting(work))

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        await self.rows.reload(from_start=from_start)
        self.to_answer, self.to_decide = await self.console.workers.database.run(self._waiting)
        self.shown.emit()
        self.loaded()

    def tick(self) -> None:
        """Count down."""
        table = self.rows.table
        if table.rows:
            table.dataChanged.emit(table.index(0, STATE), table.index(len(table.rows) - 1, LEFT))

    # --- what an operator does, each by way of `act`

    async def expire(self, link: CheckoutLink) -> None:
        await self.console.workers.stripe.run(self.console.checkouts.expire, link.reference, self.console.operator)
        self.workspace.toasted.emit(f"The link of {link.user_name} is closed")

    async def renew(self, link: CheckoutLink) -> None:
        """A new link for everything the user owes now, or for the same part."""
        made = await open_link(self, link.user_id, link.user_name, link.renewal_micros)
        self.workspace.toasted.emit(f"New link for {formats.dollars(made.amount_cents * 10_000)}")

    async def recover(self) -> None:
        """Ask Stripe how open links stand."""
        found = await self.console.workers.stripe.run(self.console.checkouts.recover)
        words = f"{formats.plural(found.changed, 'link', 'links')} changed at Stripe"
        if found.paid:
            words += f"; {formats.plural(found.paid, 'payment', 'payments')} on the way"
        self.workspace.toasted.emit(words)
