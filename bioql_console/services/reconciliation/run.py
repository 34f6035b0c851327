"""What every part of a run works with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from bioql_console.domain.cash import CashFact
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.reconciliation import Findings, OnItsWay, Period
from bioql_console.domain.webhooks import EventState
from bioql_console.services.ports import Store
from bioql_console.services.reconciliation.ports import LedgerFacts, Scratch

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway

R = TypeVar("R")
# What is younger may be on its way: a webhook, an outbox message, the meter's counting.
GRACE_MS = 5 * 60_000
# The meter counts asynchronously; Stripe gives no figure. What takes longer than this is missing.
METER_GRACE_MS = 60 * 60_000
MOST_WAITING = 500

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and words for what is going on."""


class Watch:
    """Tells how far the work is, and ends it when it is not wanted any more."""

    def __init__(self, steps: int, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._steps, self._done = steps, 0
        self._progress, self._cancelled = progress, cancelled
        self._words = ""

    def begin(self, words: str) -> None:
        """The next step begins."""
        self._done += bool(self._words)
        self._words = words
        self.look()

    def look(self, seen: int = 0) -> None:
        """Say how many are seen of the step at hand.

        Raises:
            OperatorError: `reconcile.cancelled`.
        """
        if self._cancelled():
            raise OperatorError(
                "Reconciling was stopped; nothing was changed.",
                fix="Start it again when it suits.",
                code="reconcile.cancelled",
            )
        self._progress(self._done, self._steps, f"{self._words}: {seen:,}" if seen else self._words)


@dataclass(slots=True)
class Run:
    """One run: both sides, the clock, and what was found so far.

    Args:
        grace_ms, meter_grace_ms: How long something may be on its way.
        other_currency: Payments that these books can't hold, and their currency; their cents are in no total.
        lost_disputes: Dispute, payment, customer, cents, time of those that banks decided against us.
    """

    gateway: "StripeGateway"
    store: Store
    scratch: Scratch
    period: Period
    now_ms: int
    watch: Watch
    grace_ms: int = GRACE_MS
    meter_grace_ms: int = METER_GRACE_MS
    findings: Findings = field(default_factory=Findings)
    on_its_way: list[OnItsWay] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    lost_disputes: list[tuple[str, str, str, int, int]] = field(default_factory=list)
    other_currency: list[tuple[CashFact, str]] = field(default_factory=list)

    def fresh(self, at_ms: int, grace_ms: int | None = None) -> bool:
        """Whether it is so young that it may still be on its way.

        The sandbox's clock may be ahead of ours; what it calls the future has happened all the same.
        """
        return self.now_ms - (self.grace_ms if grace_ms is None else grace_ms) < at_ms <= self.now_ms

    def books(self, ask: Callable[[LedgerFacts], R]) -> R:
        """What the ledger says now."""
        with self.store.read() as work:
            return ask(work.reconciliation)


def waiting(run: Run, at_ms: int, *object_ids: str) -> str:
    """Why something may be right in a moment; empty when nothing is under way."""
    if run.fresh(at_ms):
        return "It is only minutes old; its event may be on its way."
    wanted = [each.encode() for each in object_ids if each]
    with run.store.read() as work:
        bodies = [event.body for event in work.inbox.waiting(MOST_WAITING)]
    if any(each in body for body in bodies for each in wanted):
        return "Its event is in the inbox and is about to be applied."
    return ""


def in_quarantine(run: Run, *object_ids: str) -> str:
    """What the inbox says of an event about one of these that could not be applied; empty when there is none."""
    heard = run.books(lambda books: books.heard_about(object_ids))
    if heard is None or heard[1] is not EventState.QUARANTINED:
        return ""
    return f" Event {heard[0]} is in quarantine: {heard[2]}"
