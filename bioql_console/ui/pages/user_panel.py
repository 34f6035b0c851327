"""The panel about one user: what is owed, what to do about it, and where it comes from."""

from dataclasses import replace
from datetime import UTC, datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.rights import Role
from bioql_console.domain.users import User
from bioql_console.ui import formats
from bioql_console.ui.viewmodels.invoices import accrual_words
from bioql_console.ui.viewmodels.user_detail import USAGE_DAYS, UserDetail, UserDetailViewModel
from bioql_console.ui.widgets.buttons import CopyButton, button, menu_button
from bioql_console.ui.widgets.cards import Card, EmptyState, KeyValues
from bioql_console.ui.widgets.charts import BarChart
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel, StatePill
from bioql_console.ui.widgets.progress import Progress
from bioql_console.ui.widgets.table_or_words import TableOrWords
from bioql_console.ui.widgets.tables import DataTable

NARROWEST = 420


class UserPanel(QStackedWidget):
    """Signals: `asked` with the name of an action; the page acts on the user shown."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(NARROWEST)
        self.detail: UserDetail | None = None
        self._locked = False
        self.empty = EmptyState("No user chosen", "Choose one in the table: its balance and history appear here.")
        self.card = Card()
        self.card.body.setSpacing(6)
        self._add_head()
        self._add_actions()
        self._add_tabs()
        self.addWidget(self.empty)
        self.addWidget(self.card)

    def _add_head(self) -> None:
        self.user_name = ElidedLabel("", "heading")
        self.number = PlainLabel("", "muted")
        self.state = StatePill()
        head = QHBoxLayout()
        head.addWidget(self.user_name, 1)
        head.addWidget(self.state)
        head.addWidget(self.number)
        self.who = ElidedLabel("", "muted")
        self.owed = PlainLabel("", "figure")
        self.owed.setObjectName("owedFigure")
        self.owed_note = PlainLabel("", "muted").wrapped()
        owed = QHBoxLayout()
        owed.addWidget(self.owed)
        owed.addWidget(self.owed_note, 1, Qt.AlignmentFlag.AlignBottom)
        self.card.body.addLayout(head)
        self.others = PlainLabel("", "strong").wrapped()
        self.others.setObjectName("othersHere")
        self.others.hide()
        self.card.body.addWidget(self.who)
        self.card.body.addWidget(self.others)
        self.card.body.addLayout(owed)

    def _add_actions(self) -> None:
        self.checkout = button("Checkout link", lambda: self.asked.emit("checkout"), "primary", needs=Role.OPERATOR)
        self.checkout.setToolTip("Makes a link for everything that is owed and opens it in the browser")
        self.customer = button(
            "Create Stripe customer", lambda: self.asked.emit("customer"), "primary", needs=Role.OPERATOR
        )
        self.copy = CopyButton("Copy link", self._link, "the Checkout link")
        self.adjust = button("Adjust…", lambda: self.asked.emit("adjust"), needs=Role.OPERATOR)
        entries = (
            ("Link for a part…", lambda: self.asked.emit("part")),
            ("Reissue API key…", lambda: self.asked.emit("key")),
            ("Change plan…", lambda: self.asked.emit("plan")),
            ("Disable or enable…", lambda: self.asked.emit("disable")),
            ("Open user's payments", lambda: self.asked.emit("payments")),
        )
        free = ("Open user's payments",)
        self.more = menu_button("···", entries, "More actions", needs=Role.OPERATOR, free=free)
        row = QHBoxLayout()
        row.setSpacing(8)
        for widget in (self.customer, self.checkout, self.copy, self.adjust, self.more):
            row.addWidget(widget)
        row.addStretch(1)
        self.card.body.addLayout(row)

    def _add_tabs(self) -> None:
        self.ledger, self.payments = DataTable("User ledger"), DataTable("User payments")
        self.tickets, self.invoices = DataTable("User tickets"), DataTable("User invoices")
        self.months = DataTable("User months")
        self._tickets = TableOrWords(self.tickets, "Nothing was asked for: tickets are sent from the dashboard.")
        self._at_stripe = TableOrWords(self.invoices, "No invoice at Stripe yet.")
        self.usage = BarChart("Shots per day")
        self.usage_caption = PlainLabel("", "muted")
        self.facts = KeyValues()
        self.tabs = QTabWidget()
        self.tabs.setObjectName("panelTabs")
        self.tabs.setAccessibleName("About this user")
        usage = QWidget()
        column = QVBoxLayout(usage)
        column.setContentsMargins(0, 10, 0, 0)
        self.backends = KeyValues()
        for part in (self.usage_caption, self.usage, self.backends):
            column.addWidget(part)
        column.addStretch(1)
        facts = QWidget()
        around = QVBoxLayout(facts)
        around.setContentsMargins(0, 10, 0, 0)
        around.addWidget(self.facts)
        around.addStretch(1)
        for widget, title in (
            (self.ledger, "Ledger"),
            (usage, "Usage"),
            (self.payments, "Payments"),
            (self._invoices(), "Invoices"),
            (self._tickets, "Tickets"),
            (facts, "Key"),
        ):
            self.tabs.addTab(widget, title)
        self.card.body.addWidget(self.tabs, 1)

    def _invoices(self) -> QWidget:
        self.threshold = Progress("Progress towards the invoice threshold")
        around = QWidget()
        column = QVBoxLayout(around)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.threshold)
        column.addWidget(self._at_stripe, 2)
        column.addWidget(PlainLabel("Charged by month", "muted"))
        column.addWidget(self.months, 3)
        return around

    def attach(self, model: UserDetailViewModel) -> None:
        self.ledger.show_table(model.ledger.table)
        self.payments.show_table(model.payments)
        self.months.show_table(model.months)
        self._at_stripe.show_table(model.invoices)
        self._tickets.show_table(model.tickets)
        self.tickets.opened.connect(lambda ticket: model.workspace.page_asked.emit("support", ticket.id))
        self._now_ms = model.workspace.now_ms
        self.copy.copied.connect(model.workspace.toasted)
        model.shown.connect(self.show_detail)
        model.seen.connect(self.show_user)
        model.presence.changed.connect(self.show_others)

    def show_others(self, words: str) -> None:
        """Who else has this customer open."""
        self.others.setText(words)
        self.others.setVisible(bool(words))

    def lock(self, busy: bool) -> None:
        """Nothing may be pressed while something is being done, whatever is read meanwhile."""
        self._locked = busy
        for each in (self.checkout, self.customer, self.adjust, self.more):
            each.setDisabled(busy)
        if not busy:
            self.show_detail(self.detail)

    def show_detail(self, detail: UserDetail | None) -> None:
        self.detail = detail
        self.setCurrentWidget(self.card if detail else self.empty)
        if detail is None:
            return
        self._show_head(detail.user)
        self.owed_note.setText(self._owed_words(detail))
        self.copy.setEnabled(detail.link is not None)
        self.threshold.show_progress(detail.accrual.fraction, accrual_words(detail.accrual))
        self._show_usage(detail)
        self._show_facts(detail)

    def show_user(self, user: User) -> None:
        """The one who is shown, read anew; what belongs to it follows."""
        if self.detail is not None and self.detail.user.id == user.id:
            # What is pressed now is about the user as shown.
            self.detail = replace(self.detail, user=user)
            self._show_head(user)

    def _show_head(self, user: User) -> None:
        owed, has_customer = user.balance.owed_micros, user.stripe_customer_id is not None
        self.user_name.setText(user.name)
        self.number.setText(f"#{user.id}")
        self.state.show_state("disabled", "warn")
        self.state.setVisible(user.disabled)
        self.who.setText(f"{user.email} · {user.plan.value} · {user.key_hint}")
        self.owed.setText(formats.dollars(owed))
        self.customer.setVisible(not has_customer)
        self.checkout.setVisible(has_customer)
        self.checkout.setEnabled(owed > 0 and not self._locked)

    def _owed_words(self, detail: UserDetail) -> str:
        credit = detail.user.balance.available_credit_micros
        if credit:
            return f"owed · {formats.dollars(credit)} credit"
        if detail.oldest_ms is None or not detail.user.balance.owed_micros:
            return "owed"
        return f"owed · oldest {formats.span(self._now_ms() - detail.oldest_ms)}"

    def _show_usage(self, detail: UserDetail) -> None:
        by_day: dict[str, int] = {}
        by_backend: dict[str, tuple[int, int]] = {}
        for each in detail.usage:
            by_day[each.day] = by_day.get(each.day, 0) + each.shots
            shots, cost = by_backend.get(each.backend, (0, 0))
            by_backend[each.backend] = (shots + each.shots, cost + each.cost_micros)
        self.usage.show_bars(bars_of_days(by_day, self._now_ms()))
        total = f"{formats.count(detail.shots)} shots, {formats.dollars(detail.cost_micros)} in all"
        self.usage_caption.setText(f"Shots per day, {USAGE_DAYS} days · {total}")
        rows = sorted(by_backend.items(), key=lambda item: -item[1][1])
        self.backends.show_rows(
            [(name, f"{formats.count(shots)} shots · {formats.dollars(cost)}") for name, (shots, cost) in rows]
        )

    def _show_facts(self, detail: UserDetail) -> None:
        user = detail.user
        seen = formats.moment(user.last_used_ms) if user.last_used_ms else "never"
        self.facts.show_rows(
            [
                ("API key", f"{user.key_hint}  (only its hash is kept)"),
                ("Last used", seen),
                ("Registered", formats.moment(user.created_ms)),
                ("Stripe customer", user.stripe_customer_id or "none: can't pay until one is created"),
                ("Subscription", user.stripe_subscription_id or "none"),
                ("State", "disabled" if user.disabled else "active"),
            ]
        )

    def _link(self) -> str:
        link = self.detail.link if self.detail else None
        return link.url if link and link.is_payable(self._now_ms()) else ""


def bars_of_days(shots: dict[str, int], now_ms: int, days: int = USAGE_DAYS) -> list[tuple[str, int, str]]:
    """A bar for each UTC day up to now, also for those without shots."""
    bars = []
    for back in range(days - 1, -1, -1):
        moment = datetime.fromtimestamp((now_ms - back * DAY_MS) / 1000, UTC)
        number = shots.get(moment.strftime("%Y-%m-%d"), 0)
        bars.append((f"{moment.day} {moment:%b}", number, f"{formats.count(number)} shots"))
    return bars
