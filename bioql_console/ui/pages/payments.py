"""Payments: every Checkout link with its countdown and what can still be done with it; and invoices."""

from typing import Any, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.live_writes import LivePlan
from bioql_console.domain.rights import Role
from bioql_console.services.live_plans import expire_plan, links_plan
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.pages.arming import in_live
from bioql_console.ui.pages.invoices_view import InvoicesView
from bioql_console.ui.pages.money_back_view import MoneyBackView
from bioql_console.ui.pages.odd_payments_view import OddPaymentsView
from bioql_console.ui.pages.page import Page, open_in_browser, toolbar
from bioql_console.ui.viewmodels.payments import PaymentsViewModel
from bioql_console.ui.widgets.buttons import Chips, CopyButton, button
from bioql_console.ui.widgets.cards import EmptyState
from bioql_console.ui.widgets.fields import SearchField
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

CHIPS = (("open", "Open"), ("processing", "Processing"), ("paid", "Paid"), ("expired", "Expired"), ("failed", "Failed"))
RENEWABLE = (CheckoutState.EXPIRED, CheckoutState.FAILED, CheckoutState.OPEN, CheckoutState.CREATING)
UNFINISHED = (CheckoutState.OPEN, CheckoutState.CREATING)
COUNTDOWN_MS = 1_000
TITLES: dict[type[QWidget], str] = {MoneyBackView: "Refunds and disputes", OddPaymentsView: "To decide"}


