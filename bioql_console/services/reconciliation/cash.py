"""Cash: every document on which the sides differ is looked at again by itself, then named."""

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.cash import CashEntry, DocumentSum, Part
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.ledger import Account, EntryKind
from bioql_console.domain.reconciliation import Difference, OnItsWay, utc_day
from bioql_console.domain.refunds import NOT_REFUNDED
from bioql_console.services.reconciliation.book_repairs import CORRECTION
from bioql_console.services.reconciliation.reading import (
    dispute_facts,
    facts_of,
    payment_fact,
    payment_pair,
    refund_fact,
)
from bioql_console.services.reconciliation.run import Run, in_quarantine, waiting


def check_cash(run: Run) -> None:
    """Name every difference of payments, refunds and disputes.

    Nothing is reported from a list alone: what differs there is fetched again, over all times and from both sides.
    """
    run.scratch.settle_documents()
    differing = run.scratch.differing()
    run.watch.begin("Looking again at what differs")
    for number, one in enumerate(differing):
        run.watch.look(number)
        _look_again(run, one)
    run.scratch.settle_documents()
    for one in run.scratch.differing():
        whole = run.scratch.sum_of(one.part, one.document)
        assert whole is not None
        _settle(run, whole)
    _compare_payers(run)
    _check_lost_disputes(run)
    _check_currencies(run)


def _look_again(run: Run, one: DocumentSum) -> None:
    if one.part == Part.PAYMENT.value:
        _look_at_payment(run, one.document)
    elif one.part == Part.REFUND.value:
        run.scratch.take_facts(facts_of(refund_fact, run.gateway.refunds_of(one.document), run))
    elif one.part == Part.DISPUTE.value:
        found = run.gateway.dispute(one.document)
        run.scratch.take_facts(run.gateway.read(dispute_facts, found) if found else ())
    run.scratch.take_entries(_entries(run, one.part, one.document))


def _entries(run: Run, part: str, document: str) -> list[CashEntry]:
    return run.books(lambda books: books.cash_of(part, document))


def _look_at_payment(run: Run, document: str) -> None:
    gateway, scratch = run.gateway, run.scratch
    if document.startswith("in_"):
        pairs = [pair for paid in gateway.payments_of_invoice(document) if (pair := payment_pair(paid))]
    elif document.startswith("pi_"):
        pairs = [pair for paid in gateway.invoice_payments_of(document) if (pair := payment_pair(paid))]
    else:
        charge = gateway.charge(document)
        scratch.take_facts(facts_of(payment_fact, [charge] if charge else [], run))
        return
    scratch.take_payments(pairs)
    payments = {payment for payment, _ in pairs} if document.startswith("in_") else {document}
    for payment in payments:
        scratch.take_facts(facts_of(payment_fact, gateway.charges_of(payment), run))
    for invoice in {invoice for _, invoice in pairs} - {document}:
        scratch.take_entries(_entries(run, Part.PAYMENT.value, invoice))


def _settle(run: Run, one: DocumentSum) -> None:
    """Account for a document: settled over a longer time, on its way, or a difference."""
    off = one.stripe_cents - one.books_cents
    lacking_here = abs(one.stripe_cents) > abs(one.books_cents)
    at_ms = one.stripe_at_ms if lacking_here else one.books_at_ms
    day_ms = at_ms - at_ms % DAY_MS
    if not off:
        run.scratch.name(one, day_ms, 0)
    elif _was_brought_in(run, one):
        run.scratch.forget(one.part, one.document)
        run.counts["brought_in"] = run.counts.get("brought_in", 0) + 1
    elif why := waiting(run, max(one.stripe_at_ms, one.books_at_ms), one.document, one.payment):
        run.scratch.name(one, day_ms, off, on_its_way=True)
        what = f"{one.part.capitalize()} {one.document}"
        run.on_its_way.append(OnItsWay(what, why, one.document, utc_day(day_ms), off, one.user_id))
    else:
        run.scratch.name(one, day_ms, off)
        run.findings.add(_named(run, one, day_ms))


