"""What is on the way to Stripe, what it refused and why, and what an operator does about it."""

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.live_writes import Standing
from bioql_console.domain.meter_errors import METER_ERRORS, UNCLEAR, ErrorReport, explained
from bioql_console.domain.outbox import Message, MessageKind, MessageState, OutboxSum
from bioql_console.domain.paging import OutboxQuery
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.view_model import Rows, ViewModel
from bioql_console.ui.workspace import Workspace

MOST_REPORTS = 50
SOON_MS = 7 * 86_400_000
TONES = {
    MessageState.WAITING: "info",
    MessageState.SENT: "ok",
    MessageState.REFUSED: "bad",
    MessageState.CLOSED: "unknown",
}
KINDS = {
    MessageKind.METER_EVENT: "usage",
    MessageKind.METER_CANCEL: "taken back",
    MessageKind.BALANCE_CREDIT: "credit",
    MessageKind.CREDIT_NOTE: "credit note",
    MessageKind.INVOICE: "invoice",
    MessageKind.CLOSE_LINK: "close link",
}
CODES = {
    "archived_meter": "meter deactivated",
    "no_meter": "no meter",
    "meter_event_customer_not_found": "customer unknown",
    "meter_event_no_customer_defined": "no customer",
    "meter_event_invalid_value": "value unreadable",
    "meter_event_value_too_many_digits": "value too long",
    "meter_event_dimension_count_too_high": "too many dimensions",
    "missing_dimension_payload_keys": "dimension missing",
    "timestamp_in_future": "in the future",
    "timestamp_too_far_in_past": "too old",
    UNCLEAR: "maybe counted",
    "": "other reasons",
}


def code_words(code: str) -> str:
    """A code in a few words; one that is not known here as Stripe writes it."""
    return CODES.get(code, code)


def _deadline(at_ms: int | None) -> str:
    return formats.short_moment(at_ms) if at_ms else ""


OUTBOX = (
    Column("Used", lambda message: formats.short_moment(message.occurred_ms), Look.MUTED, width=124),
    Column("What", lambda message: KINDS[message.kind], width=84),
    Column("Customer", lambda message: message.stripe_customer_id, Look.MONO, width=136, optional=True),
    Column("Amount", lambda message: formats.dollars(message.value * 10_000), Look.NUMBER, width=98),
    Column("State", lambda message: message.state.value, Look.PILL, tone=lambda one: TONES[one.state], width=84),
    Column("Tries", lambda message: formats.count(message.attempts), Look.NUMBER, width=50, optional=True),
    Column(
        "Send by", lambda message: formats.day(message.send_by_ms) if message.send_by_ms else "", Look.NUMBER, width=104
    ),
    Column("Cancel by", lambda message: _deadline(message.cancel_by_ms), Look.NUMBER, width=116),
    Column("Why not", lambda message: message.error, Look.MUTED, width=0),
)
REPORTS = (
    Column("When", lambda report: formats.short_moment(report.created_ms), Look.MUTED, width=124),
    Column("Meter", lambda report: report.meter or "none", Look.MONO, width=170, optional=True),
    Column("Counted", lambda report: formats.count(report.count), Look.NUMBER, width=90),
    Column("Named", lambda report: formats.count(report.named), Look.NUMBER, width=80),
    Column("Found here", lambda report: formats.count(report.joined), Look.NUMBER, width=110),
    Column(
        "Reasons", lambda report: ", ".join(code_words(each.code) for each in report.refusals) or "not known", width=0
    ),
)


