"""Refunds that operators start, and disputes that they give up. The books follow Stripe's events, as always."""

import hashlib
from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.refunds import NOT_REFUNDED, UNDECIDED, MoneyBack, MoneyBackKind, Refundable, RefundReason
from bioql_console.services.changes import Change, Changes
from bioql_console.services.money_back_decisions import refunded_micros
from bioql_console.services.payments import payment_of
from bioql_console.services.ports import Store, Work
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.user_admin import UserAdmin, require_reason

LONGEST_NOTE = 500
# Stripe's limit for evidence in words.
LONGEST_EVIDENCE = 20_000


class Refunds:
    """Asks Stripe to give money back. Every act names its reason."""

    def __init__(
        self, store: Store, stripe: StripeAccess, users: UserAdmin, changes: Changes, now_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._users = users
        self._changes = changes
        self._now_ms = now_ms

    def look(self, payment_intent: str) -> Refundable:
        """What may be refunded of a payment, as our books have it.

        Raises:
            OperatorError: `refund.unknown`.
        """
        with self._store.read() as work:
            return _refundable(work, payment_intent)

    def of_invoice(self, invoice: str) -> Refundable:
        """The same of the payment behind an invoice.

        Raises:
            OperatorError: `refund.unknown`.
        """
        with self._store.read() as work:
            payments = work.invoices.payments_of(invoice)
            if not payments:
                raise _unknown(invoice)
            return _refundable(work, payments[-1])

    def refund(
        self, seen: Refundable, cents: int, reason: RefundReason, note: str, operator: str, *, forgive: bool
    ) -> str:
        """Give so much back, and forgive the debt that it leaves if asked to. Stripe's id of the refund.

        The key follows from what was refunded before, so a second click asks for the same refund, not for another.

        Raises:
            OperatorError: `refund.*`, `stripe.*`, `live.locked`, `user.no_reason`.
        """
        require_reason(note)
        known = self.look(seen.payment_intent)
        key = f"refund-{seen.payment_intent}-{seen.refunded_cents}-{cents}"
        if seen.failed:  # else Stripe would answer with the refund that came back
            key += f"-after-{seen.failed}"
        if (known.refunded_cents, known.failed) != (seen.refunded_cents, seen.failed):
            # Perhaps by this very refund, whose answer was lost the first time.
            made = self._stripe.gateway().find_refund(seen.payment_intent, note.strip(), key)
            if made is None:
                raise OperatorError(
                    "Something was refunded of this payment meanwhile.",
                    fix="Look at what is left, then decide.",
                    code="refund.changed",
                )
        else:
            made = self._make(known, cents, reason, note.strip(), operator, key)
        self._record(operator, "refunded", known, cents, f"{note.strip()} ({reason.value.replace('_', ' ')})", made)
        if forgive:
            words = f"Forgiven with refund {made}: {note.strip()}"
            self._users.adjust(known.user.id, -cents * MICROS_PER_CENT, operator, words, f"forgive-{made}")
        return made

    def _make(self, known: Refundable, cents: int, reason: RefundReason, note: str, operator: str, key: str) -> str:
        if known.held_cents:
            held = plain_dollars(known.held_cents * MICROS_PER_CENT)
            raise OperatorError(
                f"A bank holds {held} of this payment because of a dispute.",
                fix="Answer the dispute, or accept it: that gives the money back.",
                code="refund.disputed",
            )
        if not 0 < cents <= known.left_cents:
            raise OperatorError(
                f"{plain_dollars(known.left_cents * MICROS_PER_CENT)} of this payment can be refunded.",
                fix="Enter that or less.",
                code="refund.amount",
            )
        return self._stripe.gateway().refund(known.payment_intent, cents, reason.value, note, operator, key)

    def accept_dispute(self, dispute: str, operator: str, note: str) -> None:
        """Let the cardholder keep the money of an open dispute.

        Raises:
            OperatorError: `refund.no_dispute`, `refund.inquiry`, `user.no_reason`, `stripe.*`, `live.locked`.
        """
        require_reason(note)
        open_one = self._open_dispute(dispute)
        if open_one.is_inquiry:
            raise OperatorError(
                "The bank only asks; nothing was taken that could be given up.",
                fix="Answer it with evidence, or refund the payment.",
                code="refund.inquiry",
            )
        known = self.look(open_one.payment_intent)
        self._stripe.gateway().close_dispute(dispute, f"accept-{dispute}")
        self._record(operator, "accepted dispute", known, open_one.cents, note.strip(), dispute)

    def answer_dispute(self, dispute: str, evidence: str, operator: str) -> None:
        """Submit evidence in words, once and for all.

        Raises:
            OperatorError: `refund.no_dispute`, `refund.answered`, `refund.no_evidence`, `stripe.*`, `live.locked`.
        """
        words = evidence.strip()
        open_one = self._open_dispute(dispute)
        if not open_one.to_answer:
            raise OperatorError(
                "Evidence was submitted already; the bank looks at it.",
                fix="Wait for its decision.",
                code="refund.answered",
            )
        if not words or len(words) > LONGEST_EVIDENCE:
            raise OperatorError(
                f"Evidence is a text of up to {LONGEST_EVIDENCE:,} characters.",
                fix="Say what was delivered, when, and to whom.",
                code="refund.no_evidence",
            )
        known = self.look(open_one.payment_intent)
        digest = hashlib.sha256(words.encode()).hexdigest()[:16]
        self._stripe.gateway().answer_dispute(dispute, words, f"evidence-{dispute}-{digest}")
        self._record(operator, "answered dispute", known, open_one.cents, words[:LONGEST_NOTE], dispute)

    def _open_dispute(self, dispute: str) -> MoneyBack:
        with self._store.read() as work:
            found = work.money_back.get(dispute)
        if found is None or found.status not in UNDECIDED:
            raise OperatorError(
                "The dispute is decided, or there is none.", fix="Look at its state again.", code="refund.no_dispute"
            )
        return found

    def _record(self, operator: str, action: str, known: Refundable, cents: int, reason: str, made: str) -> None:
        with self._store.write() as work:
            work.activity.record(
                operator,
                action,
                f"user {known.user.id}",
                before=known.payment_intent,
                after=f"{plain_dollars(cents * MICROS_PER_CENT)} · {made}",
                reason=reason,
            )
            work.commit()
        self._changes.publish(Change("activity", known.user.id), Change("checkouts", known.user.id))


def _refundable(work: Work, payment: str) -> Refundable:
    paid = payment_of(work, payment)
    if paid is None:
        raise _unknown(payment)
    refunds = work.money_back.of_payment(payment, MoneyBackKind.REFUND)
    disputes = tuple(work.money_back.of_payment(payment, MoneyBackKind.DISPUTE))
    return Refundable(
        payment_intent=payment,
        user=paid.user,
        paid_for=paid.paid_for,
        paid_cents=paid.cents,
        refunded_cents=refunded_micros(work, payment) // MICROS_PER_CENT,
        held_cents=work.money_back.held_micros(payment) // MICROS_PER_CENT,
        lost_cents=sum(each.cents for each in disputes if each.is_lost),
        failed=sum(1 for each in refunds if each.status in NOT_REFUNDED),
        disputes=disputes,
    )


def _unknown(what: str) -> OperatorError:
    return OperatorError(
        f"{what or 'This payment'} is not in our books.",
        fix="Fetch missed events on the Webhooks page, then look again.",
        code="refund.unknown",
    )
