"""A user's customer at Stripe: the same one again after a crash, never two."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway


@dataclass(frozen=True, slots=True)
class CustomerAccount:
    """A customer at Stripe.

    Args:
        made: Whether it was made just now; False when an earlier attempt had left it.
        reference: What it is found again by.
    """

    id: str
    made: bool
    reference: str


def find_or_make(gateway: "StripeGateway", name: str, email: str) -> CustomerAccount:
    """The customer that was made for this address before, or a new one.

    Reference and idempotency key follow from the address, so an attempt that was cut off is found again.

    Raises:
        OperatorError: `stripe.*`.
    """
    reference = f"bioql-{_digest(email)}"
    found = gateway.find_customer(email, reference)
    if found is not None:
        return CustomerAccount(found, False, reference)
    made = gateway.create_customer(name, email, reference, f"{reference}-{_digest(name)}")
    return CustomerAccount(made, True, reference)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
