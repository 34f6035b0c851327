"""What Stripe's events about invoices mean for the ledger.

Usage is owed from the moment it is recorded, so an invoice that is made or opened posts nothing. What was collected on
it does; what nobody will collect is written off. Events may come in any order.
"""

from typing import Any

from bioql_console.domain.imports import INVOICE_SOURCE
from bioql_console.domain.invoices import Invoice, InvoiceSource, InvoiceState
from bioql_console.domain.ledger import (
    Account,
    EntryKind,
    invoice_payment_fact,
    outside_payment_fact,
    write_off_fact,
    write_off_reversal_fact,
)
from bioql_console.domain.money import MICROS_PER_CENT, USD
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventState, Outcome, ReceivedEvent
from bioql_console.services.event_content import Decision, Misfit, applied, cents_of, dollars, part_of, text_of
from bioql_console.services.ports import Work
from bioql_console.services.settlement import close_excessive_links, queue_balance, settle_payment, trim_invoices

KEY = "bioql_key"
VOIDED = "It is void: Stripe collects nothing on it. What was used is still owed; send a link, or adjust the balance."
WORDS = {
    "invoice.created": "A draft; Stripe opens it in about an hour.",
    "invoice.finalized": "Nothing is collected yet.",
    "invoice.payment_failed": "The card was refused; Stripe will try again.",
    "invoice.voided": VOIDED,
    "invoice.marked_uncollectible": "Written off.",
}


