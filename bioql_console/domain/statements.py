"""What a ledger looks like to the person it is about: lines with a running balance, and months with their state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.ledger import EntryKind


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry as it touched one user.

    Args:
        micros: Positive when the user owes more by it.
        after_micros: Owed minus credit right after it.
    """

    entry_id: int
    kind: EntryKind
    effective_ms: int
    recorded_ms: int
    memo: str
    operator: str
    micros: int
    after_micros: int
    source_type: str
    source_id: str


class InvoiceStatus(Enum):
    """As the deployed dashboards know it."""

    PAID = "paid"
    PENDING = "pending"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class MonthCharges:
    """Everything charged to a user in one UTC month ("2026-11")."""

    month: str
    charged_micros: int
    last_charge_ms: int


@dataclass(frozen=True, slots=True)
class MonthInvoice:
    """A month of usage as the customer's dashboard lists it."""

    id: str
    month: str
    amount_micros: int
    open_micros: int
    status: InvoiceStatus
    date_ms: int


def month_invoices(
    user_id: int, months: Sequence[MonthCharges], owed_micros: int, now_ms: int, terms_days: int
) -> list[MonthInvoice]:
    """Months, newest first, with what is still open of each. Payments settle the oldest month first."""
    remaining = max(0, owed_micros)
    invoices = []
    for month in sorted(months, key=lambda charges: charges.month, reverse=True):
        still_open = min(remaining, month.charged_micros)
        remaining -= still_open
        overdue = month.last_charge_ms + terms_days * DAY_MS < now_ms
        status = InvoiceStatus.PAID if not still_open else InvoiceStatus.OVERDUE if overdue else InvoiceStatus.PENDING
        invoices.append(
            MonthInvoice(
                f"BQ-{user_id}-{month.month}",
                month.month,
                month.charged_micros,
                still_open,
                status,
                month.last_charge_ms,
            )
        )
    return invoices


def utc_month(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m")
