"""Payments as our books have them: who paid, what for, how much."""

from dataclasses import dataclass

from bioql_console.domain.ledger import Account
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.users import User
from bioql_console.services.ports import Work


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that was posted.

    Args:
        paid_for: "Checkout link", or an invoice's number.
        cents: What came in through Stripe.
    """

    user: User
    paid_for: str
    cents: int


def payment_of(work: Work, payment_intent: str) -> Payment | None:
    """A payment that we posted, made by link or on an invoice."""
    postings = work.ledger.postings_from("payment_intent", payment_intent)
    paid_for = "Checkout link"
    if not postings and (invoice_id := work.invoices.of_payment(payment_intent)):
        postings = work.ledger.postings_from("invoice", invoice_id)
        invoice = work.invoices.get(invoice_id)
        paid_for = f"Invoice {invoice.number or invoice.id}" if invoice else "Invoice"
    payers = {posting.user_id for posting in postings if posting.user_id}
    user = work.users.get(payers.pop()) if len(payers) == 1 else None
    if user is None:
        return None
    paid = sum(posting.micros for posting in postings if posting.account is Account.STRIPE_CLEARING)
    return Payment(user, paid_for, paid // MICROS_PER_CENT)
