"""The Meter page: what Stripe's meter and price should be and are, and what is on its way to them."""

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.outbox import Message, MessageKind, MessageState
from bioql_console.domain.paging import UserQuery
from bioql_console.domain.usage import DailyShots
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

USAGE_DAYS = 30
MOST_MESSAGES = 200
TONES = {MessageState.WAITING: "info", MessageState.SENT: "ok", MessageState.REFUSED: "bad"}
KINDS = {MessageKind.METER_EVENT: "usage", MessageKind.BALANCE_CREDIT: "credit"}
# Stripe takes usage that is at most so old.
OLDEST_TAKEN_MS = 35 * DAY_MS

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


def _deadline(message: Message) -> str:
    if message.kind is not MessageKind.METER_EVENT or message.state is MessageState.SENT:
        return ""
    return formats.day(message.occurred_ms + OLDEST_TAKEN_MS)


OUTBOX = (
    Column("Used", lambda message: formats.short_moment(message.occurred_ms), Look.MUTED, width=116),
    Column("What", lambda message: KINDS[message.kind], width=70),
    Column("Customer", lambda message: message.stripe_customer_id, Look.MONO, width=136, optional=True),
    Column("Amount", lambda message: formats.dollars(message.value * 10_000), Look.NUMBER, width=90),
    Column("State", lambda message: message.state.value, Look.PILL, tone=lambda one: TONES[one.state], width=88),
    Column("Tries", lambda message: formats.count(message.attempts), Look.NUMBER, width=56, optional=True),
    Column("Send by", _deadline, Look.NUMBER, width=76, optional=True),
    Column("Why not", lambda message: message.error, Look.MUTED, width=0),
)


class MeterViewModel(ViewModel):
    """Meter, price, outbox, usage.

    Signals:
        report_known: A MeterReport.
        outbox_known: Number of messages by MessageState.
        usage_known: DailyShots of everybody.
    """

    report_known = Signal(object)
    outbox_known = Signal(object)
    usage_known = Signal(object)
    topics: ClassVar[frozenset[str]] = frozenset(("outbox", "outbox-sent", "usage"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.checks = RowTable(CHECKS, identity=lambda check: check.what)
        self.outbox = RowTable(OUTBOX, identity=lambda message: message.id)
        self.state: MessageState | None = None
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

    def show_state(self, state: MessageState | None) -> None:
        """Only messages in this state; None shows all."""
        self.state = state
        self.refresh()

    async def _load(self) -> None:
        now, state = self.workspace.now_ms(), self.state

        def look(work: Work) -> tuple[list[Message], dict[MessageState, int], Sequence[DailyShots]]:
            sums: dict[MessageState, int] = {}
            for (_, each), number in work.outbox.counts().items():
                sums[each] = sums.get(each, 0) + number
            daily = work.usage.daily(now - USAGE_DAYS * DAY_MS, now)
            return work.outbox.recent(MOST_MESSAGES, state), sums, daily

        messages, sums, daily = await self.read(look)
        self.outbox.show_rows(messages)
        self.outbox_known.emit(sums)
        self.usage_known.emit(daily)

    # --- what an operator does, each by way of `act`

    async def create_missing(self) -> None:
        console = self.console
        report = await console.workers.stripe.run(console.meter.create_missing, console.operator)
        self.checks.show_rows([*report.meter_checks, *report.price_checks])
        self.report_known.emit(report)
        self.workspace.toasted.emit("Meter and price are there")

    async def resend(self, message: Message) -> None:
        """Try a refused message again, after its cause was mended."""

        def put_back() -> None:
            with self.console.store.write() as work:
                work.outbox.resend(message.id)
                work.activity.record(self.console.operator, "re-sent to Stripe", message.key)
                work.commit()

        await self.console.workers.database.run(put_back)
        await self.send_now()

    async def send_now(self) -> None:
        sent = await self.console.workers.stripe.run(self.console.outbox.send_due)
        self.workspace.toasted.emit(f"{formats.plural(sent, 'message', 'messages')} taken by Stripe")
        self.refresh()

    async def send_test_event(self) -> None:
        """One cent of usage for the first user with a customer; no ledger knows it."""
        query = UserQuery(sort="created")
        users = (await self.read(lambda work: work.users.page(query, None, MOST_MESSAGES))).rows
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
