"""Payments that differ from what their link asked for: counted as what was paid, or given back, by an operator.

Their events wait in quarantine with both figures. Either way out names its reason, and everything else that Stripe
tells of the payment then falls into place by itself.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import payment_fact
from bioql_console.domain.money import MICROS_PER_CENT, USD, plain_dollars
from bioql_console.domain.paging import EventQuery
from bioql_console.domain.refunds import RefundReason
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventState, Outcome
from bioql_console.services.changes import Change, Changes
from bioql_console.services.event_content import text_of
from bioql_console.services.ports import Store, Work
from bioql_console.services.settlement import settle_payment
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.user_admin import require_reason

MOST = 100
CHECKOUT = "checkout.session."


@dataclass(frozen=True, slots=True)
class OddPayment:
    """A payment on a Checkout page that waits for a decision.

    Args:
        id: Of its event.
        why: What does not fit, one sentence.
        user: Who paid, as far as we know; else whose link it was.
        amount: In the currency's smallest unit.
        asked_cents: What the link asked for; None when the page is none of ours.
        reference: The link's.
    """

    id: str
    why: str
    payment_intent: str
    user: User | None
    amount: int
    currency: str
    asked_cents: int | None
    reference: str
    at_ms: int

    @property
    def countable(self) -> bool:
        """Whether our books can take it: in USD, by somebody we know."""
        return self.user is not None and self.currency == USD and self.amount > 0

    @property
    def paid(self) -> str:
        """The amount in words; other currencies have other units, so they are left as Stripe counts them."""
        if self.currency == USD:
            return plain_dollars(self.amount * MICROS_PER_CENT)
        return f"{self.amount:,} {self.currency.upper()} units"


def waiting(work: Work) -> tuple[OddPayment, ...]:
    """What waits for a decision, newest first. Bank debits that are still on their way are left out."""
    rows = work.inbox.page(EventQuery(attention=True, types=(CHECKOUT,)), None, MOST).rows
    found: dict[str, OddPayment] = {}
    for row in rows:
        odd = _read(work, row.id, row.reason, row.created_ms)
        if odd is not None:
            found.setdefault(odd.payment_intent, odd)
    return tuple(found.values())


def _read(work: Work, event_id: str, why: str, at_ms: int) -> OddPayment | None:
    event = work.inbox.get(event_id)
    session: Any = json.loads(event.body).get("data", {}).get("object") if event else None
    if not isinstance(session, dict) or session.get("payment_status") != "paid":
        return None
    payment, amount = text_of(session, "payment_intent"), session.get("amount_total")
    if not payment or type(amount) is not int:
        return None
    reference = text_of(session, "client_reference_id")
    link = work.checkouts.by_session(text_of(session, "id")) or work.checkouts.by_reference(reference)
    user = work.users.by_customer(text_of(session, "customer"))
    if user is None and link is not None:
        user = work.users.get(link.user_id)
    return OddPayment(
        id=event_id,
        why=why,
        payment_intent=payment,
        user=user,
        amount=amount,
        currency=text_of(session, "currency"),
        asked_cents=link.amount_cents if link else None,
        reference=link.reference if link else "",
        at_ms=at_ms,
    )


class OddPayments:
    """Decides what becomes of them."""

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        changes: Changes,
        now_ms: Callable[[], int],
        wake_applier: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms
        self._wake_applier = wake_applier

    def count(self, odd: OddPayment, reason: str, operator: str) -> None:
        """Count what was paid for whoever paid it, whatever the link asked for.

        Raises:
            OperatorError: `odd.*`, `user.no_reason`.
        """
        require_reason(reason)
        if not odd.countable or odd.user is None:
            raise OperatorError(
                "These books are in USD and about known customers; this payment is not.",
                fix="Give it back.",
                code="odd.not_countable",
            )
        micros, words = odd.amount * MICROS_PER_CENT, f"Counted by {operator}: {reason}"
        with self._store.write() as work:
            user = odd.user
            if work.ledger.post(payment_fact(odd.payment_intent, user.id, micros, odd.at_ms, words)):
                link = work.checkouts.by_reference(odd.reference)
                if link is not None and link.user_id == user.id:
                    work.checkouts.set_state(link.reference, CheckoutState.PAID, payment_intent=odd.payment_intent)
                about = f"Paid by Checkout {odd.payment_intent}"
                settle_payment(work, user, f"credit-{odd.payment_intent}", odd.amount, odd.at_ms, about)
            outcome = Outcome(EventState.APPLIED, words, odd.payment_intent, user.id, micros)
            self._settle(work, odd, outcome, "counted payment", operator, reason)
            work.commit()
        self._published(user.id)

    def give_back(self, odd: OddPayment, reason: str, operator: str) -> str:
        """Refund all of it; the id of the refund. What the books can take is counted first, so that they show both.

        Raises:
            OperatorError: `odd.*`, `user.no_reason`, `stripe.*`, `live.locked`.
        """
        require_reason(reason)
        with self._store.read() as work:
            _require_waiting(work, odd)
        key = f"given-back-{odd.payment_intent}"
        requested = RefundReason.REQUESTED.value
        made = self._stripe.gateway().refund(odd.payment_intent, odd.amount, requested, reason, operator, key)
        if odd.countable:
            self.count(odd, f"{reason} (given back by {made})", operator)
            return made
        with self._store.write() as work:
            words = f"Given back by {operator}: {reason}"
            user_id = odd.user.id if odd.user else None
            outcome = Outcome(EventState.IGNORED, words, odd.payment_intent, user_id)
            self._settle(work, odd, outcome, "gave payment back", operator, reason)
            work.commit()
        self._published(user_id)
        return made

    def _settle(self, work: Work, odd: OddPayment, outcome: Outcome, action: str, operator: str, reason: str) -> None:
        _require_waiting(work, odd)
        work.inbox.reopen(odd.id)
        work.inbox.settle(odd.id, outcome, self._now_ms())
        # Its refund may have been heard of, and its other events wait as well.
        work.inbox.reopen_about(odd.payment_intent)
        subject = f"user {odd.user.id}" if odd.user else odd.payment_intent
        after = f"{odd.paid} · {odd.payment_intent}"
        asked = "" if odd.asked_cents is None else plain_dollars(odd.asked_cents * MICROS_PER_CENT)
        work.activity.record(operator, action, subject, before=asked, after=after, reason=reason)

    def _published(self, user_id: int | None) -> None:
        self._wake_applier()
        topics = ("events", "balances", "checkouts", "outbox", "activity")
        self._changes.publish(*(Change(topic, user_id) for topic in topics))


def _require_waiting(work: Work, odd: OddPayment) -> None:
    if odd.payment_intent not in {each.payment_intent for each in waiting(work)}:
        raise OperatorError(
            "This payment was decided meanwhile.", fix="Look at its events on the Webhooks page.", code="odd.decided"
        )