def _followed(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
    """An invoice was made, opened, changed or voided."""
    if ignored := _nothing_in_it(content, work):
        return ignored
    invoice, user = _heard(content, work)
    if invoice.state is InvoiceState.VOID:
        _keep_credit_used(event, invoice, user, work)
    trim_invoices(work, user, event.created_ms)
    return applied(_source_words(invoice) or WORDS.get(event.type, ""), invoice.id, user.id)


def _paid(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
    """Cash came in on an invoice. Credit that it used up is no cash."""
    if not content.get("amount_paid") and (ignored := _nothing_in_it(content, work)):
        return ignored
    before = work.invoices.get(text_of(content, "id"))
    invoice, user = _heard(content, work)
    if content.get("status") != "paid":
        raise Misfit("It is about a payment, but the invoice is not paid.")
    outside = cents_of(content, "amount_paid_off_stripe")
    if content.get("paid_out_of_band") is True:  # how API versions before 2025-03-31 said it
        outside = cents_of(content, "amount_paid")
    cents = cents_of(content, "amount_paid") - outside
    if cents < 0 or outside < 0:
        raise Misfit("What was paid on it does not add up.")
    if work.ledger.postings_from(INVOICE_SOURCE, invoice.id):
        return applied("Its payment was brought in with the old database; not counted again.", invoice.id, user.id)
    if payment := text_of(content, "payment_intent"):  # versions before 2025-03-31 name it here
        work.invoices.add_payment(payment, invoice.id)
    _take_back_write_off(event, invoice, user, work)
    if before is not None and before.state is InvoiceState.UNCOLLECTIBLE:
        _keep_credit_covered(event, before, cents + outside, content, user, work)
    memo = f"Invoice {invoice.number or invoice.id}"
    posted = False
    if cents:
        micros = cents * MICROS_PER_CENT
        posted = work.ledger.post(invoice_payment_fact(invoice.id, user.id, micros, event.created_ms, memo))
    if outside:
        micros = outside * MICROS_PER_CENT
        posted |= work.ledger.post(outside_payment_fact(invoice.id, user.id, micros, event.created_ms, memo))
    if posted and invoice.source is InvoiceSource.MANUAL:
        # It collected besides the metered usage, as a payment by link does; and it used up credit meant for that.
        instead = cents + outside + invoice.total_cents - invoice.due_cents
        settle_payment(work, user, f"credit-{invoice.id}", instead, event.created_ms, f"Paid by {memo}")
    _reopen_what_waits(invoice.id, work)
    trim_invoices(work, user, event.created_ms)
    close_excessive_links(work, user, event.created_ms)
    words = _source_words(invoice) if posted else "It was covered by credit; no cash moved."
    if not posted and cents + outside:
        words = "This payment had been counted before; nothing was doubled."
    return applied(words, invoice.id, user.id, (cents + outside) * MICROS_PER_CENT)


def _nothing_in_it(content: dict[str, Any], work: Work) -> Outcome | None:
    """The empty invoice that a subscription begins with; another product's; or one of a customer whose registration,
    which begins at Stripe, is not finished here."""
    user = work.users.by_customer(text_of(content, "customer"))
    if user is None:
        return Outcome(EventState.IGNORED, "The customer is none of our users.", text_of(content, "id"))
    if content.get("billing_reason") == "subscription_create" and not content.get("total"):
        return Outcome(EventState.IGNORED, "The empty invoice of a new subscription.", text_of(content, "id"), user.id)
    return None


def _keep_credit_used(event: ReceivedEvent, invoice: Invoice, user: User, work: Work) -> None:
    """Stripe gives back the credit on a void invoice, but in our books it is used up: the usage is still owed."""
    used = invoice.total_cents - invoice.due_cents
    words = f"Used on void invoice {invoice.number}"
    queue_balance(work, user, f"void-{invoice.id}", -used, event.created_ms, words)


def _payment_paid(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
    """Names the payment behind an invoice, so that its refund or dispute finds the user."""
    invoice, payment = text_of(content, "invoice"), text_of(part_of(content, "payment"), "payment_intent")
    if not invoice or not payment:
        return Outcome(EventState.IGNORED, "It was not paid by card or bank.", text_of(content, "id"))
    work.invoices.add_payment(payment, invoice)
    _reopen_what_waits(invoice, work)
    known = work.invoices.get(invoice)
    return Outcome(EventState.APPLIED, "", invoice, known.user_id if known else None)


def _uncollectible(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
    """Stripe stops collecting and nobody expects the money: it is written off, as far as it is owed."""
    invoice, user = _heard(content, work)
    if invoice.state is not InvoiceState.UNCOLLECTIBLE:
        return applied("It went another way meanwhile.", invoice.id, user.id)
    owed_cents = work.ledger.balance(user.id).owed_micros // MICROS_PER_CENT
    asked_cents = invoice.remaining_cents
    cents = min(asked_cents, owed_cents)
    # What it asked for beyond what is owed was covered by credit, which the next invoice must not use once more.
    words = f"Covered on uncollectible invoice {invoice.number}"
    queue_balance(work, user, f"uncollectible-{invoice.id}", cents - asked_cents, event.created_ms, words)
    if not cents:
        return applied("Nothing of it is owed any more.", invoice.id, user.id)
    micros, memo = cents * MICROS_PER_CENT, f"Invoice {invoice.number or invoice.id} is uncollectible"
    if not work.ledger.post(write_off_fact(invoice.id, user.id, micros, event.created_ms, memo)):
        return applied("It had been written off before.", invoice.id, user.id)
    work.invoices.settle(invoice.id, cents)
    close_excessive_links(work, user, event.created_ms)
    return applied(f"{dollars(cents)} were written off.", invoice.id, user.id, -micros)


def _keep_credit_covered(
    event: ReceivedEvent, before: Invoice, cents: int, content: dict[str, Any], user: User, work: Work
) -> None:
    """It was written off, as far as nothing else had paid for it, and is paid after all: what it collected beyond that
    is credit, for the next invoice."""
    written_off = work.ledger.posted_micros(EntryKind.WRITE_OFF, "invoice", before.id, Account.WRITE_OFFS)
    if not written_off and not work.outbox.occurred_ms(f"uncollectible-{before.id}"):
        return  # that it is uncollectible was only mentioned yet
    # A credit note on its way becomes credit by itself.
    others = before.settled_cents - cents_of(content, "pre_payment_credit_notes_amount")
    surplus = cents - max(written_off // MICROS_PER_CENT, others)
    words = f"Paid beyond what was owed on invoice {before.number}"
    queue_balance(work, user, f"after-all-{before.id}", max(0, surplus), event.created_ms, words)


def _take_back_write_off(event: ReceivedEvent, invoice: Invoice, user: User, work: Work) -> None:
    written_off = work.ledger.posted_micros(EntryKind.WRITE_OFF, "invoice", invoice.id, Account.WRITE_OFFS)
    if written_off:
        memo = f"Invoice {invoice.number or invoice.id} was paid after all"
        work.ledger.post(write_off_reversal_fact(invoice.id, user.id, written_off, event.created_ms, memo))


def _reopen_what_waits(invoice_id: str, work: Work) -> None:
    """A refund or dispute may have been faster than the payment it is about."""
    if work.ledger.postings_from("invoice", invoice_id):
        for payment in work.invoices.payments_of(invoice_id):
            work.inbox.reopen_about(payment)


def _credit_note(event: ReceivedEvent, note: dict[str, Any], work: Work) -> Outcome:
    """Ours were decided here; one made by hand at Stripe lowers what is collected, not what is owed."""
    user = _user_of(note, work)
    if KEY in part_of(note, "metadata"):
        return applied("", text_of(note, "invoice"), user.id)
    raise Misfit(
        f"Somebody credited {dollars(note.get('amount'))} on an invoice at Stripe. Our books still count it as owed: "
        "adjust the user's balance if it was forgiven."
    )


def _heard(content: dict[str, Any], work: Work) -> tuple[Invoice, User]:
    """The invoice as it stands with what this event says."""
    user = _user_of(content, work)
    if content.get("currency") != USD:
        raise Misfit(f"The invoice is in {text_of(content, 'currency').upper() or 'no currency'}, not in USD.")
    try:
        state = InvoiceState(content.get("status"))
    except ValueError as error:
        raise Misfit("The invoice has no status that we know.") from error
    return work.invoices.follow(_read(content, user, state)), user


def _read(content: dict[str, Any], user: User, state: InvoiceState) -> Invoice:
    subscription = text_of(part_of(part_of(content, "parent"), "subscription_details"), "subscription")
    # An event has the account's API version, not ours: before 2025-03-31 it was said here.
    subscription = subscription or text_of(content, "subscription")
    noted = cents_of(content, "pre_payment_credit_notes_amount")
    due = content.get("due_date")
    return Invoice(
        id=text_of(content, "id"),
        user_id=user.id,
        number=text_of(content, "number"),
        state=state,
        reason=text_of(content, "billing_reason"),
        total_cents=cents_of(content, "total"),
        due_cents=cents_of(content, "amount_due") + noted,
        paid_cents=cents_of(content, "amount_paid"),
        created_ms=cents_of(content, "created") * 1000,
        period_start_ms=cents_of(content, "period_start") * 1000,
        period_end_ms=cents_of(content, "period_end") * 1000,
        due_ms=due * 1000 if type(due) is int else None,
        source=_source(content, subscription),
        subscription=subscription,
        url=text_of(content, "hosted_invoice_url"),
        settled_cents=noted,
        attempts=cents_of(content, "attempt_count"),
    )


def _source(content: dict[str, Any], subscription: str) -> InvoiceSource:
    if subscription:
        return InvoiceSource.SUBSCRIPTION
    return InvoiceSource.CONSOLE if KEY in part_of(content, "metadata") else InvoiceSource.MANUAL


def _source_words(invoice: Invoice) -> str:
    if invoice.source is not InvoiceSource.MANUAL:
        return ""
    return "Made by hand at Stripe: it counts like a payment by link, besides the metered usage."


def _user_of(content: dict[str, Any], work: Work) -> User:
    customer = text_of(content, "customer")
    user = work.users.by_customer(customer) if customer else None
    if user is None:
        raise Misfit(f"Customer {customer or '(none)'} is none of our users.")
    return user


DECISIONS: dict[str, Decision] = {
    "invoice.created": _followed,
    "invoice.updated": _followed,
    "invoice.finalized": _followed,
    "invoice.payment_failed": _followed,
    "invoice.payment_action_required": _followed,
    "invoice.voided": _followed,
    "invoice.marked_uncollectible": _uncollectible,
    "invoice.paid": _paid,
    "invoice.payment_succeeded": _paid,
    "invoice_payment.paid": _payment_paid,
    "credit_note.created": _credit_note,
}
