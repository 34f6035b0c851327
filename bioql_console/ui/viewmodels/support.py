"""Support tickets: what customers wrote, most urgent first."""

from dataclasses import replace
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.paging import TicketQuery
from bioql_console.domain.tickets import Priority, Ticket, TicketState
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

PRIORITY_TONES = {Priority.CRITICAL: "bad", Priority.HIGH: "warn", Priority.MEDIUM: "info", Priority.LOW: "unknown"}
STATE_TONES = {TicketState.OPEN: "info", TicketState.RESOLVED: "ok"}
PRIORITY = Column(
    "Priority",
    lambda ticket: ticket.priority.value,
    Look.PILL,
    tone=lambda ticket: PRIORITY_TONES[ticket.priority],
    width=84,
)
STATE = Column(
    "State", lambda ticket: ticket.state.value, Look.PILL, tone=lambda ticket: STATE_TONES[ticket.state], width=84
)
OF_A_USER = (
    Column("Sent", lambda ticket: formats.day(ticket.created_ms), Look.MUTED, width=72),
    Column("Subject", lambda ticket: one_line(ticket.subject), width=0),
    PRIORITY,
    STATE,
)


def one_line(text: str) -> str:
    """Text from outside for one cell."""
    return " ".join(text.split())


class SupportViewModel(ViewModel):
    """Signals: `shown` with the number of open tickets once the rows are there."""

    shown = Signal(int)
    topics: ClassVar[frozenset[str]] = frozenset(("tickets",))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = TicketQuery(unresolved=True)
        columns = (
            PRIORITY,
            Column("Subject", lambda ticket: one_line(ticket.subject), width=0),
            Column("Customer", lambda ticket: ticket.user_name, width=150),
            Column("Age", self._age, Look.NUMBER, width=64),
            STATE,
            Column("Ticket", lambda ticket: ticket.id, Look.MONO, width=132, optional=True),
        )
        self.rows = Rows(
            self,
            columns,
            lambda work, after, limit: work.tickets.page(self.query, after, limit),
            identity=lambda ticket: ticket.id,
        )
        self._from_start = False

    def _age(self, ticket: Ticket) -> str:
        return formats.short_ago(ticket.created_ms, self.workspace.now_ms())

    def search(self, text: str) -> None:
        self._ask(replace(self.query, text=text))

    def show_all(self, everything: bool) -> None:
        """Resolved ones too, newest first; else what is open, most urgent first."""
        self._ask(replace(self.query, unresolved=not everything))

    def _ask(self, query: TicketQuery) -> None:
        if query != self.query:
            self.query, self._from_start = query, True
            self.refresh()

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        await self.rows.reload(from_start=from_start)
        self.shown.emit(await self.read(lambda work: work.tickets.open_count()))
        self.loaded()

    # --- what an operator does, each by way of `act`

    async def resolve(self, ticket: Ticket, resolution: str, version: int) -> None:
        console = self.console
        await console.workers.database.run(console.support.resolve, ticket.id, resolution, console.operator, version)
        self.workspace.toasted.emit(f"{ticket.id} is resolved")

    async def reopen(self, ticket: Ticket, reason: str, version: int) -> None:
        console = self.console
        await console.workers.database.run(console.support.reopen, ticket.id, reason, console.operator, version)
        self.workspace.toasted.emit(f"{ticket.id} is open again")
