"""The Users page: search, filters, order, and what an operator does with one user."""

from collections.abc import Set
from dataclasses import replace
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.checkout import AmountRefused, CheckoutLink, NoCustomer
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import UserQuery
from bioql_console.domain.plain_text import isolated
from bioql_console.domain.users import Plan, User
from bioql_console.services.registration import EmailTaken, PaymentRefused
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

COUNT_AT_MOST = 10_001
FILTERS = ("owes", "no_customer", "disabled")


def owed_or_credit(user: User) -> str:
    """What a user owes, or the credit in words; a dash when neither."""
    if user.balance.owed_micros:
        return formats.dollars(user.balance.owed_micros)
    credit = user.balance.available_credit_micros
    return f"{formats.dollars(credit)} credit" if credit else "—"


class UsersViewModel(ViewModel):
    """Signals: `counted` with words, `order_changed`, and what came of an action."""

    counted = Signal(str)
    order_changed = Signal(str, bool)
    link_made = Signal(object)
    key_made = Signal(object, str)
    registered = Signal(object)
    user_wanted = Signal(int)
    topics: ClassVar[frozenset[str]] = frozenset(("users", "balances", "checkouts"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = self._recall()
        self.rows = Rows(
            self, self._columns(), lambda work, after, limit: work.users.page(self.query, after, limit), _id
        )
        self._from_start = True

    def _recall(self) -> UserQuery:
        memory = self.workspace.memory
        sorts = {"name", "email", "plan", "owed", "customer", "seen", "created"}
        sort = memory.get("users/sort", str, "owed")
        descending = memory.get("users/descending", bool, True)
        on = set(memory.get("users/filters", list, [])) & set(FILTERS)
        by = sort if sort in sorts else "owed"
        return _filtered(UserQuery(sort=by, descending=descending), on)

    def _columns(self) -> tuple[Column, ...]:
        now = self.workspace.now_ms
        return (
            Column("Name", lambda user: user.name, sort="name", width=0),
            Column("E-mail", lambda user: user.email, Look.MUTED, sort="email", width=190, optional=True),
            Column("Plan", lambda user: user.plan.value, sort="plan", width=98),
            Column(
                "Owes",
                lambda user: formats.dollars_or_dash(user.balance.owed_micros),
                Look.NUMBER,
                plain=lambda user: formats.plain_amount(user.balance.owed_micros),
                sort="owed",
                width=92,
            ),
            Column(
                "Customer",
                lambda user: user.stripe_customer_id or "none",
                Look.MONO,
                tone=lambda user: None if user.stripe_customer_id else "warn",
                sort="customer",
                width=134,
            ),
            Column(
                "Seen", lambda user: formats.short_ago(user.last_used_ms, now()), Look.NUMBER, sort="seen", width=58
            ),
        )

    # --- what is shown

    def search(self, text: str) -> None:
        self._ask(replace(self.query, text=text))

    def filter(self, on: frozenset[str]) -> None:
        self.workspace.memory.put("users/filters", sorted(on))
        self._ask(_filtered(self.query, on))

    def sort(self, by: str, descending: bool) -> None:
        self.workspace.memory.put("users/sort", by)
        self.workspace.memory.put("users/descending", descending)
        self._ask(replace(self.query, sort=by, descending=descending))

    def filters_on(self) -> frozenset[str]:
        return frozenset(name for name in FILTERS if getattr(self.query, name))

    def _ask(self, query: UserQuery) -> None:
        if query != self.query:
            self.query, self._from_start = query, True
            self.refresh()

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        self.order_changed.emit(self.query.sort, self.query.descending)
        await self.rows.reload(from_start=from_start)
        number = await self.read(lambda work: work.users.count(self.query, COUNT_AT_MOST))
        self.counted.emit("more than 10,000" if number >= COUNT_AT_MOST else formats.count(number))
        self.loaded()

    # --- what an operator does, each by way of `act`

    async def register(self, name: str, email: str) -> None:
        operator = self.console.operator
        try:
            made = await self.console.workers.stripe.run(
                self.console.registration.register, name, email, None, True, operator
            )
        except EmailTaken as error:
            raise OperatorError(
                f"{email} is registered already.", fix="Search for the address.", code="user.email_taken"
            ) from error
        except (PaymentRefused, ValueError) as error:
            raise OperatorError(f"{error}.", fix="Correct it and register again.", code="user.refused") from error
        self.registered.emit(made.user)
        self.key_made.emit(made.user, made.api_key)

    async def create_customer(self, user: User) -> None:
        made = await self.console.workers.stripe.run(self.console.users.create_customer, user.id, self.console.operator)
        self.workspace.toasted.emit(f"{isolated(user.name)} is now {made.stripe_customer_id}")

    async def reissue_key(self, user: User, reason: str, version: int) -> None:
        key = await self.console.workers.database.run(
            self.console.users.reissue_key, user.id, self.console.operator, reason, version
        )
        self.key_made.emit(user, key)

    async def set_disabled(self, user: User, disabled: bool, reason: str, version: int) -> None:
        await self.console.workers.database.run(
            self.console.users.set_disabled, user.id, disabled, self.console.operator, reason, version
        )
        self.workspace.toasted.emit(f"{isolated(user.name)} is {'disabled' if disabled else 'enabled'}")

    async def set_plan(self, user: User, plan: Plan, reason: str, version: int) -> None:
        await self.console.workers.database.run(
            self.console.users.set_plan, user.id, plan, self.console.operator, reason, version
        )
        self.workspace.toasted.emit(f"{isolated(user.name)} is on the {plan.value} plan")

    async def adjust(self, user: User, owes_micros: int, reason: str) -> None:
        await self.console.workers.database.run(
            self.console.users.adjust, user.id, owes_micros, self.console.operator, reason
        )
        self.workspace.toasted.emit(f"{formats.signed_dollars(owes_micros)} posted for {isolated(user.name)}")

    async def make_link(self, user: User, asked_micros: int | None = None) -> None:
        self.link_made.emit(await open_link(self, user.id, user.name, asked_micros))


async def open_link(model: ViewModel, user_id: int, name: str, asked_micros: int | None = None) -> CheckoutLink:
    """A Checkout link for everything a user owes, or for a part.

    Raises:
        OperatorError: `checkout.no_customer`, `checkout.refused`, `stripe.*`.
    """
    console = model.console
    base = console.settings().dashboard_url or console.server.url

    def make() -> CheckoutLink:
        return console.checkouts.open(
            user_id,
            asked_micros=asked_micros,
            success_url=f"{base}/dashboard.html?payment=success",
            cancel_url=f"{base}/dashboard.html?payment=cancel",
            operator=console.operator,
        )

    try:
        return await console.workers.stripe.run(make)
    except NoCustomer as error:
        raise OperatorError(
            f"{name} has no Stripe customer and can't pay.",
            fix="Press Create Stripe customer first.",
            code="checkout.no_customer",
        ) from error
    except AmountRefused as error:
        raise OperatorError(f"{name}: {error}.", fix=error.way_out, code="checkout.refused") from error


def _filtered(query: UserQuery, on: Set[str]) -> UserQuery:
    return replace(query, owes="owes" in on, no_customer="no_customer" in on, disabled="disabled" in on)


def _id(user: User) -> int:
    return user.id
