"""What Stripe's events about refunds and disputes mean for the ledger.

Each event is first noted, then the ledger is brought to what follows from all that was noted. So events may come in
any order, twice, or not at all when others tell the same; and it does not matter who started it, this console or
somebody in Stripe's dashboard.
"""

from datetime import UTC, datetime
from typing import Any

from bioql_console.domain.ledger import (
    Account,
    EntryKind,
    dispute_hold,
    dispute_lost_fact,
    dispute_reinstated_fact,
    dispute_won,
    failed_refund_fact,
    refund_fact,
)
from bioql_console.domain.money import MICROS_PER_CENT, USD
from bioql_console.domain.refunds import NOT_REFUNDED, RANKS, MoneyBack, MoneyBackKind, refunded_cents
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventState, Outcome, ReceivedEvent
from bioql_console.services.event_content import Decision, Misfit, applied, cents_of, part_of, text_of
from bioql_console.services.payments import payment_of
from bioql_console.services.ports import Work
from bioql_console.services.settlement import queue_balance, settle_payment

# Words beside a refund; Stripe's fees are not part of these books.
REFUND_WORDS = {
    "pending": "It is on its way to the customer's bank.",
    "requires_action": "The customer has to tell Stripe where it should go.",
}
DISPUTE_WORDS = {
    "needs_response": "The money is held until the bank decides.",
    "under_review": "The bank looks at the evidence; the money is held until it decides.",
    "prevented": "It was prevented before the bank took anything.",
    "warning_needs_response": "An inquiry: the bank only asks, no money moved.",
    "warning_under_review": "An inquiry: the bank looks at the evidence, no money moved.",
    "warning_closed": "The inquiry is over; no money moved.",
}


# --- refunds ---


def _refund(event: ReceivedEvent, refund: dict[str, Any], work: Work) -> Outcome:
    """One refund was made, or changed."""
    payment, cents, status = text_of(refund, "payment_intent"), refund.get("amount"), text_of(refund, "status")
    if type(cents) is not int or cents <= 0 or refund.get("currency") != USD:
        raise Misfit("The refund has no amount in USD.")
    if status not in RANKS[MoneyBackKind.REFUND]:
        raise Misfit("The refund has no status that we know.")
    known = work.money_back.follow(
        MoneyBack(
            id=text_of(refund, "id"),
            kind=MoneyBackKind.REFUND,
            payment_intent=payment,
            cents=cents,
            status=status,
            created_ms=cents_of(refund, "created") * 1000,
            heard_ms=event.created_ms,
            reason=text_of(refund, "failure_reason") or text_of(refund, "reason"),
        )
    )
    user = _payer(payment, refund, work)
    if user is None:
        return _never_counted(payment)
    outcome = _settle_refunds(event, payment, user, work)
    if known.status in NOT_REFUNDED:
        words = f"The bank could not take it ({known.reason or known.status}): the money is with us again."
        return applied(words.replace("_", " "), payment, user.id, outcome.amount_micros)
    words = outcome.reason or REFUND_WORDS.get(known.status, "")
    return applied(words, payment, user.id, outcome.amount_micros)


def _charge_refunded(event: ReceivedEvent, charge: dict[str, Any], work: Work) -> Outcome:
    """`amount_refunded` is cumulative: it tells of refunds whose own events never came."""
    payment, refunded = text_of(charge, "payment_intent"), charge.get("amount_refunded")
    if type(refunded) is not int or refunded < 0 or charge.get("currency") != USD:
        raise Misfit("The refund has no amount in USD.")
    work.money_back.add_total(payment, refunded)
    user = _payer(payment, charge, work)
    return _never_counted(payment) if user is None else _settle_refunds(event, payment, user, work)


def _settle_refunds(event: ReceivedEvent, payment: str, user: User, work: Work) -> Outcome:
    """Post what is between the books and all that was heard of a payment's refunds."""
    work.ledger.balance(user.id)  # locked: whoever applies another event about this payment waits
    heard = work.money_back.of_payment(payment, MoneyBackKind.REFUND)
    target = refunded_cents(heard, work.money_back.total_of(payment)) * MICROS_PER_CENT
    change = target - refunded_micros(work, payment)
    source, cents = f"{payment}:{event.id}", abs(change) // MICROS_PER_CENT
    if not change:
        return applied("This refund had been counted before.", payment, user.id)
    if change > 0:
        work.ledger.post(refund_fact(source, user.id, change, event.created_ms, "Refund"))
        queue_balance(work, user, f"refund-{source}", -cents, event.created_ms, f"Refund of {payment}")
    else:
        work.ledger.post(failed_refund_fact(source, user.id, -change, event.created_ms, "Refund failed"))
        settle_payment(work, user, f"refund-{source}", cents, event.created_ms, f"Refund of {payment} failed")
    return applied("", payment, user.id, -change)


def refunded_micros(work: Work, payment: str) -> int:
    """What our books have as refunded of a payment, corrections by reconciliation included."""
    sources = (
        (EntryKind.REFUND, "charge", f"{payment}:"),
        (EntryKind.REVERSAL, "charge", f"{payment}:"),
        (EntryKind.REVERSAL, "reconciliation", f"refund:{payment}:"),
    )
    return -sum(work.ledger.posted_micros(*source, Account.STRIPE_CLEARING) for source in sources)


