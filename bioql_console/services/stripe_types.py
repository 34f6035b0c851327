"""What the rest of the console sees of Stripe's objects."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StripeAccount:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A payment of one amount by one customer. `metadata` goes to the session and to its payment."""

    customer: str
    amount_cents: int
    reference: str
    success_url: str
    cancel_url: str
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A Checkout session as Stripe has it.

    Args:
        status: "open", "complete" or "expired".
        payment_status: "paid", "unpaid" or "no_payment_required".
    """

    id: str
    url: str
    status: str
    payment_status: str
    payment_intent: str
    amount_cents: int
    currency: str
    customer: str
    expires_ms: int
    reference: str
