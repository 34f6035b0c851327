"""Support: what customers wrote, and what became of it."""

from functools import partial
from typing import Any, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QSplitter, QStackedWidget, QWidget

from bioql_console.domain.plain_text import in_short_lines
from bioql_console.domain.rights import Role
from bioql_console.domain.tickets import Ticket, TicketState
from bioql_console.ui import formats
from bioql_console.ui.pages.conflict_dialog import settle
from bioql_console.ui.pages.page import Page, toolbar
from bioql_console.ui.viewmodels.support import PRIORITY_TONES, STATE_TONES, SupportViewModel, one_line
from bioql_console.ui.widgets.buttons import Chips, CopyButton, button
from bioql_console.ui.widgets.cards import Card, EmptyState, KeyValues
from bioql_console.ui.widgets.dialogs import FormDialog, required
from bioql_console.ui.widgets.fields import SearchField, field
from bioql_console.ui.widgets.labels import PlainLabel, StatePill
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

NARROWEST = 380


class TicketPanel(QStackedWidget):
    """One ticket in full. Its text is the customer's and never anything but text."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(NARROWEST)
        self.ticket: Ticket | None = None
        self.card = Card()
        self.subject = PlainLabel("", "heading").wrapped().selectable()
        self.priority, self.state = StatePill(), StatePill()
        self.facts = KeyValues()
        self.message = QPlainTextEdit()
        self.message.setReadOnly(True)
        self.message.setAccessibleName("The customer's message")
        self.resolve = button("Resolve…", look="primary", needs=Role.OPERATOR)
        self.reopen = button("Reopen…", needs=Role.OPERATOR)
        self.user = button("Show customer")
        self.copy = CopyButton("Copy number", lambda: self.ticket.id if self.ticket else "", "the ticket's number")
        self.card.body.addWidget(self.subject)
        self.card.body.addLayout(toolbar(self.priority, self.state, None))
        self.card.body.addWidget(self.facts)
        self.card.body.addWidget(self.message, 1)
        self.card.body.addLayout(toolbar(self.resolve, self.reopen, self.user, self.copy, None))
        self.addWidget(EmptyState("No ticket chosen", "Choose one in the table: the whole message appears here."))
        self.addWidget(self.card)

    def show_ticket(self, ticket: Ticket | None) -> None:
        self.ticket = ticket
        self.setCurrentIndex(1 if ticket else 0)
        if ticket is None:
            return
        self.subject.setText(one_line(ticket.subject))
        self.priority.show_state(ticket.priority.value, PRIORITY_TONES[ticket.priority])
        self.state.show_state(ticket.state.value, STATE_TONES[ticket.state])
        rows = [
            ("Customer", f"{ticket.user_name} · {ticket.user_email}"),
            ("Sent", formats.moment(ticket.created_ms)),
            ("Number", ticket.id),
        ]
        if ticket.resolved_ms is not None:
            by = f" by {ticket.operator}" if ticket.operator else ""
            rows.append(("Resolved", f"{formats.moment(ticket.resolved_ms)}{by}"))
            rows.append(("What was done", ticket.resolution or "not said"))
        self.facts.show_rows(rows)
        message = in_short_lines(ticket.message)
        if self.message.toPlainText() != message:
            self.message.setPlainText(message)
        is_open = ticket.state is TicketState.OPEN
        self.resolve.setVisible(is_open)
        self.reopen.setVisible(not is_open)


class SupportPage(Page):
    """Search, open or all, table, the ticket."""

    name: ClassVar[str] = "support"
    title: ClassVar[str] = "Support"

    def __init__(self) -> None:
        super().__init__()
        self.search = SearchField("Subject, customer, TKT-…", "Search tickets")
        self.search.setMinimumWidth(240)
        self.chips = Chips((("all", "Resolved too"),))
        self.body.addLayout(toolbar(self.search, self.chips, None))
        self.table = DataTable("Support tickets")
        self.none = EmptyState("Nothing is open", "What customers send from their dashboard appears here at once.")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.none)
        self.panel = TicketPanel()
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setHandleWidth(12)
        for part in (self.stack, self.panel):
            splitter.addWidget(part)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([640, 420])
        self.body.addWidget(splitter, 1)

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._support = SupportViewModel(workspace)
        self.adopt(model)
        self.table.show_table(model.rows.table)
        self.table.recall(workspace.memory)
        self.table.selected.connect(self.panel.show_ticket)
        self.table.opened.connect(lambda _ticket: self._show_user())
        self.search.searched.connect(model.search)
        self.chips.changed.connect(lambda: model.show_all(bool(self.chips.on())))
        self.panel.copy.copied.connect(workspace.toasted)
        self.panel.resolve.clicked.connect(lambda: model.act(self._resolve))
        self.panel.reopen.clicked.connect(lambda: model.act(self._reopen))
        self.panel.user.clicked.connect(self._show_user)
        model.shown.connect(self._shown)
        model.busy_changed.connect(self._lock)

    def focus_search(self) -> None:
        self.search.setFocus()

    def show_argument(self, argument: Any) -> None:
        """A ticket's number: show it, resolved or not."""
        self.chips.choose(frozenset(("all",)))
        self._support.show_all(True)
        self.search.setText(str(argument))

    def _shown(self, is_open: int) -> None:
        rows = self._support.rows.table.rows
        self.stack.setCurrentWidget(self.table if rows else self.none)
        self.count.setText(f"{formats.count(is_open)} open" if is_open else "")
        shown = self.panel.ticket
        if shown is not None:
            # What was resolved may have left the list; it stays beside it as it was read last.
            self.panel.show_ticket(next((row for row in rows if row.id == shown.id), None))

    def _lock(self, busy: bool) -> None:
        for each in (self.panel.resolve, self.panel.reopen):
            each.setDisabled(busy)

    def _show_user(self) -> None:
        if self.panel.ticket is not None:
            self._workspace.page_asked.emit("users", self.panel.ticket.user_id)

    async def _resolve(self) -> None:
        ticket = self.panel.ticket
        words = await self._ask("Resolve", "What was done", "Answered by e-mail; the balance was corrected")
        if ticket is not None and words is not None:
            await settle(self, self._support, ticket.version, partial(self._support.resolve, ticket, words))

    async def _reopen(self) -> None:
        ticket = self.panel.ticket
        words = await self._ask("Reopen", "Why", "The customer wrote again")
        if ticket is not None and words is not None:
            await settle(self, self._support, ticket.version, partial(self._support.reopen, ticket, words))

    async def _ask(self, verb: str, title: str, example: str) -> str | None:
        ticket = self.panel.ticket
        if ticket is None:
            return None
        dialog = FormDialog(self, f"{verb} {ticket.id}", self._workspace.console.environment.word, verb)
        dialog.body.addWidget(_quoted(ticket))
        words = field(example)
        dialog.add(title, words, required("it, for the colleague who reads it next"))
        return words.text() if await dialog.ask() else None


def _quoted(ticket: Ticket) -> QWidget:
    return PlainLabel(f"{ticket.user_name}: {one_line(ticket.subject)}", "muted").wrapped()
