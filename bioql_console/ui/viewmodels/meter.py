"""The Meter page: what Stripe's meter and price should be and are, and what was used."""

import threading
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter_repair import Step
from bioql_console.domain.paging import UserQuery
from bioql_console.services.meter_setup import MeterReport
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

USAGE_DAYS = 30
MOST_USERS = 200
CHECKS = (
    Column("What", lambda check: check.what, width=112),
    Column("Expected", lambda check: check.expected, Look.MONO, width=192),
    Column("Actual", lambda check: check.actual or "not known", Look.MONO, width=192),
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
        repairing: The step that a repair is at, in words; empty when it is over.
        usage_known: DailyShots of everybody.
    """

    report_known = Signal(object)
    repairing = Signal(str)
    usage_known = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("usage",))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.checks = RowTable(CHECKS, identity=lambda check: check.what)
        self._inspecting = self.latest(busy=True)
        self._stopped = threading.Event()

    def show(self) -> None:
        super().show()
        self.inspect()

    def inspect(self) -> None:
        """Ask Stripe again."""
        self._inspecting.start(self._inspect)

    async def _inspect(self) -> None:
        await self.look_again()
        self.loaded()

    async def look_again(self) -> MeterReport:
        """What Stripe has now; it is shown as well."""
        report = await self.console.workers.stripe.run(self.console.meter.inspect)
        # What differs stands first.
        self.checks.show_rows(sorted((*report.meter_checks, *report.price_checks), key=lambda check: check.agrees))
        self.report_known.emit(report)
        return report

    async def _load(self) -> None:
        now = self.workspace.now_ms()
        self.usage_known.emit(await self.read(lambda work: work.usage.daily(now - USAGE_DAYS * DAY_MS, now)))

    # --- what an operator does, each by way of `act`

    async def repair(self) -> None:
        """Carry out what is planned. What went wrong in the middle is told with how far it came."""
        console = self.console
        self._stopped.clear()

        def tell(step: Step, done: int, steps: int) -> None:
            self.repairing.emit(f"Step {done + 1} of {steps}: {step.words}")

        try:
            repaired = await console.workers.stripe.run(
                console.meter_repair.repair, console.operator, tell, self._stopped.is_set
            )
        finally:
            self.repairing.emit("")
        await self.look_again()
        done = formats.plural(len(repaired.done), "step is", "steps are")
        if repaired.problem is not None:
            left = f" {formats.count(len(repaired.left))} left." if repaired.left else ""
            what = f"{done} done.{left} {repaired.problem.what}" if repaired.done else repaired.problem.what
            raise OperatorError(what, fix=repaired.problem.fix, code=repaired.problem.code)
        self.workspace.toasted.emit(f"{done} done" + (f", {len(repaired.left)} left" if repaired.left else ""))

    def stop_repairing(self) -> None:
        """After the step in hand; what is done stays done."""
        self._stopped.set()

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
