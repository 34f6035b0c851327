"""Reconciliation: what our books and Stripe say of the same money, where they differ, why, and what mends it.

Days are UTC days, as in Stripe's own reports. There is no tolerance: a cent is a difference.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.repairs import Repair

# How far back the console looks unless it is told otherwise; never to before the books began.
DEFAULT_MS = 90 * DAY_MS
# Of each kind so many differences are kept with their details; the rest is counted.
KEPT_OF_A_KIND = 2_000
END_OF_TIME_MS = 2**53


def utc_day(at_ms: int) -> str:
    """The UTC day of a moment, as YYYY-MM-DD."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).date().isoformat()


def day_start_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class Period:
    """From the start of a UTC day to before the start of another; to the end of time when it is still going on."""

    from_ms: int
    to_ms: int = END_OF_TIME_MS

    def has(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms < self.to_ms

    @classmethod
    def of_days(cls, first: date, last: date | None) -> "Period":
        """Whole UTC days, the last included; None for until now.

        Raises:
            ValueError: the last is before the first.
        """
        if last is not None and last < first:
            raise ValueError("the last day is before the first")
        return cls(day_start_ms(first), END_OF_TIME_MS if last is None else day_start_ms(last) + DAY_MS)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that books and Stripe say differently.

    Args:
        stripe_id: What it is about, mostly an id of Stripe's.
        day: UTC day, as YYYY-MM-DD.
        ledger_cents, stripe_cents: What each side says; None where a side says nothing in money. What Stripe paid back
            or holds is negative.
        cause: Why it is so, one or two sentences.
        since_ms: Since when it is so.
        repairable: Whether the kind's repair can be done; else its step is what is left.
        details: What the repair needs, by name.
    """

    kind: Kind
    stripe_id: str
    day: str
    cause: str
    since_ms: int
    ledger_cents: int | None = None
    stripe_cents: int | None = None
    user_id: int | None = None
    user_name: str = ""
    customer: str = ""
    repairable: bool = True
    details: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same difference again, in another run."""
        return f"{self.kind.value.code}:{self.details.get('part', '')}:{self.stripe_id}"

    @property
    def state(self) -> str:
        """What was accepted holds as long as this stays the same."""
        return f"{self.ledger_cents}/{self.stripe_cents}"

    @property
    def off_cents(self) -> int:
        """How much more Stripe says than the books."""
        return (self.stripe_cents or 0) - (self.ledger_cents or 0)

    @property
    def comparable(self) -> bool:
        """Whether the two sides are amounts of the same thing."""
        return self.kind.value.cash or None not in (self.ledger_cents, self.stripe_cents)

    @property
    def repair(self) -> Repair:
        return self.kind.value.repair if self.repairable else Repair.NONE

    @property
    def what(self) -> str:
        """One sentence with both sides."""
        who = f" of {self.user_name}" if self.user_name else ""
        sides = f"books {_side(self.ledger_cents)}, Stripe {_side(self.stripe_cents)}"
        return f"{self.kind.value.title}: {self.stripe_id}{who}; {sides}."

    @property
    def can_be_repaired(self) -> bool:
        return self.repair is not Repair.NONE

    @property
    def repair_words(self) -> str:
        """What mends it: the repair, or the one next step."""
        if self.repair is not Repair.NONE:
            return f"{self.repair.value}."
        return self.kind.value.step or "Accept it with a remark, or mend it in Stripe's dashboard."


def _side(cents: int | None) -> str:
    return "nothing" if cents is None else plain_dollars(cents * MICROS_PER_CENT)


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """What differs now and will not in a moment: nothing is wrong yet.

    Args:
        why: What it waits for.
        cents: How much more Stripe says than the books, where it is about cash.
    """

    what: str
    why: str
    stripe_id: str
    day: str
    cents: int = 0
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class DayTotal:
    """The cash of one UTC day on both sides: collected, less refunded, less held by banks.

    Args:
        timing_cents: What is on both sides, but on another day or outside the period on one of them.
        named_cents: What the differences named on this day come to, accepted ones included.
        on_its_way_cents: What is not in the books yet.
    """

    day: str
    ledger_cents: int
    stripe_cents: int
    timing_cents: int = 0
    named_cents: int = 0
    on_its_way_cents: int = 0

    @property
    def off_cents(self) -> int:
        return self.stripe_cents - self.ledger_cents

    @property
    def rest_cents(self) -> int:
        """What nothing explains. It must be 0."""
        return self.off_cents - self.timing_cents - self.named_cents - self.on_its_way_cents


@dataclass(frozen=True, slots=True)
class CustomerTotal:
    """One user's cash in the period on both sides; `user_id` None for customers that are none of our users."""

    user_id: int | None
    name: str
    ledger_cents: int
    stripe_cents: int
    named_cents: int

    @property
    def off_cents(self) -> int:
        return self.stripe_cents - self.ledger_cents


@dataclass(slots=True)
class Findings:
    """Differences as they are found: the first of each kind whole, all of them counted and summed."""

    kept: list[Difference] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)
    cents: Counter[Kind] = field(default_factory=Counter)

    def add(self, difference: Difference) -> None:
        self.counts[difference.kind] += 1
        self.cents[difference.kind] += difference.off_cents if difference.kind.value.cash else 0
        if self.counts[difference.kind] <= KEPT_OF_A_KIND:
            self.kept.append(difference)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of one run.

    Args:
        at_ms: The moment that both sides were compared at.
        checked: How many there were of each, by name.
        accepted: Differences that somebody accepted with a remark, and that have not changed since.
        customers: Only those whose totals differ.
    """

    period: Period
    at_ms: int
    took_ms: int
    account: str
    environment: str
    checked: dict[str, int]
    days: tuple[DayTotal, ...]
    customers: tuple[CustomerTotal, ...]
    differences: tuple[Difference, ...]
    counts: dict[Kind, int]
    accepted: tuple[tuple[Difference, str], ...] = ()
    on_its_way: tuple[OnItsWay, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether books and Stripe say the same, but for what is on its way and what was accepted."""
        return not self.counts

    @property
    def total(self) -> DayTotal:
        """All days together."""
        return DayTotal(
            "",
            sum(day.ledger_cents for day in self.days),
            sum(day.stripe_cents for day in self.days),
            sum(day.timing_cents for day in self.days),
            sum(day.named_cents for day in self.days),
            sum(day.on_its_way_cents for day in self.days),
        )


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody looked at a difference and let it stand, for as long as it stays the same."""

    key: str
    state: str
    remark: str
    operator: str
    at_ms: int