def _was_brought_in(run: Run, one: DocumentSum) -> bool:
    """Whether an invoice's payment came in with another database: then it is no cash of these books."""
    of_invoice = one.part == Part.PAYMENT.value and one.document.startswith("in_") and not one.books_cents
    return of_invoice and run.books(lambda books: books.brought_in(one.document))


def _named(run: Run, one: DocumentSum, day_ms: int) -> Difference:
    naming = {Part.PAYMENT.value: _payment, Part.REFUND.value: _refund, Part.DISPUTE.value: _dispute}
    kind, cause = naming.get(one.part, _unknown)(run, one)
    user = run.scratch.user(one.user_id) or run.scratch.owner_of(one.customer)
    return Difference(
        kind,
        one.document,
        utc_day(day_ms),
        f"{cause}{in_quarantine(run, one.document, one.payment)}",
        one.stripe_at_ms or one.books_at_ms,
        one.books_cents if one.books_at_ms else None,
        one.stripe_cents if one.stripe_at_ms else None,
        user.user_id if user else None,
        user.name if user else "",
        one.customer,
        details={"part": one.part, "payment": one.payment, "reference": one.reference, **_given_back(run, one)},
    )


def _given_back(run: Run, one: DocumentSum) -> dict[str, str]:
    """Says so of a payment that an operator gave back instead of counting it."""
    with run.store.read() as work:
        return {"given_back": "yes"} if one.payment and work.inbox.was_turned_down(one.payment) else {}


def _payment(run: Run, one: DocumentSum) -> tuple[Kind, str]:
    if not one.stripe_cents:
        return Kind.PAYMENT_UNKNOWN, _why_not_collected(run, one.document)
    if one.books_cents or _was_corrected(run, one):
        return Kind.PAYMENT_AMOUNT, "Stripe collected another amount than was posted."
    if run.scratch.user_of(one.customer) is None:
        return _of_nobody(run, one)
    if one.document.startswith("in_"):
        return Kind.PAYMENT_MISSED, "Stripe collected an invoice, and its event never reached these books."
    if one.reference:
        return Kind.PAYMENT_MISSED, "A Checkout link of ours was paid, and its event never reached these books."
    return Kind.PAYMENT_BY_HAND, "It was taken in Stripe's dashboard or by another program, without a link or invoice."


def _was_corrected(run: Run, one: DocumentSum) -> bool:
    """Whether it was taken out of the books by hand; its own event can't post it a second time."""
    with run.store.read() as work:
        source = f"{one.part}:{one.document}:"
        return bool(work.ledger.posted_micros(EntryKind.REVERSAL, CORRECTION, source, Account.STRIPE_CLEARING))


def _of_nobody(run: Run, one: DocumentSum) -> tuple[Kind, str]:
    """A payment by a customer that no user has."""
    owner = run.scratch.owner_of(one.customer)
    if owner is not None:
        words = f"Customer {one.customer} is a second one of {owner.name}, whose own is {owner.customer or 'missing'}."
        return Kind.PAYMENT_OF_DUPLICATE, words
    who = f"Customer {one.customer} is none of our users." if one.customer else "It names no customer."
    return Kind.PAYMENT_FOREIGN, who


def _why_not_collected(run: Run, document: str) -> str:
    of_invoice = document.startswith("in_")
    found = run.gateway.invoice(document) if of_invoice else run.gateway.payment(document)
    if found is None:
        return "This Stripe account has no such payment: it is another account's, or was never made."
    return f"Stripe has it, but nothing was collected: it is {found.get('status') or 'in no known state'}."


