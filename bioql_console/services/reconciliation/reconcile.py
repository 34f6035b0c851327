"""A reconciliation from beginning to end. It only reads: at Stripe nothing but GET, in the books nothing at all."""

import threading
import time
from collections.abc import Callable

from bioql_console.domain.activity import Activity
from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.paging import ActivityQuery
from bioql_console.domain.reconciliation import (
    DEFAULT_MS,
    CustomerTotal,
    DayTotal,
    Difference,
    Period,
    Reconciled,
    utc_day,
)
from bioql_console.domain.rights import Role
from bioql_console.services.ports import Store
from bioql_console.services.reconciliation.balances import check_balances
from bioql_console.services.reconciliation.cash import check_cash
from bioql_console.services.reconciliation.metered import check_meter_totals
from bioql_console.services.reconciliation.people import check_invoices, check_people
from bioql_console.services.reconciliation.ports import OpenScratch
from bioql_console.services.reconciliation.reading import read_both
from bioql_console.services.reconciliation.run import GRACE_MS, METER_GRACE_MS, Progress, Run, Watch
from bioql_console.services.reconciliation.twice import check_paid_twice
from bioql_console.services.stripe_access import StripeAccess

STEPS = 13
GIVEN_BACK = "An operator gave it back instead of counting it."
RECONCILED = "reconciled books and Stripe"
# Several answers of Stripe's at a time; its limit is a hundred a second.
LANES = 4
# The sandbox delivers at once and its meter counts at once.
SANDBOX_GRACE_MS = 1_000
SHOWN_CUSTOMERS = 500


class Reconciliation:
    """Compares the books with Stripe.

    Args:
        lanes: How many customers are asked about at a time.
        grace_ms, meter_grace_ms: How long a webhook and the meter's counting may take before something counts as
            missing.
    """

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        open_scratch: OpenScratch,
        now_ms: Callable[[], int],
        *,
        lanes: int = 1,
        grace_ms: int = GRACE_MS,
        meter_grace_ms: int = METER_GRACE_MS,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._open_scratch = open_scratch
        self._now_ms = now_ms
        self._lanes = lanes
        self._grace = grace_ms, meter_grace_ms
        self._running = threading.Lock()
        self.last: Reconciled | None = None
        """What the last run found; None before the first."""

    def default_period(self) -> Period:
        """The last 90 days, or since the books began."""
        with self._store.read() as work:
            began_ms = work.reconciliation.began_ms()
        start = max(self._now_ms() - DEFAULT_MS, began_ms or 0)
        return Period(start - start % DAY_MS)

    def run(
        self,
        period: Period | None = None,
        progress: Progress = lambda _done, _steps, _words: None,
        cancelled: Callable[[], bool] = lambda: False,
        operator: str = "",
    ) -> Reconciled:
        """Compare everything in a period.

        Args:
            operator: Who did it, for the activity trail; nothing is recorded without one, nor of who may only read.

        Raises:
            OperatorError: `stripe.*`, `db.*`, `reconcile.cancelled`, `reconcile.running`.
        """
        if not self._running.acquire(blocking=False):
            raise OperatorError(
                "A reconciliation is running already.", fix="Wait for it, or stop it.", code="reconcile.running"
            )
        try:
            self.last = self._run(period or self.default_period(), Watch(STEPS, progress, cancelled))
            if operator and self._store.rights.may(Role.OPERATOR):
                self._record(self.last, operator)
            return self.last
        finally:
            self._running.release()

    def _record(self, found: Reconciled, operator: str) -> None:
        days = f"UTC days from {utc_day(found.period.from_ms)}"
        number = sum(found.counts.values())
        after = "Books and Stripe say the same" if found.ok else f"{number:,} differences"
        with self._store.write() as work:
            work.activity.record(operator, RECONCILED, found.account, before=days, after=after)
            work.commit()

    def last_recorded(self) -> Activity | None:
        """The newest reconciliation in the activity trail, whoever did it."""
        with self._store.read() as work:
            found = work.activity.page(ActivityQuery(text=RECONCILED), None, 1)
        return found.rows[0] if found.rows else None

    def _run(self, period: Period, watch: Watch) -> Reconciled:
        began_ns, gateway = time.monotonic_ns(), self._stripe.gateway()
        account = gateway.account()
        with self._open_scratch(period) as scratch:
            run = Run(gateway, self._store, scratch, period, self._now_ms(), watch, *self._grace)
            read_both(run)
            check_cash(run)
            check_paid_twice(run)
            check_invoices(run)
            check_people(run)
            check_balances(run, self._lanes)
            check_meter_totals(run, self._lanes)
            days = _days(run)
            return self._result(run, days, f"{account.name} · {account.id}", (time.monotonic_ns() - began_ns) // 10**6)

    def _result(self, run: Run, days: tuple[DayTotal, ...], account: str, took_ms: int) -> Reconciled:
        accepted = run.books(lambda books: books.accepted())
        kept: list[Difference] = []
        let_stand: list[tuple[Difference, str]] = []
        counts = run.findings.counts
        for one in run.findings.kept:
            known = accepted.get(one.key)
            if "given_back" in one.details:
                let_stand.append((one, GIVEN_BACK))
                counts[one.kind] -= 1
            elif known is not None and known.state == one.state:
                let_stand.append((one, f"{known.remark} ({known.operator})"))
                counts[one.kind] -= 1
            else:
                kept.append(one)
        totals = run.scratch.customer_totals(SHOWN_CUSTOMERS)
        return Reconciled(
            period=run.period,
            at_ms=run.now_ms,
            took_ms=took_ms,
            account=account,
            environment=self._stripe.environment.word,
            checked=run.scratch.counts() | run.counts,
            days=days,
            customers=tuple(CustomerTotal(*row) for row in totals),
            differences=tuple(kept),
            counts={kind: count for kind, count in counts.items() if count},
            accepted=tuple(let_stand),
            on_its_way=tuple(run.on_its_way),
        )


def reconciliation_of(
    environment: Environment, store: Store, stripe: StripeAccess, open_scratch: OpenScratch, now_ms: Callable[[], int]
) -> Reconciliation:
    """The reconciliation of an environment."""
    if environment is Environment.SANDBOX:
        grace = {"grace_ms": SANDBOX_GRACE_MS, "meter_grace_ms": SANDBOX_GRACE_MS}
        return Reconciliation(store, stripe, open_scratch, now_ms, lanes=LANES, **grace)
    return Reconciliation(store, stripe, open_scratch, now_ms, lanes=LANES)


def _days(run: Run) -> tuple[DayTotal, ...]:
    """The days' totals; what nothing explains is a difference of its own."""
    direct = run.books(lambda books: books.cash_by_day(run.period))
    found = {day: (books, stripe, named, way, rest) for day, books, stripe, named, way, rest in run.scratch.days()}
    days = []
    for day in sorted(found.keys() | direct.keys()):
        books, stripe, named, way, rest = found.get(day, (0, 0, 0, 0, 0))
        # The books' own sum is counted without looking at what each entry is, so that none can be overlooked.
        own, broken = divmod(direct.get(day, 0), MICROS_PER_CENT)
        timing = stripe - books - rest - named - way
        total = DayTotal(utc_day(day), own, stripe, timing, named, way)
        days.append(total)
        if total.rest_cents or broken:
            words = "Entries of this day name nothing that could be compared, or their sum is no whole number of cents."
            run.findings.add(
                Difference(Kind.UNEXPLAINED, utc_day(day), utc_day(day), words, day, own, own + total.rest_cents)
            )
    return tuple(days)
