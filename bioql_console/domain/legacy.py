"""Reading what BioQL's first server kept: dollars as REAL, times as text, states as words.

Every reader answers in our own terms or raises a ValueError whose message completes a sentence, as in "cost is
negative". Messages never quote what was read: a column that slipped may hold an API key.
"""

import re
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.money import MICROS_PER_UNIT
from bioql_console.domain.tickets import Priority, TicketState
from bioql_console.domain.users import Plan

# A billion dollars in one row is a slip of the pen, and sums of such rows stay within 64 bits.
LARGEST_MICROS = 10**15
LARGEST_SHOTS = 10**15
MICRO = Decimal("0.000001")
PLAIN_NUMBER = re.compile(r"\d{1,16}(\.\d{0,20})?|\.\d{1,20}", re.ASCII)
MONTH = re.compile(r"(19[7-9]\d|[2-9]\d{3})-(0[1-9]|1[0-2])", re.ASCII)
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # the times read have no zone either; they are UTC
MILLISECOND = timedelta(milliseconds=1)

INVOICE_STATES = {
    "draft": InvoiceState.DRAFT,
    "open": InvoiceState.OPEN,
    "pending": InvoiceState.OPEN,
    "overdue": InvoiceState.OPEN,
    "failed": InvoiceState.OPEN,
    "paid": InvoiceState.PAID,
    "void": InvoiceState.VOID,
    "voided": InvoiceState.VOID,
    "canceled": InvoiceState.VOID,
    "cancelled": InvoiceState.VOID,
    "uncollectible": InvoiceState.UNCOLLECTIBLE,
}
TICKET_STATES = {
    "open": TicketState.OPEN,
    "pending": TicketState.OPEN,
    "in_progress": TicketState.OPEN,
    "resolved": TicketState.RESOLVED,
    "closed": TicketState.RESOLVED,
}
PRIORITIES = {priority.value: priority for priority in Priority}
PLANS = {plan.value: plan for plan in Plan}


# The same prices come back in row after row.
@lru_cache(maxsize=65_536)
def micros_of(value: Hashable) -> int:
    """Micros of dollars as SQLite hands them out, halves rounded up at the sixth place.

    Raises:
        ValueError: missing, no number, not finite, negative or absurd.
    """
    match value:
        case float():
            # The shortest text that means this float is what was once written into it.
            number = Decimal(repr(value))
        case int():
            number = Decimal(value)
        case str() if PLAIN_NUMBER.fullmatch(value.strip()):
            number = Decimal(value.strip())
        case None:
            raise ValueError("is missing")
        case _:
            raise ValueError("is not a number")
    if not number.is_finite():
        raise ValueError("is not a finite number")
    if number < 0:
        raise ValueError("is negative")
    if number * MICROS_PER_UNIT > LARGEST_MICROS:
        raise ValueError("is more than a billion dollars")
    return int(number.quantize(MICRO, ROUND_HALF_UP) * MICROS_PER_UNIT)


def moment_ms(value: object) -> int:
    """A time; without a zone it is UTC.

    Raises:
        ValueError: missing, no time, or before 1970.
    """
    if value is None or value == "":
        raise ValueError("is missing")
    if not isinstance(value, str):
        raise ValueError("is not a time")
    try:
        at = datetime.fromisoformat(value.strip())
        if at.tzinfo is not None:
            at = at.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise ValueError("is not a time") from error
    at_ms = (at - EPOCH) // MILLISECOND
    if at_ms < 0:
        raise ValueError("is before 1970")
    return at_ms


@lru_cache(maxsize=4_096)
def month_span_ms(month: Hashable) -> tuple[int, int]:
    """First and last millisecond of a month such as "2026-11".

    Raises:
        ValueError: no month.
    """
    if not isinstance(month, str) or not MONTH.fullmatch(month):
        raise ValueError("is missing" if month is None else "is not a month as 2026-11")
    first = datetime(int(month[:4]), int(month[5:]), 1)  # noqa: DTZ001
    # 31 days on is always in the next month; the last month there is has no next one.
    last = first.replace(day=28) + timedelta(days=3)
    while last.month != first.month:
        last -= timedelta(days=1)
    return (first - EPOCH) // MILLISECOND, (last - EPOCH) // MILLISECOND + 86_400_000 - 1


def shots_of(value: object) -> int:
    """A number of shots.

    Raises:
        ValueError: missing, no whole number, negative or absurd.
    """
    if value is None:
        raise ValueError("is missing")
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1 != 0:
        raise ValueError("is not a whole number")
    if value < 0:
        raise ValueError("is negative")
    if value > LARGEST_SHOTS:
        raise ValueError("is absurdly large")
    return int(value)


def text_of(value: object) -> str:
    """Text that every database takes, trimmed; empty when there is none."""
    if value is None or isinstance(value, bytes):
        return ""
    return str(value).replace("\x00", "").strip()


def word_of(value: object) -> str:
    """A word for a state or plan in its one spelling."""
    return text_of(value).lower().replace(" ", "_").replace("-", "_")


def fold_address(value: object) -> str:
    """The spelling by which e-mail addresses are compared: one address is one user."""
    return text_of(value).lower()