# --- disputes ---


def _dispute(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Outcome:
    """A dispute began, changed, moved money or was decided."""
    dispute = work.money_back.follow(_heard(event, content))
    user = _payer(dispute.payment_intent, content, work)
    if user is None:
        return _never_counted(dispute.payment_intent)
    return _settle_dispute(event, dispute, user, work)


def _heard(event: ReceivedEvent, content: dict[str, Any]) -> MoneyBack:
    cents, status = content.get("amount"), text_of(content, "status")
    if type(cents) is not int or cents <= 0 or content.get("currency") != USD:
        raise Misfit("The dispute has no amount in USD.")
    if status not in RANKS[MoneyBackKind.DISPUTE]:
        raise Misfit("The dispute has no status that we know.")
    moved = [one.get("amount", 0) for one in content.get("balance_transactions") or () if isinstance(one, dict)]
    only_asks = status.startswith("warning_") or status == "prevented"
    details = part_of(content, "evidence_details")
    due_s = details.get("due_by")
    return MoneyBack(
        id=text_of(content, "id"),
        kind=MoneyBackKind.DISPUTE,
        payment_intent=text_of(content, "payment_intent"),
        cents=cents,
        status=status,
        created_ms=cents_of(content, "created") * 1000,
        heard_ms=event.created_ms,
        reason=text_of(content, "reason"),
        due_ms=due_s * 1000 if type(due_s) is int else None,
        withdrawn=not only_asks or event.type.endswith("funds_withdrawn") or any(cents < 0 for cents in moved),
        reinstated=event.type.endswith("funds_reinstated") or any(cents > 0 for cents in moved),
        answers=cents_of(details, "submission_count"),
    )


def _settle_dispute(event: ReceivedEvent, dispute: MoneyBack, user: User, work: Work) -> Outcome:
    work.ledger.balance(user.id)  # locked: whoever applies another event about this dispute waits
    payment, micros = dispute.payment_intent, dispute.cents * MICROS_PER_CENT
    if not dispute.withdrawn:
        return applied(_words(dispute), payment, user.id)
    memo, at_ms = f"Dispute of {payment}", event.created_ms
    held = work.ledger.post_entry(dispute_hold(dispute.id, micros, at_ms, memo)) is not None
    if dispute.is_back:
        return _given_back(event, dispute, user, work)
    if dispute.is_lost:
        lost = dispute_lost_fact(dispute.id, user.id, micros, at_ms, f"{memo} lost")
        if work.ledger.post(lost):
            queue_balance(work, user, f"dispute-{dispute.id}", -dispute.cents, at_ms, f"{memo} lost")
            return applied("Lost: the user owes it again.", payment, user.id, -micros)
        return applied("Lost: it had been counted before.", payment, user.id)
    return applied(_words(dispute), payment, user.id, -micros if held else None)


def _given_back(event: ReceivedEvent, dispute: MoneyBack, user: User, work: Work) -> Outcome:
    payment, micros = dispute.payment_intent, dispute.cents * MICROS_PER_CENT
    memo, at_ms = f"Dispute of {payment}", event.created_ms
    if work.ledger.post_entry(dispute_won(dispute.id, micros, at_ms, f"{memo} won")) is not None:
        return applied("Won: the money is back.", payment, user.id, micros)
    was_lost = any(posting.user_id for posting in work.ledger.postings_from("dispute", dispute.id))
    if was_lost:
        back = dispute_reinstated_fact(dispute.id, user.id, micros, at_ms, f"{memo} reinstated")
        if work.ledger.post(back):
            settle_payment(
                work, user, f"dispute-back-{dispute.id}", dispute.cents, at_ms, f"Dispute of {payment} reinstated"
            )
            return applied("The bank changed its mind: it counts as paid again.", payment, user.id, micros)
    return applied("Won: it had been counted before.", payment, user.id)


def _words(dispute: MoneyBack) -> str:
    words = DISPUTE_WORDS.get(dispute.status, "The money is held until the bank decides.")
    if dispute.to_answer and dispute.due_ms:
        day = datetime.fromtimestamp(dispute.due_ms / 1000, UTC)
        words += f" Answer by {day:%d %B %Y}."
    return words


# --- whose payment it is ---


def _payer(payment: str, target: dict[str, Any], work: Work) -> User | None:
    """Who made the payment; None when an operator gave it back without counting it.

    Raises:
        Misfit: it is not in our ledger yet; its own event lets this one be tried again.
    """
    paid = payment_of(work, payment)
    if paid is not None:
        work.money_back.belongs_to(payment, paid.user.id)
        return paid.user
    if work.inbox.was_turned_down(payment):
        return None
    raise Misfit(f"Payment {payment or '(none)'} is not in our ledger yet.")


def _never_counted(payment: str) -> Outcome:
    return Outcome(EventState.IGNORED, "An operator gave this payment back; it never counted.", payment)


DECISIONS: dict[str, Decision] = {
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.refund.updated": _refund,
    "charge.refunded": _charge_refunded,
    **dict.fromkeys(
        (f"charge.dispute.{what}" for what in ("created", "updated", "funds_withdrawn", "funds_reinstated", "closed")),
        _dispute,
    ),
}
