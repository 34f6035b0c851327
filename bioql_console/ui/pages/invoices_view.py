"""Invoices beside the links on the Payments page."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from bioql_console.domain.invoices import Invoice
from bioql_console.domain.rights import Role
from bioql_console.ui import formats
from bioql_console.ui.pages.page import open_in_browser, toolbar
from bioql_console.ui.viewmodels.invoices import InvoicesViewModel
from bioql_console.ui.widgets.buttons import Chips, CopyButton, button
from bioql_console.ui.widgets.cards import EmptyState
from bioql_console.ui.widgets.fields import SearchField
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

CHIPS = (
    ("draft", "Draft"),
    ("open", "Open"),
    ("paid", "Paid"),
    ("uncollectible", "Uncollectible"),
    ("void", "Void"),
)


class InvoicesView(QWidget):
    """Signals: `refund_asked` with an invoice's id."""

    refund_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(10)
        self.search = SearchField("Customer, number", "Search invoices")
        self.chips = Chips(CHIPS)
        self.count = PlainLabel("", "muted")
        self.everybody = button("All customers", self._all_customers, "quiet")
        self.everybody.hide()
        column.addLayout(toolbar(self.search, self.chips, self.everybody, None, self.count))
        self.table = DataTable("Invoices")
        self.none = EmptyState(
            "No invoices yet",
            "Stripe makes one at the end of a customer's billing period, or when usage reaches the invoice threshold.",
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.none)
        column.addWidget(self.stack, 1)
        self.copy = CopyButton("Copy id", self._id, "the invoice's id")
        self.browse = button("Open in browser", lambda: open_in_browser(self._url()))
        self.refund = button("Refund…", lambda: self.refund_asked.emit(self._id()), needs=Role.OPERATOR)
        self.user = button("Show customer", self._show_user)
        column.addLayout(toolbar(self.copy, self.browse, self.refund, self.user, None))

    def attach(self, workspace: Workspace) -> InvoicesViewModel:
        """Bring it to life; the page shows and closes what is returned."""
        self._workspace = workspace
        model = self._invoices = InvoicesViewModel(workspace)
        self.table.show_table(model.rows.table)
        self.table.recall(workspace.memory)
        self.table.selected.connect(lambda _row: self._enable())
        self.table.opened.connect(lambda _row: self._show_user())
        self.search.searched.connect(model.search)
        self.chips.changed.connect(lambda: model.filter(self.chips.on()))
        self.copy.copied.connect(workspace.toasted)
        model.shown.connect(self._shown)
        self._enable()
        return model

    def only_user(self, user_id: int) -> None:
        """Invoices of one customer, until "All customers" is pressed."""
        self.everybody.show()
        self._invoices.only_user(user_id)

    def _all_customers(self) -> None:
        self.everybody.hide()
        self._invoices.only_user(None)

    def _shown(self) -> None:
        rows = self._invoices.rows.table.rows
        self.stack.setCurrentWidget(self.table if rows else self.none)
        remaining = sum(invoice.remaining_cents for invoice in rows)
        self.count.setText(f"{formats.dollars(remaining * 10_000)} open in those shown" if remaining else "")
        self._enable()

    def _invoice(self) -> Invoice | None:
        row = self.table.current_row()
        return row if isinstance(row, Invoice) else None

    def _id(self) -> str:
        invoice = self._invoice()
        return invoice.id if invoice else ""

    def _url(self) -> str:
        invoice = self._invoice()
        return invoice.url if invoice else ""

    def _enable(self) -> None:
        invoice = self._invoice()
        self.copy.setEnabled(invoice is not None)
        self.browse.setEnabled(bool(self._url()))
        self.refund.setEnabled(invoice is not None and bool(invoice.paid_cents))
        self.user.setEnabled(invoice is not None)

    def _show_user(self) -> None:
        invoice = self._invoice()
        if invoice is not None:
            self._workspace.page_asked.emit("users", invoice.user_id)