def _refund(run: Run, one: DocumentSum) -> tuple[Kind, str]:
    if abs(one.stripe_cents) < abs(one.books_cents):
        if any(refund.get("status") in NOT_REFUNDED for refund in run.gateway.refunds_of(one.document)):
            return Kind.REFUND_FAILED, "The bank could not take it, and the event never reached these books."
        return Kind.REFUND_NOT_MADE, "Stripe has no such refund."
    if not run.scratch.payment_is_known(one.payment):
        if run.scratch.user_of(one.customer) is None and run.scratch.owner_of(one.customer) is None:
            return Kind.PAYMENT_FOREIGN, "It is the refund of a payment that is not ours."
        return Kind.REFUND_MISSED, "Its payment is not in the books either; mend that first."
    return Kind.REFUND_MISSED, "It was refunded at Stripe, and the event never reached these books."


def _dispute(run: Run, one: DocumentSum) -> tuple[Kind, str]:
    if one.stripe_cents and (one.books_cents or _was_corrected(run, one)):
        return Kind.DISPUTE_UNKNOWN, "The bank holds another amount than the books."
    if one.books_cents:
        found = run.gateway.dispute(one.document)
        if found is None:
            return Kind.DISPUTE_UNKNOWN, "This Stripe account has no such dispute."
        return Kind.DISPUTE_OUTCOME, f"It is {found.get('status')} at Stripe, and the event never reached these books."
    if not run.scratch.payment_is_known(one.payment) and run.scratch.user_of(one.customer) is None:
        return Kind.PAYMENT_FOREIGN, "It is the dispute of a payment that is not ours."
    return Kind.DISPUTE_MISSED, "A bank took the money back, and the event never reached these books."


def _unknown(_run: Run, one: DocumentSum) -> tuple[Kind, str]:
    return Kind.CASH_UNKNOWN, f"Entry of {one.document} names nothing that Stripe could have."


def _compare_payers(run: Run) -> None:
    for document, payment, customer, cents, at_ms, paid, posted in run.scratch.payers_that_differ():
        payer, other = run.scratch.user(paid), run.scratch.user(posted)
        assert payer is not None
        words = f"{payer.name} paid, but it was posted to {other.name if other else f'user {posted}'}."
        details = {"payment": payment, "posted_to": str(posted)}
        run.findings.add(
            Difference(
                Kind.PAYER_DIFFERS, document, utc_day(at_ms), words, at_ms, cents, cents, paid, payer.name, customer,
                details=details,
            )
        )  # fmt: skip


def _check_lost_disputes(run: Run) -> None:
    """Disputes that banks decided against us: the cash is the same, but in the books it is still held."""
    for dispute, payment, customer, cents, at_ms in run.lost_disputes:
        if not _held_micros(run, dispute) or waiting(run, at_ms, dispute):
            continue
        user = run.scratch.user_of(customer)
        words = f"The bank decided against us, and the event never reached these books.{in_quarantine(run, payment)}"
        run.findings.add(
            Difference(
                Kind.DISPUTE_OUTCOME, dispute, utc_day(at_ms), words, at_ms, cents, cents,
                user.user_id if user else None, user.name if user else "", customer,
                details={"part": Part.DISPUTE.value, "payment": payment},
            )
        )  # fmt: skip


def _held_micros(run: Run, dispute: str) -> int:
    return run.books(lambda books: books.held_micros(dispute))


def _check_currencies(run: Run) -> None:
    """Payments of our users that can't be in these books; those of other products are only counted."""
    for fact, currency in run.other_currency:
        user = run.scratch.user_of(fact.customer) or run.scratch.owner_of(fact.customer)
        if user is None:
            run.counts["other_currency"] = run.counts.get("other_currency", 0) + 1
            continue
        words = f"Stripe collected {fact.cents:,} in the smallest unit of {currency.upper()}."
        run.findings.add(
            Difference(
                Kind.PAYMENT_CURRENCY, fact.document, utc_day(fact.at_ms), words, fact.at_ms,
                user_id=user.user_id, user_name=user.name, customer=fact.customer,
            )
        )  # fmt: skip
