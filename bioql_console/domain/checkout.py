"""Checkout links: what may be charged, and how a link stands."""

from dataclasses import dataclass
from enum import Enum

from bioql_console.domain.ledger import Balance
from bioql_console.domain.money import LARGEST_CHARGE_CENTS, SMALLEST_CHARGE_CENTS, cents_half_up, plain_dollars


class CheckoutState(Enum):
    """A link's life. `CREATING`: Stripe's answer is not known yet. `PROCESSING`: a bank debit is on its way."""

    CREATING = "creating"
    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckoutLink:
    """A Checkout session for a user's balance.

    Args:
        reference: Our own id, stored before Stripe is called; travels in the session's metadata.
        session_id: Stripe's `cs_…`; empty while creating.
        url: Where the user pays; empty once the session is no longer open.
    """

    reference: str
    user_id: int
    amount_cents: int
    balance_version: int
    state: CheckoutState
    created_ms: int
    expires_ms: int | None = None
    session_id: str = ""
    url: str = ""
    payment_intent: str = ""
    operator: str = "system"
    user_name: str = ""


class AmountRefused(ValueError):
    """The amount can't be charged. The message is the sentence for the person who asked."""


def chargeable_cents(balance: Balance, asked_micros: int | None = None, on_its_way_cents: int = 0) -> int:
    """Whole cents to charge: the amount asked for, or everything that is owed.

    Args:
        on_its_way_cents: What banks were asked to pay already.

    Raises:
        AmountRefused: not positive, more than is owed, or outside what Stripe charges in one payment.
    """
    owed_cents = cents_half_up(balance.owed_micros) - on_its_way_cents
    cents = owed_cents if asked_micros is None else cents_half_up(asked_micros)
    if asked_micros is not None and asked_micros <= 0:
        raise AmountRefused("Amount must be greater than 0")
    if owed_cents <= 0 and on_its_way_cents:
        raise AmountRefused("A bank payment is on its way; it takes a few days")
    if owed_cents <= 0:
        raise AmountRefused("Nothing is owed")
    if cents > owed_cents:
        raise AmountRefused(f"Amount is more than is owed ({plain_dollars(owed_cents * 10_000)})")
    if cents < SMALLEST_CHARGE_CENTS:
        raise AmountRefused("Amount is below the smallest payment of $0.50")
    if cents > LARGEST_CHARGE_CENTS:
        raise AmountRefused("Amount is above the largest single payment of $999,999.99")
    return cents
