"""Users: find anybody, see what they owe, act."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from bioql_console.domain.checkout import CheckoutLink
from bioql_console.domain.live_writes import LivePlan
from bioql_console.domain.plain_text import isolated
from bioql_console.domain.rights import Role
from bioql_console.domain.users import Plan, User, clean_email, clean_name
from bioql_console.services.live_plans import customer_plan, links_plan, register_plan
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.pages.arming import in_live
from bioql_console.ui.pages.conflict_dialog import Write, settle
from bioql_console.ui.pages.page import Page, open_in_browser, toolbar
from bioql_console.ui.pages.part_link_dialog import PartLinkDialog
from bioql_console.ui.pages.user_panel import UserPanel
from bioql_console.ui.viewmodels.user_detail import UserDetailViewModel
from bioql_console.ui.viewmodels.users import UsersViewModel
from bioql_console.ui.widgets.buttons import Chips, button
from bioql_console.ui.widgets.cards import EmptyState
from bioql_console.ui.widgets.dialogs import FormDialog, SecretOnceDialog, checked_by, required
from bioql_console.ui.widgets.fields import Labelled, SearchField, field, parse_dollars
from bioql_console.ui.widgets.files import ask_which
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

if TYPE_CHECKING:
    from bioql_console.ui.viewmodels.importing import ImportViewModel

CHIPS = (("owes", "Owes"), ("no_customer", "No customer"), ("disabled", "Disabled"))


class UsersPage(Page):
    """Search, chips, table, panel."""

    name: ClassVar[str] = "users"
    title: ClassVar[str] = "Users"

    def __init__(self) -> None:
        super().__init__()
        self.search = SearchField("Name, e-mail, id, cus_…, key", "Search users")
        self.search.setMinimumWidth(260)
        self.chips = Chips(CHIPS)
        self.register = button("Register user…", self._register, "primary", needs=Role.OPERATOR)
        self.bring_in = button("Import…", lambda: self.show_argument("import"), needs=Role.ADMIN)
        self.bring_in.setToolTip("Brings in the users, usage and balances of an existing BioQL users.db")
        self.body.addLayout(toolbar(self.search, self.chips, None, self.bring_in, self.register))
        self.table = DataTable("Users")
        self.nobody = EmptyState(
            "Nobody fits", "No user fits this search and these filters.", "Show everybody", self._show_everybody
        )
        self.left = QStackedWidget()
        self.left.addWidget(self.table)
        self.left.addWidget(self.nobody)
        self.panel = UserPanel()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(12)
        self.splitter.addWidget(self.left)
        self.splitter.addWidget(_framed(self.panel))
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setCollapsible(0, False)
        self.splitter.setSizes([620, 420])
        self.body.addWidget(self.splitter, 1)

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._importing: ImportViewModel | None = None
        model = self._users = UsersViewModel(workspace)
        self.adopt(model)
        detail = self._detail = UserDetailViewModel(workspace)
        detail.failed.connect(self._show_failure)
        self.panel.attach(detail)
        self.panel.asked.connect(self._act)
        self.table.show_table(model.rows.table)
        self.table.recall(workspace.memory)
        self.chips.choose(model.filters_on())
        self.search.searched.connect(model.search)
        self.search.left.connect(self.table.setFocus)
        self.chips.changed.connect(lambda: model.filter(self.chips.on()))
        self.table.sort_asked.connect(model.sort)
        self.table.selected.connect(lambda user: detail.choose(user.id if user else 0))
        self.table.opened.connect(lambda _user: self.panel.checkout.setFocus())
        model.order_changed.connect(self.table.show_order)
        model.counted.connect(self._show_count)
        model.busy_changed.connect(self.panel.lock)
        model.link_made.connect(self._show_link)
        model.key_made.connect(self._show_key)
        model.registered.connect(lambda user: self._choose(user.id))

    def came_to_front(self) -> None:
        super().came_to_front()
        if self.model is not None:
            self._detail.show()

    def went_behind(self) -> None:
        super().went_behind()
        if self.model is not None:
            self._detail.hide()
            self.table.remember(self._workspace.memory)

    def close_page(self) -> None:
        self.table.remember(self._workspace.memory)
        self._detail.close()
        self._end_import()
        super().close_page()

    def focus_search(self) -> None:
        self.search.setFocus()
        self.search.selectAll()

    def show_argument(self, argument: Any) -> None:
        if isinstance(argument, int):
            self._choose(argument)
        elif argument == "register":
            self._register()
        elif argument == "import" and self.model is not None:
            self._users.act(self._ask_and_import)
        elif str(argument).startswith("search:"):
            self.search.setText(str(argument).partition(":")[2])
        elif str(argument).startswith("filter:"):
            self.search.clear()
            self.chips.choose(frozenset((str(argument).partition(":")[2],)))
            self._users.filter(self.chips.on())

    def _choose(self, user_id: int) -> None:
        """Show a user in the panel, whether or not the table shows them."""
        number = self._users.rows.table.row_of(user_id)
        if number >= 0:
            self.table.select_row(number)
        self._detail.choose(user_id)

    def _show_count(self, words: str) -> None:
        self.count.setText(words)
        self.left.setCurrentWidget(self.table if self._users.rows.table.rows else self.nobody)

    def _show_everybody(self) -> None:
        self.search.clear()
        self.chips.choose(frozenset())
        self._users.filter(frozenset())

    def _user(self) -> User | None:
        return self.panel.detail.user if self.panel.detail else None

    def _act(self, action: str) -> None:
        user = self._user()
        if user is None:
            return
        match action:
            case "checkout":
                self._users.act(self._make_link, user)
            case "part":
                self._users.act(self._ask_for_part, user)
            case "customer":
                plan = customer_plan(user)
                create = self._users.create_customer
                self._users.act(in_live, self, self._workspace, lambda _work: plan, create, user)
            case "payments":
                self._workspace.page_asked.emit("payments", f"user:{user.id}")
            case "adjust":
                self._users.act(self._adjust, user)
            case "key":
                self._users.act(self._reissue, user)
            case "plan":
                self._users.act(self._change_plan, user)
            case "disable":
                self._users.act(self._disable, user)

    def _show_link(self, link: CheckoutLink) -> None:
        opened = open_in_browser(link.url)
        words = "opened in the browser" if opened else "made; copy it with Copy link"
        self._workspace.toasted.emit(f"Checkout link for {formats.dollars(link.amount_cents * 10_000)} {words}")

    def _show_key(self, user: User, key: str) -> None:
        environment = self._workspace.console.environment.word
        dialog = SecretOnceDialog(self, f"API key of {isolated(user.name)}", environment, key)
        dialog.finished.connect(lambda _result: dialog.deleteLater())
        dialog.open()

    def _register(self) -> None:
        if self.model is not None:
            self._users.act(self._ask_and_register)

    async def _ask_and_register(self) -> None:
        dialog = self._form(
            "Register user", "Register", "Makes a Stripe customer, the user and an API key, in this order."
        )
        name, email = field("Ada Lovelace"), field("ada@uni.example")
        dialog.add("Name", name, checked_by(clean_name))
        dialog.add("E-mail", email, checked_by(clean_email))
        if await dialog.ask():
            entered = clean_name(name.text()), clean_email(email.text())
            plan = register_plan(*entered)
            await in_live(self, self._workspace, lambda _work: plan, self._users.register, *entered)

    async def _make_link(self, user: User, asked_micros: int | None = None) -> None:
        def look(work: Work) -> LivePlan:
            return links_plan(work, [(user.id, asked_micros)])

        await in_live(self, self._workspace, look, self._users.make_link, user, asked_micros)

    async def _ask_and_import(self) -> None:
        path = await ask_which(self, "Import an existing BioQL database", ("BioQL databases (*.db)", "All files (*)"))
        if path is not None:
            await self.import_file(path)

    async def import_file(self, path: Path) -> None:
        """Preview a file in a dialog, and bring it in if the operator agrees."""
        from bioql_console.ui.pages.import_dialog import ImportDialog  # wanted once in the life of a ledger
        from bioql_console.ui.viewmodels.importing import ImportViewModel

        model = self._importing = ImportViewModel(self._workspace, path)
        try:
            await ImportDialog(self, model).ask()
        finally:
            self._end_import()

    def _end_import(self) -> None:
        """Once: the page may be closed while the dialog is open, and the dialog goes after it."""
        model, self._importing = self._importing, None
        if model is not None:
            model.close()

    async def _ask_for_part(self, user: User) -> None:
        dialog = PartLinkDialog(self, self._workspace.console.environment.word, user)
        if await dialog.ask():
            await self._make_link(user, dialog.micros)

    async def _adjust(self, user: User) -> None:
        owed = formats.dollars(user.balance.owed_micros)
        note = f"Owed now: {owed}. An entry can't be deleted; it is reversed by another."
        dialog = self._form(f"Adjust the balance of {isolated(user.name)}", "Post adjustment", note)
        amount, reason = field("-25.00"), field("Goodwill for the outage on 12 Nov")
        dialog.add("Amount", amount, _amount_problem, "Positive: owes more. Negative: owes less.")
        dialog.add("Reason, for whoever reads the ledger", reason, required("a reason"))
        if await dialog.ask():
            await self._users.adjust(user, parse_dollars(amount.text()) or 0, reason.text())

    async def _reissue(self, user: User) -> None:
        note = f"The key {user.key_hint} stops working at once."
        dialog = self._form(f"New API key for {isolated(user.name)}", "Reissue key", note)
        reason = field("Lost laptop")
        dialog.add("Reason", reason, required("a reason"))
        if await dialog.ask():
            await self._settle(user, partial(self._users.reissue_key, user, reason.text()))

    async def _change_plan(self, user: User) -> None:
        note = f"{isolated(user.name)} is on the {user.plan.value} plan. Another counts from the next run on."
        dialog = self._form(f"Plan of {isolated(user.name)}", "Change plan", note)
        plan, reason = QComboBox(), field("Upgraded by contract")
        for each in Plan:
            plan.addItem(each.value, each)
        plan.setCurrentIndex(list(Plan).index(user.plan))
        dialog.body.addWidget(Labelled("Plan", plan))
        dialog.add("Reason", reason, required("a reason"))
        if await dialog.ask():
            chosen = list(Plan)[plan.currentIndex()]
            await self._settle(user, partial(self._users.set_plan, user, chosen, reason.text()))

    async def _disable(self, user: User) -> None:
        verb = "Enable" if user.disabled else "Disable"
        note = "The key works again." if user.disabled else "The key stops working at once. What is owed stays owed."
        dialog = self._form(f"{verb} {isolated(user.name)}", verb, note)
        reason = field("Asked by e-mail")
        dialog.add("Reason", reason, required("a reason"))
        if await dialog.ask():
            await self._settle(user, partial(self._users.set_disabled, user, not user.disabled, reason.text()))

    async def _settle(self, user: User, write: Write) -> None:
        await settle(self, self._users, user.version, write)

    def _form(self, title: str, accept: str, note: str) -> FormDialog:
        return FormDialog(self, title, self._workspace.console.environment.word, accept, note)


def _amount_problem(text: str) -> str:
    micros = parse_dollars(text)
    if micros is None:
        return "Enter an amount in dollars and cents, e.g. 12.50 or -12.50."
    return "" if micros else "Enter an amount other than zero."


def _framed(panel: QWidget) -> QWidget:
    """The splitter gives a panel no margin of its own."""
    frame = QWidget()
    column = QVBoxLayout(frame)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(panel)
    return frame
