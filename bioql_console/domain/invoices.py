"""Invoices that Stripe made of metered usage, or that we asked it to make."""

from dataclasses import dataclass
from enum import Enum


class InvoiceState(Enum):
    """Stripe's invoice statuses."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


# An invoice never goes back: of two events about one invoice, the later state is the one further on.
ORDER = {
    InvoiceState.DRAFT: 0,
    InvoiceState.OPEN: 1,
    InvoiceState.UNCOLLECTIBLE: 2,
    InvoiceState.VOID: 3,
    InvoiceState.PAID: 3,
}
ENDED = frozenset({InvoiceState.PAID, InvoiceState.VOID})


class InvoiceSource(Enum):
    """Whose doing an invoice is: a metered subscription's, this console's, or somebody's at Stripe by hand."""

    SUBSCRIPTION = "subscription"
    CONSOLE = "console"
    MANUAL = "manual"


class Threshold(Enum):
    """Who makes the invoice at the threshold: Stripe's subscription, or this console where Stripe does not."""

    STRIPE = "stripe"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice as we last heard of it.

    Args:
        id: Stripe's `in_…`.
        reason: Stripe's billing reason, e.g. "subscription_threshold", "subscription_cycle" or "manual".
        total_cents: What it charges.
        due_cents: What it asked for, after credit and debt of the customer's Stripe balance were applied.
        paid_cents: What was collected on it, in or outside Stripe.
        settled_cents: Of what it asked for, what something else took over (a payment by link, a credit note, a
            write-off): it may not collect that as well.
    """

    id: str
    user_id: int
    number: str
    state: InvoiceState
    reason: str
    total_cents: int
    due_cents: int
    paid_cents: int
    created_ms: int
    period_start_ms: int
    period_end_ms: int
    due_ms: int | None = None
    source: InvoiceSource = InvoiceSource.SUBSCRIPTION
    subscription: str = ""
    url: str = ""
    settled_cents: int = 0
    attempts: int = 0
    user_name: str = ""

    @property
    def remaining_cents(self) -> int:
        """What it still asks for."""
        if self.state in (InvoiceState.PAID, InvoiceState.VOID):
            return 0
        return max(0, self.due_cents - self.paid_cents - self.settled_cents)

    @property
    def replaceable_cents(self) -> int:
        """What a payment by link may take over from it. What a void invoice asked for is owed, but by no other one."""
        if self.state in (InvoiceState.OPEN, InvoiceState.VOID):
            return max(0, self.due_cents - self.paid_cents - self.settled_cents)
        return 0


@dataclass(frozen=True, slots=True)
class Accrual:
    """How far a user is on the way to the next invoice.

    Args:
        accrued_micros: Usage since the last invoice where Stripe counts; what is owed where this console does.
    """

    by: Threshold
    accrued_micros: int
    threshold_micros: int

    @property
    def fraction(self) -> float:
        """0 to 1."""
        return min(1.0, max(0.0, self.accrued_micros / self.threshold_micros))
