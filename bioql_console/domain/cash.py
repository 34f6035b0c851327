"""The rows that reconciliation compares: plain tuples, since there may be a hundred thousand of each."""

from enum import Enum
from typing import NamedTuple


class Part(Enum):
    """What moved the cash at Stripe. Each part is compared by its own document."""

    PAYMENT = "payment"  # by payment intent, or by invoice where one was paid
    REFUND = "refund"  # by payment intent: all its refunds together
    DISPUTE = "dispute"  # by dispute
    OTHER = "other"  # an entry of ours that names nothing of Stripe's


class CashFact(NamedTuple):
    """Cash that moved at Stripe.

    Args:
        document: What both sides are compared by; see `Part`.
        cents: Positive when it came in.
        reference: Of ours, as Stripe keeps it with the payment; empty when there is none.
    """

    part: str
    document: str
    id: str
    payment: str
    customer: str
    cents: int
    at_ms: int
    reference: str = ""


class CashEntry(NamedTuple):
    """An entry of ours against the account of cash at Stripe. `user_id` None where the entry names none."""

    part: str
    document: str
    entry_id: int
    payment: str
    user_id: int | None
    cents: int
    at_ms: int


class DocumentSum(NamedTuple):
    """What both sides say of one document, in the period or altogether.

    Args:
        stripe_at_ms, books_at_ms: The latest on each side; 0 where a side has nothing.
    """

    part: str
    document: str
    payment: str
    customer: str
    user_id: int | None
    stripe_cents: int
    books_cents: int
    stripe_at_ms: int
    books_at_ms: int
    reference: str


class UserRow(NamedTuple):
    """A user as far as Stripe knows of one."""

    user_id: int
    name: str
    email: str
    customer: str
    subscription: str
    owed_cents: int


class CustomerRow(NamedTuple):
    """A customer at Stripe.

    Args:
        reference: Of ours, where this console made it.
        balance_cents: Negative for credit.
    """

    id: str
    email: str
    reference: str
    balance_cents: int
    created_ms: int


class InvoiceRow(NamedTuple):
    """An invoice on one side. `due_cents` is what it asked for before credit notes lowered it."""

    id: str
    customer: str
    state: str
    total_cents: int
    due_cents: int
    paid_cents: int
    created_ms: int
    number: str
    by_hand: bool


class PaidRow(NamedTuple):
    """A payment of one user.

    Args:
        made_ms: When the link or invoice was made; None when it is not known.
        owed_before_cents: What the user owed right before it took effect; negative for credit.
    """

    source_id: str
    entry_id: int
    cents: int
    at_ms: int
    made_ms: int | None
    owed_before_cents: int


class ToldRow(NamedTuple):
    """A change of a customer's Stripe balance that our outbox sent, or is about to. `cents` lower the next invoice."""

    key: str
    customer: str
    user_id: int
    cents: int
    state: str
    at_ms: int
    error: str
    message_id: int


class MeteredRow(NamedTuple):
    """A run that belongs on the meter.

    Args:
        units: Whole cents of it, fractions of the runs before counted in.
        state: The outbox message's; empty when there is none.
    """

    usage_id: str
    user_id: int
    customer: str
    units: int
    at_ms: int
    state: str
    error: str
    message_id: int
    sent_ms: int
