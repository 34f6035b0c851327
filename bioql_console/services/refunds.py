"""Refunds that operators start, and disputes that they give up. The books follow Stripe's events, as always."""

from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.refunds import MoneyBackKind, Refundable, RefundReason
from bioql_console.services.changes import Change, Changes
from bioql_console.services.money_back_decisions import refunded_micros
from bioql_console.services.payments import payment_of
from bioql_console.services.ports import Store, Work
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.user_admin import UserAdmin


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
        if not note.strip():
            raise OperatorError(
                "This needs a reason.", fix="Say why, for whoever reads the activity trail.", code="user.no_reason"
            )
        known = self.look(seen.payment_intent)
        if known.refunded_cents != seen.refunded_cents:
            raise OperatorError(
                "Something was refunded of this payment meanwhile.",
                fix="Look at what is left, then decide.",
                code="refund.changed",
            )
        if not 0 < cents <= known.left_cents:
            raise OperatorError(
                f"{plain_dollars(known.left_cents * MICROS_PER_CENT)} of this payment can be refunded.",
                fix="Enter that or less.",
                code="refund.amount",
            )
        key = f"refund-{seen.payment_intent}-{seen.refunded_cents}-{cents}"
        made = self._stripe.gateway().refund(seen.payment_intent, cents, reason.value, note.strip(), operator, key)
        self._record(operator, "refunded", known, cents, f"{note.strip()} ({reason.value.replace('_', ' ')})", made)
        if forgive:
            words = f"Forgiven with refund {made}: {note.strip()}"
            self._users.adjust(known.user.id, -cents * MICROS_PER_CENT, operator, words, f"forgive-{made}")
        return made

    def accept_dispute(self, payment_intent: str, operator: str, note: str) -> str:
        """Let the cardholder keep the money of an open dispute. Stripe's id of the dispute.

        Raises:
            OperatorError: `refund.no_dispute`, `stripe.*`, `live.locked`.
        """
        known = self.look(payment_intent)
        gateway = self._stripe.gateway()
        dispute = gateway.open_dispute(payment_intent)
        if dispute is None:
            raise OperatorError(
                "This payment has no open dispute.", fix="Look at its state again.", code="refund.no_dispute"
            )
        gateway.close_dispute(dispute, f"accept-{dispute}")
        self._record(operator, "accepted dispute", known, known.held_cents, note.strip(), dispute)
        return dispute

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
    disputes = tuple(work.money_back.of_payment(payment, MoneyBackKind.DISPUTE))
    return Refundable(
        payment_intent=payment,
        user=paid.user,
        paid_for=paid.paid_for,
        paid_cents=paid.cents,
        refunded_cents=refunded_micros(work, payment) // MICROS_PER_CENT,
        held_cents=work.money_back.held_micros(payment) // MICROS_PER_CENT,
        lost_cents=sum(each.cents for each in disputes if each.is_lost),
        disputes=disputes,
    )


def _unknown(what: str) -> OperatorError:
    return OperatorError(
        f"{what or 'This payment'} is not in our books.",
        fix="Fetch missed events on the Webhooks page, then look again.",
        code="refund.unknown",
    )
