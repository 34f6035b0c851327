"""A dollar is collected once: what Stripe would still collect follows what our books say is owed.

Stripe collects by invoices: of metered usage, less the customer's Stripe balance. Money that moves any other way (a
payment by link, its refund, welcome credit, an adjustment) Stripe has to be told. Each such message is queued in the
transaction that posts the money:

- a payment by link takes over open invoices first, by credit notes, so that no card is charged for them any more;
- the rest lowers the customer's Stripe balance, so that the next invoice nets to what is really owed.
"""

from bioql_console.domain.invoices import Invoice, InvoiceSource, InvoiceState
from bioql_console.domain.money import MICROS_PER_CENT, cents_half_up
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.users import User
from bioql_console.services.ports import Work

COLLECTING = (InvoiceState.OPEN, InvoiceState.VOID)


def settle_payment(work: Work, user: User, key: str, cents: int, at_ms: int, words: str) -> None:
    """Keep Stripe from collecting again what was paid by link.

    Args:
        key: Names the payment; messages that follow from it carry it in their own keys.
    """
    left = cents
    for invoice in work.invoices.of_user(user.id, *COLLECTING):
        part = min(left, invoice.replaceable_cents)
        if not part or invoice.source is InvoiceSource.MANUAL:
            continue
        work.invoices.settle(invoice.id, part)
        if invoice.state is InvoiceState.OPEN:
            queue_credit_note(work, user, f"{key}:{invoice.id}", invoice.id, part, at_ms, words)
        left -= part
    queue_balance(work, user, key, left, at_ms, words)
    close_excessive_links(work, user, at_ms)


def mirror(work: Work, user: User, key: str, owes_micros: int, at_ms: int, words: str) -> None:
    """Tell Stripe of money that only our books know: positive when more is owed.

    Without a subscription Stripe's balance collects nothing, but an open invoice or link may ask for too much by now.
    """
    cents = cents_half_up(abs(owes_micros))
    if not user.stripe_subscription_id:
        trim_invoices(work, user, at_ms)
        close_excessive_links(work, user, at_ms)
        return
    if owes_micros > 0:
        queue_balance(work, user, key, -cents, at_ms, words)
    else:
        settle_payment(work, user, key, cents, at_ms, words)


def trim_invoices(work: Work, user: User, at_ms: int) -> None:
    """An open invoice never asks for more than is owed: what is beyond it changes place with credit in the balance.

    That happens when a payment by link came in while the invoice was being opened, or when a debt was lowered.
    """
    owed_cents = _owed_cents(work, user)
    invoices = work.invoices.of_user(user.id, InvoiceState.OPEN)
    excess = sum(invoice.remaining_cents for invoice in invoices) - owed_cents
    for invoice in reversed(invoices):
        part = min(excess, invoice.remaining_cents)
        if part <= 0:
            continue
        work.invoices.settle(invoice.id, part)
        key = f"trim-{invoice.id}-{invoice.settled_cents + part}"
        words = "Not owed any more"
        queue_credit_note(work, user, f"{key}:note", invoice.id, part, at_ms, words)
        if invoice.source is not InvoiceSource.MANUAL:
            queue_balance(work, user, key, -part, at_ms, words)
        excess -= part


def close_excessive_links(work: Work, user: User, at_ms: int) -> None:
    """Close links that ask for more than is owed by now, before somebody pays what came in another way."""
    owed_cents = _owed_cents(work, user)
    for link in work.checkouts.unfinished(user.id):
        if link.session_id and link.amount_cents > owed_cents:
            key = f"close-{link.session_id}"
            _queue(work, user, MessageKind.CLOSE_LINK, key, link.amount_cents, at_ms, {"session": link.session_id})


def _owed_cents(work: Work, user: User) -> int:
    """What is owed, less what banks were asked to pay already."""
    return cents_half_up(work.ledger.balance(user.id).owed_micros) - work.checkouts.processing_cents(user.id)


def queue_balance(work: Work, user: User, key: str, cents: int, at_ms: int, words: str) -> None:
    """Queue a change of the customer's Stripe balance: positive cents lower the next invoice."""
    _queue(work, user, MessageKind.BALANCE_CREDIT, key, cents, at_ms, {"description": words})


def queue_credit_note(work: Work, user: User, key: str, invoice: str, cents: int, at_ms: int, words: str) -> None:
    """Queue a credit note that lowers what an open invoice asks for."""
    _queue(work, user, MessageKind.CREDIT_NOTE, key, cents, at_ms, {"description": words, "invoice": invoice})


