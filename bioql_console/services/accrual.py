"""How far a user is from the next invoice."""

from bioql_console.domain.invoices import Accrual, InvoiceState, Threshold
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.users import User
from bioql_console.services.ports import Work

LIVING = (InvoiceState.DRAFT, InvoiceState.OPEN)


def accrual(work: Work, user: User, threshold_cents: int) -> Accrual:
    """What counts towards the threshold, and who makes the invoice when it is reached."""
    threshold_micros = threshold_cents * MICROS_PER_CENT
    if user.threshold_by_stripe:
        metered = [each for each in work.invoices.of_user(user.id, *InvoiceState) if each.subscription]
        since_ms = max((each.created_ms for each in metered), default=0)
        return Accrual(Threshold.STRIPE, work.usage.cost_since(user.id, since_ms), threshold_micros)
    invoiced = sum(invoice.remaining_cents for invoice in work.invoices.of_user(user.id, *LIVING))
    owed = user.balance.owed_micros - invoiced * MICROS_PER_CENT
    return Accrual(Threshold.CONSOLE, max(0, owed), threshold_micros)
