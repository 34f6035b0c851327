"""How old a debt is. Payments settle the oldest charge first."""

from collections.abc import Sequence
from dataclasses import dataclass

DAY_MS = 86_400_000
# More than anybody scrolls through; whoever looks for somebody searches or sorts.
MOST_LISTED = 5_000
BUCKETS = ("Current", "1–30", "31–60", "61–90", "90+")


@dataclass(frozen=True, slots=True)
class AgedBalance:
    """What one user owes, by days past due: not yet due, 1–30, 31–60, 61–90, over 90."""

    user_id: int
    name: str
    buckets_micros: tuple[int, int, int, int, int]
    link_expires_ms: int | None = None
    has_customer: bool = True

    @property
    def total_micros(self) -> int:
        return sum(self.buckets_micros)

    @property
    def overdue_micros(self) -> int:
        return sum(self.buckets_micros[1:])


@dataclass(frozen=True, slots=True)
class AgeingQuery:
    """Which debtors are listed.

    Args:
        sort: "name", "total", or "bucket0" to "bucket4".
        text: What the name has to contain.
        limit: How many rows at most; the sums count everybody.
    """

    sort: str = "name"
    descending: bool = False
    text: str = ""
    limit: int = MOST_LISTED


@dataclass(frozen=True, slots=True)
class Ageing:
    """The receivables at a moment.

    Args:
        rows: The first of those who owe, in the order that was asked for.
        customers: How many owe.
        sums_micros: What they all owe, by bucket.
    """

    rows: tuple[AgedBalance, ...]
    customers: int
    sums_micros: tuple[int, int, int, int, int]


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


def bucket_starts_ms(as_of_ms: int, terms_days: int) -> tuple[int, int, int, int]:
    """For each bucket but the oldest, the time from which on a charge belongs to it or to a younger one.

    A charge falls due `terms_days` after it was made; a charge due today is still current.
    """
    due = as_of_ms - terms_days * DAY_MS
    return due, due - 30 * DAY_MS, due - 60 * DAY_MS, due - 90 * DAY_MS


def spread(owed_micros: int, charged_micros: Sequence[int]) -> tuple[int, int, int, int, int]:
    """Spread what is still owed over the buckets, youngest first in both.

    Since the oldest charges are settled first, what is open are the youngest charges that add up to it.
    Anything beyond all known charges (an opening balance, say) counts as oldest.
    """
    remaining = max(0, owed_micros)
    open_micros = []
    for charged in charged_micros:
        here = min(remaining, charged)
        open_micros.append(here)
        remaining -= here
    open_micros[-1] += remaining
    current, days_30, days_60, days_90, older = open_micros
    return current, days_30, days_60, days_90, older
