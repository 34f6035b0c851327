"""What an operator sets: prices per shot from a moment on, and what each plan allows."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from bioql_console.domain.edits import Conflict
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.plans import PlanLimits
from bioql_console.domain.prices import Price, normal_backend
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store, Work

PATTERN = re.compile(r"[a-z0-9_.]{1,60}\*?|\*")
MOST_MICROS = 1_000_000_000_000


class TariffAdmin:
    """Changes the tariff. What has run keeps the price of its time, so no price ever begins in the past."""

    def __init__(self, store: Store, changes: Changes, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._changes = changes
        self._now_ms = now_ms

    def set_price(
        self,
        pattern: str,
        micros_per_shot: int,
        effective_ms: int | None,
        operator: str,
        reason: str,
        seen_version: int | None = None,
    ) -> Price:
        """A new price for the backends that match, from a moment on; None for now.

        Args:
            seen_version: How many prices of that name the operator saw; None skips the check.

        Raises:
            Conflict: somebody set another price of that name since.
            OperatorError: `price.pattern`, `price.amount`, `price.past`, `price.same_moment`, `tariff.no_reason`.
        """
        now_ms = self._now_ms()
        price = Price(checked_pattern(pattern), micros_per_shot, now_ms if effective_ms is None else effective_ms)
        _require_reason(reason)
        if not 0 <= micros_per_shot <= MOST_MICROS:
            raise OperatorError(
                "A shot can't cost that.", fix="Enter a price from $0 to $1,000,000.", code="price.amount"
            )
        if price.effective_ms < now_ms:
            raise OperatorError(
                "A price can't begin in the past: what has run keeps the price of its time.",
                fix="Choose a moment from now on, and correct past charges by an adjustment.",
                code="price.past",
            )
        with self._store.write() as work:
            version, subject = work.tariff.version_of(price.pattern), f"price of {price.pattern}"
            if seen_version not in (None, version):
                raise Conflict(
                    f"The price of {price.pattern}",
                    work.activity.latest(subject),
                    theirs=_latest_words(work, price.pattern),
                    mine=_words_of(price),
                    version=version,
                    now_ms=now_ms,
                )
            before = _in_force(work, price)
            if not work.tariff.add_price(price, operator, reason.strip()):
                raise OperatorError(
                    f"There is a price for {price.pattern} from that very moment already.",
                    fix="Choose another moment; the later price wins.",
                    code="price.same_moment",
                )
            after = f"{plain_dollars(micros_per_shot)} a shot from {price.effective_ms}"
            work.activity.record(operator, "set price", subject, before=before, after=after, reason=reason.strip())
            work.commit()
        self._changes.publish(Change("tariff"), Change("activity"))
        return price

    def set_limits(self, limits: PlanLimits, operator: str, reason: str, seen_version: int | None = None) -> None:
        """What a plan allows from now on.

        Args:
            seen_version: The `PlanLimits.version` that the operator looked at; None skips the check.

        Raises:
            Conflict: somebody changed the plan since.
            OperatorError: `tariff.no_reason`.
        """
        _require_reason(reason)
        subject = f"plan {limits.plan.value}"
        with self._store.write() as work:
            before = work.tariff.limits(limits.plan)
            if seen_version not in (None, before.version):
                raise Conflict(
                    f"The {limits.plan.value} plan",
                    work.activity.latest(subject),
                    theirs=words_of(before),
                    mine=words_of(limits),
                    version=before.version,
                    now_ms=self._now_ms(),
                )
            if before == limits:
                return
            work.tariff.set_limits(limits)
            work.activity.record(
                operator,
                "set plan limits",
                subject,
                before=words_of(before),
                after=words_of(limits),
                reason=reason.strip(),
            )
            work.commit()
        self._changes.publish(Change("tariff"), Change("activity"))


def checked_pattern(pattern: str) -> str:
    """The backend's name or pattern in its one spelling.

    Raises:
        OperatorError: `price.pattern`.
    """
    name = normal_backend(pattern)
    if not PATTERN.fullmatch(name):
        raise OperatorError(
            "That names no backend.",
            fix="Enter a name such as ibm_torino, or the beginning of several, such as ibm_*.",
            code="price.pattern",
        )
    return name


def words_of(limits: PlanLimits) -> str:
    """Limits in words, for plans and the activity trail."""
    shots = "unlimited shots" if limits.monthly_shots is None else f"{limits.monthly_shots:,} shots a month"
    return f"{shots} on {', '.join(limits.backends) if limits.backends else 'nothing'}"


def _words_of(price: Price) -> str:
    at = datetime.fromtimestamp(price.effective_ms / 1000, UTC)
    return f"{plain_dollars(price.micros_per_shot)} a shot from {at:%Y-%m-%d %H:%M} UTC"


def _latest_words(work: Work, pattern: str) -> str:
    """The price of that name that counts last."""
    named = [each for each in work.tariff.price_list().prices if each.pattern == pattern]
    return _words_of(max(named, key=lambda each: each.effective_ms)) if named else ""


def _in_force(work: Work, price: Price) -> str:
    """The price of the same name right before, in words; empty when it is the first."""
    earlier = [
        each
        for each in work.tariff.price_list().prices
        if each.pattern == price.pattern and each.effective_ms < price.effective_ms
    ]
    latest = max(earlier, key=lambda each: each.effective_ms, default=None)
    return f"{plain_dollars(latest.micros_per_shot)} a shot" if latest else ""


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise OperatorError(
            "This needs a reason.", fix="Say why, for whoever reads the activity trail.", code="tariff.no_reason"
        )