class OutboxViewModel(ViewModel):
    """The outbox.

    Signals:
        sums_known: OutboxSums of what did not come to Stripe.
        rests_known: Why usage rests, in words; empty while it flows.
        shown: The rows were read anew.
    """

    sums_known = Signal(object)
    rests_known = Signal(str)
    shown = Signal()
    topics: ClassVar[frozenset[str]] = frozenset(("outbox", "outbox-sent", "usage"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.query = OutboxQuery()
        self.rows = Rows(
            self,
            OUTBOX,
            lambda work, after, limit: work.outbox.page(self.query, after, limit),
            identity=lambda message: message.id,
        )
        self.reports = RowTable(REPORTS, identity=lambda report: report.event_id)
        self._from_start = False

    def ask(self, state: MessageState | None, code: str = "") -> None:
        """Only messages in this state, refused for this reason."""
        query = OutboxQuery(state, code)
        if query != self.query:
            self.query, self._from_start = query, True
            self.refresh()

    async def _load(self) -> None:
        from_start, self._from_start = self._from_start, False
        sums = await self.read(lambda work: work.outbox.sums())
        await self.rows.reload(from_start=from_start)
        why, until_ms = self.console.outbox.rests
        until = f" Next try {formats.clock(until_ms)}." if until_ms else ""
        self.rests_known.emit(f"Usage rests: {why}{until}" if why else "")
        self.sums_known.emit(sums)
        self.shown.emit()
        self.loaded()

    def explain(self, message: Message) -> str:
        """Cause and cure of a refusal, or what will happen to the message."""
        if message.state is MessageState.REFUSED and message.kind is MessageKind.METER_EVENT:
            why = explained(message.code)
            return f"{why.cause} {why.cure}"
        if message.state is MessageState.REFUSED:
            return "Mend what Stripe names, then send again."
        left_ms = (message.send_by_ms or 0) - self.workspace.now_ms()
        if message.send_by_ms and left_ms < SOON_MS:
            return f"Stripe takes it for another {formats.span(max(0, left_ms))}."
        if message.identifier != message.key:
            return f"Sent again as {message.identifier}."
        return ""

    async def all_of(self, code: str) -> list[Message]:
        """All refused usage of one reason."""
        return await self.read(lambda work: work.outbox.refused_as(code))

    async def load_reports(self) -> list[ErrorReport]:
        def look(work: Work) -> list[ErrorReport]:
            return work.error_reports.recent(MOST_REPORTS)

        reports = await self.read(look)
        self.reports.show_rows(reports)
        return reports

    # --- what an operator does, each by way of `act`

    async def send_again(self, messages: Sequence[Message]) -> None:
        """Try refused messages again, after their cause was mended."""
        ids, operator = [message.id for message in messages], self.console.operator
        await self.console.workers.database.run(self.console.corrections.send_again, ids, operator)
        await self.send_now()

    async def send_now(self) -> None:
        live = self.console.live
        if not any(live.permits(kind) for kind in (Standing.USAGE, Standing.MONEY)):
            live.require(Standing.USAGE)
        sent = await self.console.workers.stripe.run(self.console.outbox.send_due)
        self.workspace.toasted.emit(f"{formats.plural(sent, 'message', 'messages')} taken by Stripe")
        self.refresh()

    async def collect_otherwise(self, messages: Sequence[Message]) -> None:
        ids, operator = [message.id for message in messages], self.console.operator
        closed = await self.console.workers.database.run(self.console.corrections.collect_otherwise, ids, operator)
        self.workspace.toasted.emit(f"{formats.plural(closed, 'run', 'runs')} collected with the next invoice")

    async def take_back(self, message: Message, reason: str) -> None:
        take_back, operator = self.console.corrections.take_back, self.console.operator
        cents = await self.console.workers.database.run(take_back, message.id, operator, reason)
        self.workspace.toasted.emit(f"{formats.dollars(cents * 10_000)} of usage taken back")


def at_stake(sums: Sequence[OutboxSum], state: MessageState) -> tuple[int, int]:
    """How many messages are in a state, and their money in micros."""
    here = [each for each in sums if each.state is state]
    return sum(each.count for each in here), sum(each.cents for each in here) * 10_000


def refused_usage(sums: Sequence[OutboxSum]) -> dict[str, OutboxSum]:
    """Refused usage by code, those that are known here in their order."""
    found = {
        each.code: each for each in sums if each.state is MessageState.REFUSED and each.kind is MessageKind.METER_EVENT
    }
    order = [*METER_ERRORS, UNCLEAR, ""]
    return dict(sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))
