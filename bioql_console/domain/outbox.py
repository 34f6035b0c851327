"""Writes to Stripe that are decided in a ledger transaction and sent afterwards."""

from dataclasses import dataclass
from enum import Enum


class MessageKind(Enum):
    """What is to be told to Stripe."""

    METER_EVENT = "meter_event"
    BALANCE_CREDIT = "balance_credit"
    CREDIT_NOTE = "credit_note"
    INVOICE = "invoice"
    CLOSE_LINK = "close_link"


class MessageState(Enum):
    """`WAITING` is retried; `REFUSED` needs an operator."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Message:
    """One write to Stripe.

    Args:
        key: Idempotency key (balance credit) or meter event identifier; stored before the first attempt.
        value: Cents to charge on the meter, to credit to the customer's Stripe balance (negative takes it back), to
            take off an open invoice, to invoice, or that a link to be closed asks for.
        extra: Further payload, e.g. shots and backend of a meter event.
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