def queue_invoice_at_threshold(work: Work, user: User, key: str, at_ms: int, threshold_cents: int) -> bool:
    """Where Stripe's subscription does not: queue an invoice once what nobody invoiced yet reaches the threshold."""
    if not user.stripe_customer_id or user.threshold_by_stripe:
        return False
    waiting = [message for message in work.outbox.waiting_for(user.id) if message.kind is MessageKind.INVOICE]
    cents = uninvoiced_cents(work, user)
    if waiting or cents < threshold_cents:
        return False
    extra = {"subscription": user.stripe_subscription_id or "", "description": "BioQL quantum computing usage"}
    _queue(work, user, MessageKind.INVOICE, key, cents, at_ms, extra)
    return True


def uninvoiced_cents(work: Work, user: User) -> int:
    """What is owed, on no invoice, and not on its way from a bank; negative when more is on its way than is owed."""
    invoices = work.invoices.of_user(user.id, InvoiceState.DRAFT, InvoiceState.OPEN)
    coming = sum(invoice.remaining_cents for invoice in invoices) + work.checkouts.processing_cents(user.id)
    return work.ledger.balance(user.id).owed_micros // MICROS_PER_CENT - coming


def begin_subscription(work: Work, user: User, subscription: str, started_ms: int) -> None:
    """From now on Stripe invoices the user's usage: bring the Stripe balance to what is owed and asked for by nothing.

    Until now payments by link went to that balance with nothing to lower, and usage was metered that nobody invoices.

    Args:
        started_ms: What was used since then the subscription bills by itself.
    """
    invoices = work.invoices.of_user(user.id, *InvoiceState)
    # A draft takes from the balance when it is finalized, not before; a void invoice gave back what it took.
    untaken = (InvoiceState.DRAFT, InvoiceState.VOID)
    used = sum(each.total_cents - each.due_cents for each in invoices if each.state not in untaken)
    credit_cents = work.outbox.total(user.id, MessageKind.BALANCE_CREDIT) - used
    coming_cents = work.checkouts.processing_cents(user.id)
    coming_cents += work.outbox.total(user.id, MessageKind.METER_EVENT, since_ms=started_ms // 1000 * 1000)
    coming_cents += sum(_asked_cents(each) for each in invoices)
    balance = work.ledger.balance(user.id)
    owed_cents = (balance.owed_micros - balance.available_credit_micros) // MICROS_PER_CENT
    change = coming_cents - owed_cents - credit_cents
    key, words = f"begin-{subscription}", "Owed when the subscription began"
    queue_balance(work, user, key, change, started_ms, words)
    if not change:
        # Nothing to tell Stripe, but `is_in_balance` asks when it began.
        work.outbox.add(
            MessageKind.BALANCE_CREDIT,
            key,
            user_id=user.id,
            stripe_customer_id=user.stripe_customer_id or "",
            value=0,
            occurred_ms=started_ms,
            extra={"description": words},
            sent_ms=started_ms,
        )


def billed_from_ms(work: Work, user: User) -> int:
    """From when on Stripe bills the user's usage, by Stripe's clock; 0 without a subscription.

    A run that is dated earlier, because the clock here is slow, would be collected by nobody.
    """
    if not user.stripe_subscription_id:
        return 0
    return work.outbox.occurred_ms(f"begin-{user.stripe_subscription_id}") or user.created_ms


def is_in_balance(work: Work, user: User, usage_ms: int) -> bool:
    """Whether usage went to the Stripe balance when the subscription began, which never bills it."""
    began_ms = work.outbox.occurred_ms(f"begin-{user.stripe_subscription_id}")
    return usage_ms < began_ms // 1000 * 1000


def _asked_cents(invoice: Invoice) -> int:
    """What an invoice collects of the user's debt by itself, or leaves to links alone."""
    if invoice.source is InvoiceSource.MANUAL:
        # Paying it gives back the credit that it used, as it collects besides the usage.
        return invoice.due_cents - invoice.total_cents if invoice.state is InvoiceState.OPEN else 0
    if invoice.state is InvoiceState.DRAFT:
        return invoice.total_cents - invoice.settled_cents
    return invoice.replaceable_cents


def _queue(work: Work, user: User, kind: MessageKind, key: str, cents: int, at_ms: int, extra: dict[str, str]) -> None:
    if user.stripe_customer_id and cents:
        work.outbox.add(
            kind,
            key,
            user_id=user.id,
            stripe_customer_id=user.stripe_customer_id,
            value=cents,
            occurred_ms=at_ms,
            extra=extra,
        )