class PaymentsPage(Page):
    """Links: search, states, table, actions on the chosen one. Invoices on a tab beside them."""

    name: ClassVar[str] = "payments"
    title: ClassVar[str] = "Payments"

    def __init__(self) -> None:
        super().__init__()
        self.invoices = InvoicesView()
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Links and invoices")
        self.tabs.addTab(self._links(), "Links")
        self.money_back = MoneyBackView()
        self.tabs.addTab(self.invoices, "Invoices")
        self.tabs.addTab(self.money_back, TITLES[MoneyBackView])
        self.odd = OddPaymentsView()
        self.tabs.addTab(self.odd, TITLES[OddPaymentsView])
        self.body.addWidget(self.tabs, 1)
        self._countdown = QTimer(self)
        self._countdown.setInterval(COUNTDOWN_MS)

    def _links(self) -> QWidget:
        links = QWidget()
        column = QVBoxLayout(links)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(10)
        self.search = SearchField("Customer, cs_…, pi_…", "Search payments")
        self.chips = Chips(CHIPS)
        self.everybody = button("All customers", self._all_customers, "quiet")
        self.everybody.hide()
        self.look = button("Ask Stripe", lambda: self._payments.act(self._payments.recover), needs=Role.OPERATOR)
        self.look.setToolTip("Looks up how open links stand at Stripe")
        column.addLayout(toolbar(self.search, self.chips, self.everybody, None, self.look))
        self.table = DataTable("Payments")
        self.none = EmptyState(
            "No links yet",
            "A link is made on the Users page, for a selection on the Balances page, or by a customer's Pay Now.",
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.none)
        column.addWidget(self.stack, 1)
        self.copy = CopyButton("Copy link", self._url, "the Checkout link")
        self.browse = button("Open in browser", lambda: open_in_browser(self._url()))
        self.renew = button("Renew", lambda: self._do("renew"), needs=Role.OPERATOR)
        self.expire = button("Close link", lambda: self._do("expire"), needs=Role.OPERATOR)
        self.refund = button("Refund…", self._refund, needs=Role.OPERATOR)
        self.user = button("Show customer", self._show_user)
        column.addLayout(toolbar(self.copy, self.browse, self.renew, self.expire, self.refund, self.user, None))
        return links

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._payments = PaymentsViewModel(workspace)
        self.adopt(model)
        self.table.show_table(model.rows.table)
        self.table.recall(workspace.memory)
        self.table.selected.connect(lambda _row: self._enable())
        self.table.opened.connect(lambda _row: self._show_user())
        self.search.searched.connect(model.search)
        self.chips.changed.connect(lambda: model.filter(self.chips.on()))
        self.copy.copied.connect(workspace.toasted)
        model.shown.connect(self._shown)
        model.busy_changed.connect(lambda _busy: self._enable())
        self._countdown.timeout.connect(self._tick)
        self._invoices = self.invoices.attach(workspace)
        self._money_back = self.money_back.attach(workspace)
        self._odd = self.odd.attach(workspace)
        for other in (self._invoices, self._money_back, self._odd):
            other.failed.connect(model.failed)
            other.busy_changed.connect(model.busy_changed)
        self.invoices.refund_asked.connect(self.money_back.refund_invoice)
        self.tabs.currentChanged.connect(lambda _number: self._show_tab())
        self._enable()

    def _show_tab(self) -> None:
        """Only what is in front is kept up to date."""
        models = (self._payments, self._invoices, self._money_back, self._odd)
        for number, model in enumerate(models):
            if number != self.tabs.currentIndex():
                model.hide()
        models[self.tabs.currentIndex()].show()

    def came_to_front(self) -> None:
        if self.model is not None:
            self._show_tab()
        self._countdown.start()

    def went_behind(self) -> None:
        super().went_behind()
        if self.model is not None:
            for model in (self._invoices, self._money_back, self._odd):
                model.hide()
        self._countdown.stop()

    def close_page(self) -> None:
        self._countdown.stop()
        if self.model is not None:
            for model in (self._invoices, self._money_back, self._odd):
                model.close()
        super().close_page()

    def focus_search(self) -> None:
        searches = (self.search, self.invoices.search, self.money_back.search, self.odd.table)
        searches[self.tabs.currentIndex()].setFocus()

    def show_argument(self, argument: Any) -> None:
        kind, _, value = str(argument).partition(":")
        if kind == "user" and value.isdigit():
            self.everybody.show()
            self._payments.only_user(int(value))
            self.invoices.only_user(int(value))
        elif kind in (tabs := {"invoices": self.invoices, "money_back": self.money_back, "odd": self.odd}):
            self.tabs.setCurrentWidget(tabs[kind])

    def _all_customers(self) -> None:
        self.everybody.hide()
        self._payments.only_user(None)

    def _shown(self) -> None:
        rows = self._payments.rows.table.rows
        self.stack.setCurrentWidget(self.table if rows else self.none)
        is_open = sum(1 for link in rows if link.is_payable(self._workspace.now_ms()))
        self.count.setText(f"{formats.count(is_open)} open" if rows else "")
        waiting = ((self.money_back, self._payments.to_answer), (self.odd, self._payments.to_decide))
        for tab, number in waiting:
            words = TITLES[type(tab)]
            title = f"{words} ({formats.count(number)})" if number else words
            self.tabs.setTabText(self.tabs.indexOf(tab), title)
        self._enable()

    def _tick(self) -> None:
        """Count down; a link that is over can't be copied any more, even before its event comes."""
        self._payments.tick()
        link = self._link()
        if link is not None and self.copy.isEnabled() != link.is_payable(self._workspace.now_ms()):
            self._enable()

    def _link(self) -> CheckoutLink | None:
        row = self.table.current_row()
        return row if isinstance(row, CheckoutLink) else None

    def _url(self) -> str:
        link = self._link()
        return link.url if link and link.is_payable(self._workspace.now_ms()) else ""

    def _enable(self) -> None:
        link, idle = self._link(), not self._payments.acting
        is_payable = link is not None and link.is_payable(self._workspace.now_ms())
        self.copy.setEnabled(is_payable)
        self.browse.setEnabled(is_payable)
        self.expire.setEnabled(link is not None and link.state in UNFINISHED and idle)
        self.renew.setEnabled(link is not None and link.state in RENEWABLE and idle)
        self.refund.setEnabled(link is not None and link.state is CheckoutState.PAID)
        self.user.setEnabled(link is not None)

    def _do(self, action: str) -> None:
        link = self._link()
        if link is not None:
            self._payments.act(self._renew if action == "renew" else self._expire, link)

    async def _renew(self, link: CheckoutLink) -> None:
        def look(work: Work) -> LivePlan:
            return links_plan(work, [(link.user_id, link.renewal_micros)])

        await in_live(self, self._workspace, look, self._payments.renew, link)

    async def _expire(self, link: CheckoutLink) -> None:
        await in_live(self, self._workspace, lambda _work: expire_plan(link), self._payments.expire, link)

    def _refund(self) -> None:
        link = self._link()
        if link is not None:
            self.money_back.refund_payment(link.payment_intent)

    def _show_user(self) -> None:
        link = self._link()
        if link is not None:
            self._workspace.page_asked.emit("users", link.user_id)
