"""The meter: what the books say was used, by customer and UTC day, beside what Stripe counted."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.cash import MeteredRow
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.reconciliation import Difference, OnItsWay, utc_day
from bioql_console.services.metering import OLDEST_METERED_MS
from bioql_console.services.reconciliation.balances import STUCK_MS, in_lanes
from bioql_console.services.reconciliation.meter_day import counted_by
from bioql_console.services.reconciliation.run import Run

CANCELLABLE_MS = DAY_MS
SENT, WAITING, REFUSED = (each.value for each in (MessageState.SENT, MessageState.WAITING, MessageState.REFUSED))


@dataclass(slots=True)
class _Day:
    """One customer's usage on one UTC day, by what became of it. Units are cents."""

    user_id: int = 0
    units: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    single: set[int] = field(default_factory=set)
    last_sent_ms: int = 0
    first_ms: int = 0
    error: str = ""


def check_meter_totals(run: Run, lanes: int) -> None:
    """Every customer's days."""
    run.watch.begin("Comparing the meter's totals")
    meters = run.gateway.meters_of(EVENT_NAME)
    days = _days_of_books(run)
    customers = {customer.id for customer, _, _ in run.scratch.customers_in_use()} | set(days)
    run.counts["metered_customers"] = len(customers)
    if not meters:
        return
    start = run.period.from_ms
    end = min(run.period.to_ms, run.now_ms // DAY_MS * DAY_MS + DAY_MS)
    traffic: dict[str, list[int | None]] = defaultdict(list)
    for customer, sent_ms in run.books(lambda books: books.meter_traffic()):
        traffic[customer].append(sent_ms)

    right = [meter for meter in meters if meter.counts_right]
    wrong = [meter for meter in meters if not meter.counts_right]

    def counted(customer: str) -> tuple[dict[int, Decimal], dict[int, Decimal]]:
        of_right = counted_by(run.gateway, right, customer, start, end)
        return of_right, counted_by(run.gateway, wrong, customer, start, end)

    for number, (customer, (stripes, others)) in enumerate(in_lanes(counted, sorted(customers), lanes), 1):
        run.watch.look(number)
        ours = days.get(customer, {})
        for day in sorted(set(ours) | set(stripes)):
            if run.period.has(day) and others.get(day):
                # A meter that was replaced counted something else than cents; its usage went to the customer's balance.
                _not_sent(run, customer, day, ours.get(day) or _Day())
            elif run.period.has(day):
                _compare(run, customer, day, ours.get(day) or _Day(), stripes.get(day, Decimal()), traffic[customer])


def _days_of_books(run: Run) -> dict[str, dict[int, _Day]]:
    days: dict[str, dict[int, _Day]] = defaultdict(lambda: defaultdict(_Day))
    with run.store.read() as work:
        for row in work.reconciliation.metered(run.period.from_ms):
            if row.customer and _belongs(run, row):
                _count(days[row.customer][row.at_ms - row.at_ms % DAY_MS], row)
    return days


def _belongs(run: Run, row: MeteredRow) -> bool:
    """Not what was used long before there was a customer: links collect that."""
    if row.state:
        return True
    customer = run.scratch.customer(row.customer)
    return customer is not None and row.at_ms >= customer.created_ms - OLDEST_METERED_MS


def _count(day: _Day, row: MeteredRow) -> None:
    day.user_id = row.user_id
    day.units[row.state] += row.units
    day.first_ms = min(day.first_ms or row.at_ms, row.at_ms)
    day.last_sent_ms = max(day.last_sent_ms, row.sent_ms)
    if row.state == SENT:
        day.single.add(row.units)
    day.error = day.error or row.error


def _compare(run: Run, customer: str, day_ms: int, ours: _Day, counted: Decimal, besides: Sequence[int | None]) -> None:
    _not_sent(run, customer, day_ms, ours)
    sent, units = ours.units[SENT], int(counted)
    extra = Decimal(units) != counted
    if sent == units and not extra:
        return
    last_ms = max([ours.last_sent_ms, *(sent_ms for sent_ms in besides if sent_ms)])
    if None in besides or run.fresh(last_ms, run.meter_grace_ms):
        what, why = f"Usage of {customer}", "It was sent only now, or is about to be; Stripe counts it in a while."
        run.on_its_way.append(OnItsWay(what, why, customer, utc_day(day_ms), user_id=ours.user_id or None))
    elif units < sent:
        words = "It counts as sent, but Stripe's meter did not take all of it: its validation comes later."
        _report(run, Kind.METER_LACKS, customer, day_ms, ours, sent, units, words, repairable=_still_taken(run, day_ms))
    else:
        _too_much(run, customer, day_ms, ours, sent, units)


def _not_sent(run: Run, customer: str, day_ms: int, ours: _Day) -> None:
    """What has not reached the meter yet, and what never will by itself."""
    if never := ours.units[""]:
        words = "It was recorded without a message for the meter: the user had no customer then, or it was left out."
        taken = _still_taken(run, ours.first_ms)
        _report(run, Kind.USAGE_NOT_METERED, customer, day_ms, ours, never, None, words, repairable=taken)
    if refused := ours.units[REFUSED]:
        words = f"Stripe refused it: {ours.error}"
        _report(run, Kind.USAGE_REFUSED, customer, day_ms, ours, refused, None, words)
    if waits := ours.units[WAITING]:
        if run.fresh(ours.first_ms, STUCK_MS):
            what = f"Usage of {customer}"
            why = "It waits in the outbox."
            run.on_its_way.append(OnItsWay(what, why, customer, utc_day(day_ms), user_id=ours.user_id))
        else:
            words = f"It still waits in the outbox. {ours.error}".strip()
            _report(run, Kind.USAGE_NOT_METERED, customer, day_ms, ours, waits, None, words, repairable=False)


def _still_taken(run: Run, at_ms: int) -> bool:
    return at_ms >= run.now_ms - OLDEST_METERED_MS


def _too_much(run: Run, customer: str, day_ms: int, ours: _Day, sent: int, units: int) -> None:
    tests = [
        (identifier, at_ms)
        for identifier, whose, at_ms in run.books(lambda books: books.test_usage())
        if whose == customer and at_ms - at_ms % DAY_MS == day_ms
    ][: units - sent]
    if tests:
        words = "It is test usage that was sent from the Meter page."
        cancellable = all(run.now_ms - at_ms < CANCELLABLE_MS for _, at_ms in tests)
        details = {"identifiers": " ".join(identifier for identifier, _ in tests)}
        kind = Kind.METERED_TEST if cancellable else Kind.METERED_FOREIGN
        more = len(tests)
        _report(run, kind, customer, day_ms, ours, sent, sent + more, words, details=details)
        sent += more
    if excess := units - sent:
        if excess in ours.single:
            words = "It is exactly as much as a run of that day, so that run was probably counted twice."
            _report(run, Kind.METERED_TWICE, customer, day_ms, ours, sent, units, words)
        else:
            words = "Another program, or another ledger on this Stripe account, reported it for this customer."
            _report(run, Kind.METERED_FOREIGN, customer, day_ms, ours, sent, units, words)


def _report(
    run: Run,
    kind: Kind,
    customer: str,
    day_ms: int,
    ours: _Day,
    books: int,
    stripe: int | None,
    words: str,
    *,
    repairable: bool = True,
    details: dict[str, str] | None = None,
) -> None:
    day = utc_day(day_ms)
    user = run.scratch.user(ours.user_id) or run.scratch.user_of(customer)
    run.findings.add(
        Difference(
            kind,
            f"{customer}/{day}",
            day,
            words,
            ours.first_ms or day_ms,
            books,
            stripe,
            user.user_id if user else None,
            user.name if user else "",
            customer,
            repairable=repairable,
            details=details or {},
        )
    )
