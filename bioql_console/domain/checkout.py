"""Checkout links: what may be charged, and how a link stands."""

from dataclasses import dataclass
from enum import Enum

from bioql_console.domain.ledger import Balance
from bioql_console.domain.money import (
    LARGEST_CHARGE_CENTS,
    MICROS_PER_CENT,
    SMALLEST_CHARGE_CENTS,
    cents_half_up,
    plain_dollars,
)


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
        part: A part was asked for, not everything that was owed.
        since_ms: Since when a bank debit is on its way.
        due_cents: What is owed at the time of looking, less what is on its way from a bank.
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
    part: bool = False
    since_ms: int | None = None
    due_cents: int = 0

    def is_payable(self, now_ms: int) -> bool:
        """Whether its page still takes a payment."""
        return self.state is CheckoutState.OPEN and bool(self.url) and (self.expires_ms or 0) > now_ms

    @property
    def asks_too_much(self) -> bool:
        """It asks for more than is owed by now."""
        return self.amount_cents > self.due_cents

    @property
    def is_outdated(self) -> bool:
        """It asks for another amount than is owed by now."""
        if self.state is not CheckoutState.OPEN:
            return False
        return self.asks_too_much or (not self.part and self.amount_cents != self.due_cents)

    @property
    def renewal_micros(self) -> int | None:
        """What its successor asks for: the same part, or everything (None)."""
        if not self.part or self.amount_cents >= self.due_cents:
            return None
        return self.amount_cents * MICROS_PER_CENT


class AmountRefused(ValueError):
    """The amount can't be charged. The message is the sentence for the person who asked.

    Args:
        way_out: What an operator can do instead.
    """

    def __init__(self, words: str, way_out: str = "Check the balance in the ledger.") -> None:
        super().__init__(words)
        self.way_out = way_out


class NoCustomer(Exception):
    """The user has no Stripe customer and can't pay. The message is the sentence deployed clients know."""

    def __init__(self) -> None:
        super().__init__("No Stripe customer ID found")


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
        raise AmountRefused("Amount must be greater than 0", "Enter an amount.")
    if owed_cents <= 0 and on_its_way_cents:
        raise AmountRefused("A bank payment is on its way; it takes a few days", "Wait for it on the Payments page.")
    if owed_cents <= 0:
        raise AmountRefused("Nothing is owed", "Nothing needs to be done.")
    if cents > owed_cents:
        owed = plain_dollars(owed_cents * MICROS_PER_CENT)
        raise AmountRefused(f"Amount is more than is owed ({owed})", "Enter that or less.")
    if cents < SMALLEST_CHARGE_CENTS:
        raise AmountRefused(
            "Amount is below the smallest payment of $0.50",
            "It stays owed until more is used; or adjust the balance with a reason.",
        )
    if cents > LARGEST_CHARGE_CENTS:
        raise AmountRefused(
            "Amount is above the largest single payment of $999,999.99; pay it in parts",
            "Make a link for a part, and the next one once it is paid.",
        )
    return cents
