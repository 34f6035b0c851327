"""The Meter page: what Stripe's meter and price should be and are, and what was used."""

from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import UserQuery
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

USAGE_DAYS = 30
MOST_USERS = 200
CHECKS = (
    Column("What", lambda check: check.what, width=130),
    Column("Expected", lambda check: check.expected, Look.MONO, width=220),
    Column("Actual", lambda check: check.actual or "not known", Look.MONO, width=220),
    Column(
        "State",
        lambda check: "as expected" if check.agrees else "differs",
        Look.PILL,
        tone=lambda check: "ok" if check.agrees else "bad",
        width=106,
    ),
    Column("Consequence", lambda check: check.consequence, Look.MUTED, width=0),
)


class MeterViewModel(ViewModel):
    """Meter, price, usage.

    Signals:
        report_known: A MeterReport.
        usage_known: DailyShots of everybody.
    """

    report_known = Signal(object)
    usage_known = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("usage",))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.checks = RowTable(CHECKS, identity=lambda check: check.what)
        self._inspecting = self.latest(busy=True)

    def show(self) -> None:
        super().show()
        self.inspect()

    def inspect(self) -> None:
        """Ask Stripe again."""
        self._inspecting.start(self._inspect)

    async def _inspect(self) -> None:
        report = await self.console.workers.stripe.run(self.console.meter.inspect)
        self.checks.show_rows([*report.meter_checks, *report.price_checks])
        self.report_known.emit(report)
        self.loaded()

    async def _load(self) -> None:
        now = self.workspace.now_ms()
        self.usage_known.emit(await self.read(lambda work: work.usage.daily(now - USAGE_DAYS * DAY_MS, now)))

    # --- what an operator does, each by way of `act`

    async def create_missing(self) -> None:
        console = self.console
        report = await console.workers.stripe.run(console.meter.create_missing, console.operator)
        self.checks.show_rows([*report.meter_checks, *report.price_checks])
        self.report_known.emit(report)
        self.workspace.toasted.emit("Meter and price are there")

    async def send_test_event(self) -> None:
        """One cent of usage for the first user with a customer; no ledger knows it."""
        query = UserQuery(sort="created")
        users = (await self.read(lambda work: work.users.page(query, None, MOST_USERS))).rows
        customer = next((user.stripe_customer_id for user in users if user.stripe_customer_id), None)
        if customer is None:
            raise OperatorError(
                "No user has a Stripe customer to send test usage for.",
                fix="Register a user, or create a Stripe customer on the Users page.",
                code="meter.no_customer",
            )
        console = self.console
        identifier = await console.workers.stripe.run(console.meter.send_test_event, customer, console.operator)
        self.workspace.toasted.emit(f"Stripe took {identifier} for {customer}")
