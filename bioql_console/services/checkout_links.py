"""Checkout links: one open link for what a user owes."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from bioql_console.domain.checkout import CheckoutLink, CheckoutState, NoCustomer, chargeable_cents
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.money import MICROS_PER_CENT, cents_half_up, plain_dollars
from bioql_console.services.changes import Change, Changes
from bioql_console.services.checkout_refusals import busy, changed
from bioql_console.services.live_lock import unless_locked
from bioql_console.services.ports import Store
from bioql_console.services.settlement import close_excessive_links
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_types import CheckoutRequest, CheckoutSession

# How often to try again when another console is faster.
CLAIMS = 3
# Longer than any call to Stripe takes, its repeats included.
LONGEST_CALL_MS = 3 * 60_000
# Stripe's pages live a day at most.
LONGEST_OPEN_MS = 25 * 3_600_000
CLOCKS_APART_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Recovered:
    """What came of asking Stripe.

    Args:
        changed: Links that stand otherwise now.
        paid: Links that were paid, though no event told so yet.
    """

    changed: int = 0
    paid: int = 0


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

        Should another console make one at the same moment, the database lets one of them through.

        Raises:
            AmountRefused: nothing, too much or too little to charge.
            NoCustomer: the user has no Stripe customer.
            OperatorError: `stripe.*`, `checkout.paying`, `checkout.busy`, `checkout.changed`, `user.unknown`.
        """
        with self._locks[user_id]:  # a double click makes one link after the other, never two at once
            link, customer = self._claim(user_id, asked_micros, operator)
            session = self._ask_stripe(link, customer, success_url, cancel_url)
            opened = self._store_session(link, session)
            if opened.state is not CheckoutState.OPEN:
                opened = self._give_way(opened)
            elif opened.asks_too_much:
                raise changed(opened)
        self._changes.publish(Change("checkouts", user_id))
        return opened

    def _claim(self, user_id: int, asked_micros: int | None, operator: str) -> tuple[CheckoutLink, str]:
        """Store the link before Stripe is asked for it, as the only open one of its balance."""
        for _ in range(CLAIMS):
            link, customer = self._plan(user_id, asked_micros, operator)
            self.close_earlier(user_id)
            with self._store.write() as work:
                if not work.checkouts.add(link):
                    continue
                work.activity.record(
                    operator,
                    "made Checkout link",
                    f"user {user_id}",
                    after=plain_dollars(link.amount_cents * MICROS_PER_CENT),
                )
                work.commit()
            return link, customer
        raise busy(link)

    def _give_way(self, link: CheckoutLink) -> CheckoutLink:
        """Another console made a newer link while Stripe was answering: ours is closed, theirs is used."""
        self._close(link)
        with self._store.read() as work:
            others = work.checkouts.unfinished(link.user_id)
        theirs = next((other for other in others if other.url and other.amount_cents == link.amount_cents), None)
        if theirs is None:
            raise busy(link)
        return theirs

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
            part=cents < cents_half_up(user.balance.owed_micros) - on_its_way,
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

    def _store_session(self, link: CheckoutLink, session: CheckoutSession) -> CheckoutLink:
        """The link with its page. Should less be owed by now, the page is closed again by a message to Stripe."""
        with self._store.write() as work:
            work.ledger.balance(link.user_id)  # held until the end: who lowers it next finds the page
            work.checkouts.opened(link.reference, session.id, session.url, session.expires_ms)
            opened, user = work.checkouts.by_reference(link.reference), work.users.get(link.user_id)
            assert opened is not None
            assert user is not None
            close_excessive_links(work, user, self._now_ms())
            work.commit()
        return opened

    def close_earlier(self, user_id: int) -> None:
        """One open link per balance: two could both be paid.

        Raises:
            OperatorError: `stripe.*`, `checkout.paying`.
        """
        with self._store.read() as work:
            earlier = work.checkouts.unfinished(user_id)
        for link in earlier:
            self._close(link)

    def _close(self, link: CheckoutLink) -> None:
        gateway = self._stripe.gateway()
        session_id = link.session_id
        if not session_id:
            # Nobody has its address: its maker's answer was lost, or is on its way and will find it closed.
            lost = self.find(link)
            session_id = lost.id if lost is not None else self._give_up(link)
            if not session_id:
                return
        try:
            session = gateway.expire_checkout(session_id)
        except OperatorError as error:
            if error.code == "stripe.not_found":
                self._set_state(link.reference, CheckoutState.EXPIRED)
                return
            if error.code != "stripe.refused":
                raise
            session = gateway.retrieve_checkout(session_id)
        if session.status == "complete":
            raise OperatorError(
                f"{link.user_name or 'The user'} has just paid an earlier link; the payment is on its way.",
                fix="Wait for its webhook; it arrives within seconds.",
                code="checkout.paying",
            )
        self._set_state(link.reference, CheckoutState.EXPIRED, session_id)

    def _give_up(self, link: CheckoutLink) -> str:
        """Close a link of which Stripe has no page. Where its maker stored one meanwhile, answer that page's id."""
        with self._store.write() as work:
            now = work.checkouts.by_reference(link.reference)
            if now is not None and now.session_id:
                return now.session_id
            work.checkouts.set_state(link.reference, CheckoutState.EXPIRED)
            work.commit()
        self._changes.publish(Change("checkouts"))
        return ""

    def find(self, link: CheckoutLink) -> CheckoutSession | None:
        """The session that Stripe made of a link whose answer never came. Raises `stripe.*`."""
        with self._store.read() as work:
            user = work.users.get(link.user_id)
        if user is None or user.stripe_customer_id is None:
            return None
        since_ms = link.created_ms - CLOCKS_APART_MS
        return self._stripe.gateway().find_checkout(user.stripe_customer_id, link.reference, since_ms)

    def expire(self, reference: str, operator: str) -> None:
        """Close an open link.

        Raises:
            OperatorError: `checkout.unknown`, `checkout.paying`, `stripe.*`.
        """
        with self._store.read() as work:
            link = work.checkouts.by_reference(reference)
        if link is None:
            raise OperatorError("There is no such link.", fix="Reload the page.", code="checkout.unknown")
        self._close(link)
        with self._store.write() as work:
            work.activity.record(operator, "closed Checkout link", f"user {link.user_id}", before=link.session_id)
            work.commit()
        self._changes.publish(Change("checkouts", link.user_id))

    def recover(self, *, lost_only: bool = False) -> Recovered:
        """Look up how links stand at Stripe, e.g. after a crash or downtime.

        Money is never counted here: only events do that.

        Args:
            lost_only: Only links of which Stripe's answer was lost.

        Raises:
            OperatorError: `stripe.*`.
        """
        now_ms = self._now_ms()
        with self._store.read() as work:
            lost = work.checkouts.without_session(now_ms - LONGEST_OPEN_MS)
            unfinished = [] if lost_only else work.checkouts.unfinished()
        changed, paid = 0, 0
        for link in lost:
            changed += self.settle(link, self.find(link), now_ms)
        for link in unfinished:
            if link.session_id:
                status = self._status(link)
                changed += status == "expired"
                paid += status == "complete"
        return Recovered(changed, paid)

    def settle(self, link: CheckoutLink, session: CheckoutSession | None, now_ms: int) -> bool:
        """Keep what Stripe made of a link whose answer was lost, or close it when a newer link took its place.

        Returns:
            Whether the link stands otherwise now.
        """
        if session is None:
            # Stripe never made it, unless somebody is asking right now.
            if link.state is CheckoutState.EXPIRED or now_ms - link.created_ms < LONGEST_CALL_MS:
                return False
            self._set_state(link.reference, CheckoutState.EXPIRED)
        elif link.state is CheckoutState.CREATING:
            self._store_session(link, session)
            if session.status == "expired":
                self._set_state(link.reference, CheckoutState.EXPIRED)
            self._changes.publish(Change("checkouts", link.user_id))
        elif session.status == "open":
            # By itself: in Live only while settlement is armed. Until then it is found again.
            return unless_locked(Standing.MONEY, lambda: self._close(replace(link, session_id=session.id)))
        else:
            self._set_state(link.reference, link.state, session.id)
        return True

    def _status(self, link: CheckoutLink) -> str:
        """What Stripe says of an open link; a closed one is closed here too. Of a paid one its event will tell."""
        try:
            status = self._stripe.gateway().retrieve_checkout(link.session_id).status
        except OperatorError as error:
            if error.code != "stripe.not_found":
                raise
            status = "expired"
        if status == "expired":
            self._set_state(link.reference, CheckoutState.EXPIRED)
        return status

    def _set_state(self, reference: str, state: CheckoutState, session_id: str = "") -> None:
        with self._store.write() as work:
            work.checkouts.set_state(reference, state, session_id=session_id)
            work.commit()
        self._changes.publish(Change("checkouts"))
