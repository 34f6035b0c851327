"""What each Stripe event means for the ledger. Never guesses: what does not fit is quarantined with the reason.

Everything happens through the transaction that is passed in, so an outcome and its postings are one.
"""

from typing import Any

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.ledger import payment_fact
from bioql_console.domain.meter_errors import METER_REPORTS
from bioql_console.domain.money import MICROS_PER_CENT, USD, plain_dollars
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventState, Outcome, ReceivedEvent
from bioql_console.services import (
    invoice_decisions,
    links_lost_by_restore,
    money_back_decisions,
    subscription_decisions,
)
from bioql_console.services.event_content import Decision, Misfit, applied, dollars, has_huge_number, text_of
from bioql_console.services.payments import payment_of
from bioql_console.services.ports import Work
from bioql_console.services.settlement import queue_balance, settle_payment


def decide(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
    """Apply an event within `work`, or say why not."""
    found = content.get("data")
    target = found.get("object") if isinstance(found, dict) else None
    if content.get("object") == "v2.core.event":
        return _thin(event, content, work)
    if not isinstance(target, dict):
        return Outcome(EventState.QUARANTINED, "The event carries no object.")
    if has_huge_number(target):
        reason = "It holds a number that is larger than any of Stripe's."
        return Outcome(EventState.QUARANTINED, reason, text_of(target, "id"))
    decision = DECISIONS.get(event.type, _ignored)
    try:
        return decision(event, target, work)
    except Misfit as misfit:
        return _quarantined(str(misfit), target, work)


def _quarantined(reason: str, target: dict[str, Any], work: Work) -> Outcome:
    user = work.users.by_customer(text_of(target, "customer"))
    cents = target.get("amount_total", target.get("amount_paid", target.get("amount")))
    micros = cents * MICROS_PER_CENT if type(cents) is int else None
    about = text_of(target, "payment_intent") or text_of(target, "id")
    return Outcome(EventState.QUARANTINED, reason, about, user.id if user else None, micros)


# --- Checkout ---


def _checkout_completed(event: ReceivedEvent, session: dict[str, Any], work: Work) -> Outcome:
    payment = text_of(session, "payment_intent")
    try:
        link, user = _link_of(session, work)
        _check_amount(session, link)
    except Misfit:
        if decided := _decided_by_operator(payment, work):
            return decided
        raise
    if session.get("payment_status") == "paid":
        return _paid(event, session, link, user, work)
    if link.state in (CheckoutState.CREATING, CheckoutState.OPEN, CheckoutState.EXPIRED):
        work.checkouts.set_state(
            link.reference,
            CheckoutState.PROCESSING,
            session_id=text_of(session, "id"),
            payment_intent=payment,
            since_ms=event.created_ms,
        )
        # While the bank takes its days, no invoice may collect the same.
        words = f"Bank payment on its way {payment}"
        settle_payment(work, user, f"credit-{payment}", link.amount_cents, event.created_ms, words)
    return applied("The bank has not paid yet; nothing is counted.", text_of(session, "id"), user.id)


def _decided_by_operator(payment: str, work: Work) -> Outcome | None:
    """What became of a payment that did not fit its link, see `services/odd_payments.py`."""
    if not payment:
        return None
    if work.inbox.was_turned_down(payment):
        return Outcome(EventState.IGNORED, "An operator gave this payment back.", payment)
    counted = payment_of(work, payment)
    return applied("An operator had counted this payment.", payment, counted.user.id) if counted else None


def _check_amount(session: dict[str, Any], link: CheckoutLink) -> None:
    cents = session.get("amount_total")
    if session.get("mode") != "payment":
        raise Misfit(f"Its mode is {text_of(session, 'mode') or 'missing'}, we asked for a payment.")
    if session.get("currency") != USD:
        raise Misfit(f"It was paid in {text_of(session, 'currency').upper() or 'no currency'}, we asked for USD.")
    if type(cents) is not int or cents != link.amount_cents:
        raise Misfit(
            f"{dollars(cents)} were paid, but the link asked for {plain_dollars(link.amount_cents * MICROS_PER_CENT)}."
        )
    if not text_of(session, "payment_intent"):
        raise Misfit("The session names no payment.")


def _paid(event: ReceivedEvent, session: dict[str, Any], link: CheckoutLink, user: User, work: Work) -> Outcome:
    payment = text_of(session, "payment_intent")
    micros = link.amount_cents * MICROS_PER_CENT
    posted = work.ledger.post(payment_fact(payment, user.id, micros, event.created_ms, "Checkout payment"))
    work.checkouts.set_state(
        link.reference, CheckoutState.PAID, session_id=text_of(session, "id"), payment_intent=payment
    )
    if posted:
        # A refund or dispute may have been faster than the payment it is about.
        work.inbox.reopen_about(payment)
    if posted and link.state is not CheckoutState.PROCESSING:
        words = f"Paid by Checkout {payment}"
        settle_payment(work, user, f"credit-{payment}", link.amount_cents, event.created_ms, words)
    words = "" if posted else "This payment had been counted before; nothing was doubled."
    return applied(words, payment, user.id, micros)


def _checkout_failed(event: ReceivedEvent, session: dict[str, Any], work: Work) -> Outcome:
    link, user = _link_of(session, work)
    work.checkouts.set_state(link.reference, CheckoutState.FAILED, session_id=text_of(session, "id"))
    if link.state is CheckoutState.PROCESSING:
        payment = text_of(session, "payment_intent")
        words = f"Bank payment bounced {payment}"
        queue_balance(work, user, f"bounced-{payment}", -link.amount_cents, event.created_ms, words)
    return applied("The bank refused the payment.", text_of(session, "id"), user.id)


def _checkout_expired(event: ReceivedEvent, session: dict[str, Any], work: Work) -> Outcome:
    link, user = _link_of(session, work)
    # A page that was made again from an expired one may have been paid before this is heard.
    if link.state in (CheckoutState.CREATING, CheckoutState.OPEN):
        work.checkouts.set_state(link.reference, CheckoutState.EXPIRED, session_id=text_of(session, "id"))
    return applied("", text_of(session, "id"), user.id)


def _link_of(session: dict[str, Any], work: Work) -> tuple[CheckoutLink, User]:
    """The link that a session belongs to, found by its id or by the reference we gave it before it had one."""
    customer = text_of(session, "customer")
    user = work.users.by_customer(customer) if customer else None
    if user is None:
        raise Misfit(f"Customer {customer or '(none)'} is none of our users.")
    link = work.checkouts.by_session(text_of(session, "id"))
    if link is None:
        # Also of a page that Stripe made again from an expired one: it keeps the reference.
        link = work.checkouts.by_reference(text_of(session, "client_reference_id"))
    if link is None:
        link = links_lost_by_restore.found_again(session, user, work)
    if link is None:
        raise Misfit("We did not make this Checkout session.")
    if link.user_id != user.id:
        raise Misfit(f"The link is for user {link.user_id}, but the customer is user {user.id}.")
    return link, user


# --- everything else ---


def _customer_deleted(event: ReceivedEvent, customer: dict[str, Any], work: Work) -> Outcome:
    user = work.users.by_customer(text_of(customer, "id"))
    if user is None:
        return Outcome(EventState.IGNORED, "The customer was none of our users.", text_of(customer, "id"))
    raise Misfit(f"{user.name}'s customer was deleted at Stripe; the user can't pay any more.")


def _ignored(event: ReceivedEvent, target: dict[str, Any], work: Work) -> Outcome:
    user = work.users.by_customer(text_of(target, "customer"))
    return Outcome(
        EventState.IGNORED, "Nothing in the ledger depends on it.", text_of(target, "id"), user.id if user else None
    )


def _thin(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
    """It comes without its content, which is fetched outside of any transaction."""
    if event.type in METER_REPORTS:
        related = content.get("related_object")
        meter = text_of(related, "id") if isinstance(related, dict) else ""
        work.error_reports.heard(event.id, event.type, meter, event.created_ms)
        words = "Stripe's meter refused usage that it took before; the Meter page says which."
        return Outcome(EventState.APPLIED, words, meter)
    return Outcome(EventState.IGNORED, "Nothing in the ledger depends on it.")


DECISIONS: dict[str, Decision] = {
    "checkout.session.completed": _checkout_completed,
    "checkout.session.async_payment_succeeded": _checkout_completed,
    "checkout.session.async_payment_failed": _checkout_failed,
    "checkout.session.expired": _checkout_expired,
    "customer.deleted": _customer_deleted,
    **invoice_decisions.DECISIONS,
    **money_back_decisions.DECISIONS,
    **subscription_decisions.DECISIONS,
}
