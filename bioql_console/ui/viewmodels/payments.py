"""The Payments page: Checkout links and how they stand."""

from dataclasses import replace
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.paging import CheckoutQuery
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels.user_detail import LINK_TONES
from bioql_console.ui.viewmodels.users import open_link
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace


class PaymentsViewModel(ViewModel):
    """Signals: `chosen_changed` when the row shown beside the table was read anew."""

    shown = Signal()
    topics: ClassVar[frozenset[str]] = frozenset(("checkouts", "balances"))

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
            Column(
                "State", lambda link: link.state.value, Look.PILL, tone=lambda one: LINK_TONES[one.state], width=104
            ),
            Column("Time left", self._left, Look.NUMBER, width=104),
            Column("Session", lambda link: link.session_id, Look.MONO, width=190, optional=True),
            Column("Made by", lambda link: link.operator, Look.MUTED, width=92),
        )

    def _left(self, link: CheckoutLink) -> str:
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

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        await self.rows.reload(from_start=from_start)
        self.shown.emit()
        self.loaded()

    def tick(self) -> None:
        """Count down."""
        table = self.rows.table
        if table.rows:
            table.dataChanged.emit(table.index(0, 4), table.index(len(table.rows) - 1, 4))

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
