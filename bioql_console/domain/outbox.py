"""Writes to Stripe that are decided in a ledger transaction and sent afterwards."""

from dataclasses import dataclass
from enum import Enum

from bioql_console.domain.ageing import DAY_MS

# Stripe takes usage that is at most so old, and takes it back at most so long after it came.
OLDEST_TAKEN_MS = 35 * DAY_MS
CANCELLABLE_MS = DAY_MS
# Nothing is put off for longer, and clocks of several consoles differ by less: what lies further ahead was written down
# by a clock that was wrong, and counts for nothing.
LONGEST_WAIT_MS = 6 * 3_600_000
SKEW_MS = 5 * 60_000
# An identifier is remembered at least so long; a repeat after that could count twice.
REMEMBERED_MS = DAY_MS


class MessageKind(Enum):
    """What is to be told to Stripe."""

    METER_EVENT = "meter_event"
    METER_CANCEL = "meter_cancel"
    BALANCE_CREDIT = "balance_credit"
    CREDIT_NOTE = "credit_note"
    INVOICE = "invoice"
    CLOSE_LINK = "close_link"


# Of one user these go in the order in which they were decided. An invoice waits by itself until all else is sent.
IN_ORDER = (MessageKind.METER_CANCEL, MessageKind.BALANCE_CREDIT, MessageKind.CREDIT_NOTE, MessageKind.CLOSE_LINK)

USAGE = (MessageKind.METER_EVENT,)
MONEY = (*IN_ORDER, MessageKind.INVOICE)


class MessageState(Enum):
    """`WAITING` is retried; `REFUSED` needs an operator; `CLOSED` usage is taken back or collected another way."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Message:
    """One write to Stripe.

    Args:
        key: Names what it is about, such as a run or a payment; stored before the first attempt.
        identifier: What Stripe knows usage by; another one each time that refused usage is sent again.
        value: Cents to charge on the meter or to take back there, to credit to the customer's Stripe balance (negative
            takes it back), to take off an open invoice, to invoice, or that a link to be closed asks for.
        extra: Further payload, e.g. shots and backend of a meter event.
        attempts, tried_ms: Tries so far, and when the last one began.
        first_tried_ms: When the first try under this identifier began: from then on Stripe may have it.
        code: Why Stripe's meter refused it, a key of `METER_ERRORS`; empty for other reasons.
        report: Stripe's event that said so.
    """

    id: int
    kind: MessageKind
    key: str
    user_id: int
    stripe_customer_id: str
    value: int
    occurred_ms: int
    extra: dict[str, str]
    state: MessageState = MessageState.WAITING
    attempts: int = 0
    error: str = ""
    sent_ms: int | None = None
    identifier: str = ""
    tried_ms: int | None = None
    code: str = ""
    report: str = ""
    first_tried_ms: int | None = None

    @property
    def send_by_ms(self) -> int | None:
        """After this Stripe takes the usage no more; None for what has no such deadline, or is past it already."""
        open_usage = self.state in (MessageState.WAITING, MessageState.REFUSED)
        return self.occurred_ms + OLDEST_TAKEN_MS if self.kind is MessageKind.METER_EVENT and open_usage else None

    @property
    def cancel_by_ms(self) -> int | None:
        """Until then Stripe takes the usage back; None for what it does not count."""
        if self.kind is not MessageKind.METER_EVENT or self.state is not MessageState.SENT or self.sent_ms is None:
            return None
        return self.sent_ms + CANCELLABLE_MS


@dataclass(frozen=True, slots=True)
class OutboxSum:
    """Messages of one kind in one state, refused for one reason.

    Args:
        cents: Sum of their values without sign: the money at stake.
        oldest_ms: When the oldest of them was decided.
    """

    kind: MessageKind
    state: MessageState
    code: str
    count: int
    cents: int
    oldest_ms: int
