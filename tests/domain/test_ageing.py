"""How old a debt is, by days past due and by month; the oldest is settled first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.ageing import BUCKETS, DAY_MS, AgedBalance, bucket_starts_ms, spread
from bioql_console.domain.statements import InvoiceStatus, MonthCharges, month_invoices, utc_month

NOW = 1_795_000_000_000
TERMS = 30
AMOUNTS = st.integers(0, 10**12)


def bucket_of(charged_ms: int) -> str:
    """Where a charge lies at NOW: the first bucket whose start is not after it."""
    starts = (*bucket_starts_ms(NOW, TERMS), charged_ms)
    return next(name for name, start in zip(BUCKETS, starts, strict=True) if charged_ms >= start)


@pytest.mark.parametrize(
    ("days_past_due", "bucket"),
    [
        (-30, "Current"),
        (0, "Current"),
        (1, "1–30"),
        (30, "1–30"),
        (31, "31–60"),
        (60, "31–60"),
        (61, "61–90"),
        (90, "61–90"),
        (91, "90+"),
        (4_000, "90+"),
    ],
)
def test_a_charge_lies_in_the_bucket_of_its_days(days_past_due: int, bucket: str) -> None:
    assert bucket_of(NOW - (TERMS + days_past_due) * DAY_MS) == bucket


def test_one_millisecond_past_due_is_late() -> None:
    assert bucket_of(NOW - TERMS * DAY_MS) == "Current"
    assert bucket_of(NOW - TERMS * DAY_MS - 1) == "1–30"


@given(AMOUNTS, st.lists(AMOUNTS, min_size=5, max_size=5))
def test_the_buckets_hold_exactly_what_is_owed(owed: int, charged: list[int]) -> None:
    parts = spread(owed, charged)
    assert sum(parts) == owed
    assert all(part >= 0 for part in parts)
    assert all(part <= limit for part, limit in zip(parts[:4], charged[:4], strict=True))


@given(AMOUNTS, AMOUNTS, st.lists(AMOUNTS, min_size=5, max_size=5))
def test_a_payment_never_makes_a_debt_older(owed: int, paid: int, charged: list[int]) -> None:
    """What is left lies in the same buckets or younger ones: the oldest part went first."""
    before, now = spread(owed, charged), spread(max(0, owed - paid), charged)
    assert all(left <= had for left, had in zip(now, before, strict=True))
    younger_shrank = [index for index in range(5) if now[index] < before[index]]
    assert all(now[older] == 0 for index in younger_shrank for older in range(index + 1, 5))


def test_an_opening_balance_without_charges_counts_as_oldest() -> None:
    assert spread(7, [1, 0, 0, 0, 0]) == (1, 0, 0, 0, 6)
    assert spread(-5, [1, 1, 1, 1, 1]) == (0, 0, 0, 0, 0)


def test_overdue_is_all_but_current() -> None:
    aged = AgedBalance(1, "Ada", (1, 2, 3, 4, 5))
    assert (aged.total_micros, aged.overdue_micros) == (15, 14)


MONTHS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10**10)), max_size=12, unique_by=lambda month: month[0])


@given(st.integers(-(10**9), 10**11), MONTHS)
def test_payments_settle_the_oldest_month_first(owed: int, charges: list[tuple[int, int]]) -> None:
    months = [MonthCharges(f"{2024 + n // 12}-{n % 12 + 1:02d}", micros, NOW + n * DAY_MS) for n, micros in charges]
    invoices = month_invoices(9, months, owed, NOW, TERMS)
    assert [invoice.month for invoice in invoices] == sorted((month.month for month in months), reverse=True)
    assert sum(invoice.open_micros for invoice in invoices) == min(max(0, owed), sum(micros for _, micros in charges))
    assert all(0 <= invoice.open_micros <= invoice.amount_micros for invoice in invoices)
    still_open = [invoice.status is not InvoiceStatus.PAID for invoice in invoices]
    assert still_open == sorted(still_open, reverse=True), "an older month is open though a younger one is paid"


@pytest.mark.parametrize(
    ("owed", "days_ago", "status"),
    [
        (0, 1, InvoiceStatus.PAID),
        (0, 400, InvoiceStatus.PAID),
        (5, 1, InvoiceStatus.PENDING),
        (5, TERMS, InvoiceStatus.PENDING),
        (5, TERMS + 1, InvoiceStatus.OVERDUE),
    ],
)
def test_a_month_is_paid_pending_or_overdue(owed: int, days_ago: int, status: InvoiceStatus) -> None:
    charged = MonthCharges("2026-08", 5, NOW - days_ago * DAY_MS)
    (invoice,) = month_invoices(42, [charged], owed, NOW, TERMS)
    assert (invoice.id, invoice.status, invoice.date_ms) == ("BQ-42-2026-08", status, charged.last_charge_ms)


@pytest.mark.parametrize(
    ("at_ms", "month"),
    [(0, "1970-01"), (1_798_761_599_999, "2026-12"), (1_798_761_600_000, "2027-01"), (1_709_164_800_000, "2024-02")],
)
def test_months_change_at_midnight_utc(at_ms: int, month: str) -> None:
    assert utc_month(at_ms) == month
