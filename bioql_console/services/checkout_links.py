"""Checkout links: one open link for what a user owes."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable

from bioql_console.domain.checkout import CheckoutLink, CheckoutState, chargeable_cents
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_types import CheckoutRequest, CheckoutSession


class NoCustomer(Exception):
    """The user has no Stripe customer and can't pay. The message is the sentence deployed clients know."""

    def __init__(self) -> None:
        super().__init__("No Stripe customer ID found")


class CheckoutLinks:
    """Makes, closes and follows Checkout links."""

    def __init__(
        self, store: Store, stripe: StripeAccess, changes: Changes, now_ms: Callable[[], int], environment: Environment
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms
        self._environment = environment
        self._locks: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)

    def open(
        self, user_id: int, *, asked_micros: int | None = None, success_url: str, cancel_url: str, operator: str
    ) -> CheckoutLink:
        """A link for what the user owes, or for less; an earlier open link is closed first.

        Raises:
            AmountRefused: nothing, too much or too little to charge.
            NoCustomer: the user has no Stripe customer.
            OperatorError: `stripe.*`, `checkout.paying`, `user.unknown`.
        """
        with self._locks[user_id]:  # a double click makes one link after the other, never two at once
            link, customer = self._plan(user_id, asked_micros, operator)
            self._close_earlier(user_id)
            with self._store.write() as work:
                work.checkouts.add(link)
                work.activity.record(
                    operator,
                    "made Checkout link",
                    f"user {user_id}",
                    after=plain_dollars(link.amount_cents * MICROS_PER_CENT),
                )
                work.commit()
            session = self._ask_stripe(link, customer, success_url, cancel_url)
            opened = self._store_session(link.reference, session)
        self._changes.publish(Change("checkouts", user_id))
        return opened

    def _plan(self, user_id: int, asked_micros: int | None, operator: str) -> tuple[CheckoutLink, str]:
        with self._store.read() as work:
            user = work.users.get(user_id)
            on_its_way = work.checkouts.processing_cents(user_id)
        if user is None:
            raise OperatorError(f"There is no user {user_id}.", fix="Search for the user again.", code="user.unknown")
        cents = chargeable_cents(user.balance, asked_micros, on_its_way)
        if user.stripe_customer_id is None:
            raise NoCustomer
        link = CheckoutLink(
            reference=f"bioql-{self._environment.value}-{user_id}-{user.balance.version}-{uuid.uuid4().hex[:16]}",
            user_id=user_id,
            amount_cents=cents,
            balance_version=user.balance.version,
            state=CheckoutState.CREATING,
            created_ms=self._now_ms(),
            operator=operator,
            user_name=user.name,
        )
        return link, user.stripe_customer_id

    def _ask_stripe(self, link: CheckoutLink, customer: str, success_url: str, cancel_url: str) -> CheckoutSession:
        metadata = {
            "bioql_reference": link.reference,
            "bioql_user_id": str(link.user_id),
            "bioql_balance_version": str(link.balance_version),
            "bioql_environment": self._environment.value,
        }
        request = CheckoutRequest(customer, link.amount_cents, link.reference, success_url, cancel_url, metadata)
        try:
            return self._stripe.gateway().create_checkout(request)
        except OperatorError as error:
            # Unreachable: the session may exist all the same; `recover` or its event will tell. Refused: it doesn't.
            if error.code not in ("stripe.unreachable", "stripe.failed"):
                self._set_state(link.reference, CheckoutState.FAILED)
            raise

    def _store_session(self, reference: str, session: CheckoutSession) -> CheckoutLink:
        with self._store.write() as work:
            work.checkouts.opened(reference, session.id, session.url, session.expires_ms)
            link = work.checkouts.by_reference(reference)
            work.commit()
        assert link is not None
        return link

    def _close_earlier(self, user_id: int) -> None:
        """One open link per balance: two could both be paid."""
        with self._store.read() as work:
            earlier = work.checkouts.unfinished(user_id)
        for link in earlier:
            if link.session_id:
                self._close(link)
            else:
                self._set_state(link.reference, CheckoutState.EXPIRED)

    def _close(self, link: CheckoutLink) -> None:
        gateway = self._stripe.gateway()
        try:
            session = gateway.expire_checkout(link.session_id)
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
            session = gateway.retrieve_checkout(link.session_id)
        if session.status == "complete":
            raise OperatorError(
                f"{link.user_name or 'The user'} has just paid an earlier link; the payment is on its way.",
                fix="Wait for its webhook; it arrives within seconds.",
                code="checkout.paying",
            )
        self._set_state(link.reference, CheckoutState.EXPIRED)

    def expire(self, reference: str, operator: str) -> None:
        """Close an open link.

        Raises:
            OperatorError: `checkout.unknown`, `checkout.paying`, `stripe.*`.
        """
        with self._store.read() as work:
            link = work.checkouts.by_reference(reference)
        if link is None:
            raise OperatorError("There is no such link.", fix="Reload the page.", code="checkout.unknown")
        if link.session_id:
            self._close(link)
        else:
            self._set_state(reference, CheckoutState.EXPIRED)
        with self._store.write() as work:
            work.activity.record(operator, "closed Checkout link", f"user {link.user_id}", before=link.session_id)
            work.commit()
        self._changes.publish(Change("checkouts", link.user_id))

    def recover(self) -> int:
        """Look up how open links stand at Stripe, e.g. after a crash or downtime. Returns how many changed.

        Money is never counted here: only events do that.
        """
        with self._store.read() as work:
            unfinished = work.checkouts.unfinished()
        changed = 0
        for link in unfinished:
            state = self._state_at_stripe(link)
            if state is not link.state:
                self._set_state(link.reference, state)
                changed += 1
        return changed

    def _state_at_stripe(self, link: CheckoutLink) -> CheckoutState:
        if not link.session_id:
            # Its event, should the session exist, names our reference and is applied all the same.
            return CheckoutState.EXPIRED
        session = self._stripe.gateway().retrieve_checkout(link.session_id)
        if session.status == "expired":
            return CheckoutState.EXPIRED
        return CheckoutState.PROCESSING if session.status == "complete" else link.state

    def _set_state(self, reference: str, state: CheckoutState) -> None:
        with self._store.write() as work:
            work.checkouts.set_state(reference, state)
            work.commit()
        self._changes.publish(Change("checkouts"))
