"""Giving money back: what may be refunded, and what becomes of the debt."""

from dataclasses import dataclass
from enum import Enum

from bioql_console.domain.users import User


class RefundReason(Enum):
    """Stripe's reasons."""

    REQUESTED = "requested_by_customer"
    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"


@dataclass(frozen=True, slots=True)
class Refundable:
    """A payment and what is left of it to give back.

    Args:
        payment_intent: Stripe's `pi_…`.
        paid_for: What it paid, e.g. "Checkout link" or an invoice's number.
        held_cents: What a bank holds because of a dispute.
    """

    payment_intent: str
    user: User
    paid_for: str
    paid_cents: int
    refunded_cents: int
    held_cents: int

    @property
    def left_cents(self) -> int:
        """What may still be given back; nothing of a payment that is disputed."""
        return 0 if self.held_cents else max(0, self.paid_cents - self.refunded_cents)
