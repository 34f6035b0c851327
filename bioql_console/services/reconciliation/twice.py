"""Payments for what had been paid already: a link and an invoice, or two links, for one debt."""

from bioql_console.domain.cash import PaidRow, Part
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.reconciliation import Difference, utc_day
from bioql_console.services.reconciliation.run import Run


def check_paid_twice(run: Run) -> None:
    """Looked for among the payments of which a part became credit.

    Paying ahead is no mistake, and neither is credit that a later adjustment leaves. Twice is paid what was asked for
    before another payment, came after it, and found nothing owed for as much as the smaller of the two.
    """
    run.watch.begin("Looking for what was paid twice")
    for user_id in sorted({user_id for user_id, _ in run.books(lambda books: books.overpaying(run.period))}):
        payments = _payments(run, user_id)
        for second in payments:
            if run.period.has(second.at_ms) and (first := _before(second, payments)):
                _report(run, user_id, first, second)


def _payments(run: Run, user_id: int) -> list[PaidRow]:
    return run.books(lambda books: books.payments_of(user_id))


def _before(second: PaidRow, payments: list[PaidRow]) -> PaidRow | None:
    """The payment that settled the same debt before."""
    over_cents = second.cents - max(0, second.owed_before_cents)
    for first in reversed(payments):
        earlier = (first.at_ms, first.entry_id) < (second.at_ms, second.entry_id)
        asked_before = second.made_ms is not None and second.made_ms <= first.at_ms
        if earlier and asked_before and over_cents >= min(first.cents, second.cents) > 0:
            return first
    return None


def _report(run: Run, user_id: int, first: PaidRow, second: PaidRow) -> None:
    twice = min(first.cents, second.cents)
    if _refunded_cents(run, first) + _refunded_cents(run, second) >= twice:
        return
    user = run.scratch.user(user_id)
    money = plain_dollars(twice * MICROS_PER_CENT)
    words = f"{money} were paid by {first.source_id}, and again by {second.source_id}, which had been asked for before."
    run.findings.add(
        Difference(
            Kind.PAID_TWICE,
            second.source_id,
            utc_day(second.at_ms),
            words,
            second.at_ms,
            second.cents - twice,
            second.cents,
            user_id,
            user.name if user else "",
            user.customer if user else "",
            details={"twice_cents": str(twice), "first": first.source_id},
        )
    )


def _refunded_cents(run: Run, paid: PaidRow) -> int:
    with run.store.read() as work:
        invoice = paid.source_id.startswith("in_")
        payments = work.invoices.payments_of(paid.source_id) if invoice else [paid.source_id]
        entries = [each for payment in payments for each in work.reconciliation.cash_of(Part.REFUND.value, payment)]
    return -sum(each.cents for each in entries)
