"""Making a user: Stripe first, then user and key in one transaction."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import welcome_credit_fact
from bioql_console.domain.users import ApiKey, NewUser, User, clean_email, clean_name, new_api_key
from bioql_console.services.changes import Change, Changes
from bioql_console.services.customer_accounts import CustomerAccount, find_or_make
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.ports import Store
from bioql_console.services.settlement import mirror
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_errors import FINAL, CardRefused
from bioql_console.services.stripe_types import MeteredSubscription
from bioql_console.services.turns import Turns


class EmailTaken(Exception):
    """Somebody is registered with this address."""


class PaymentRefused(Exception):
    """Stripe refused the card or the customer; no user and no key exist. The message is the reason."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A new user. The key is shown once and kept nowhere but as a hash."""

    user: User
    api_key: str
    stripe_customer_created: bool


@dataclass(frozen=True, slots=True)
class _StripeSide:
    """What a new user has at Stripe."""

    customer: CustomerAccount
    subscription: MeteredSubscription | None


class Registration:
    """Registers users.

    Args:
        welcome_credit_micros: Credit each new user starts with.
        invoice_threshold_cents: At which usage Stripe is to make an invoice.
    """

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        meter: MeterSetup,
        changes: Changes,
        now_ms: Callable[[], int],
        welcome_credit_micros: int,
        invoice_threshold_cents: int,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._meter = meter
        self._changes = changes
        self._now_ms = now_ms
        self._welcome_credit_micros = welcome_credit_micros
        self._invoice_threshold_cents = invoice_threshold_cents
        self._turns: Turns[str, Registered] = Turns()

    def register(
        self,
        name: object,
        email: object,
        payment_method_id: str | None = None,
        create_stripe_account: bool = True,
        operator: str = "system",
    ) -> Registered:
        """Register a user; with Stripe off, or when asked so, without a Stripe customer.

        Raises:
            ValueError: name or e-mail can't be.
            EmailTaken: the address is registered.
            PaymentRefused: the card was refused; nothing was made.
            OperatorError: `stripe.*` when Stripe can't be asked; there is no user then.
        """
        name, email = clean_name(name), clean_email(email)
        with_stripe = create_stripe_account and self._stripe.enabled

        def work() -> Registered:
            return self._register(name, email, payment_method_id, with_stripe, operator)

        registered = self._turns.take(email, work)
        user_id = registered.user.id
        topics = ("users", "balances", "activity", "outbox")
        self._changes.publish(*(Change(topic, user_id) for topic in topics))
        return registered

    def _register(
        self, name: str, email: str, payment_method_id: str | None, with_stripe: bool, operator: str
    ) -> Registered:
        with self._store.read() as work:
            if work.users.by_email(email) is not None:
                raise EmailTaken(email)
        side = self._at_stripe(name, email, payment_method_id) if with_stripe else None
        key = new_api_key()
        subscription = side.subscription if side else None
        new_user = NewUser(
            name,
            email,
            ApiKey.of(key),
            # By Stripe's clock, where it bills the user: see `settlement.billed_from_ms`.
            subscription.started_ms if subscription else self._now_ms(),
            stripe_customer_id=side.customer.id if side else None,
            stripe_subscription_id=subscription.id if subscription else None,
            threshold_by=subscription.threshold_by if subscription else None,
        )
        return Registered(self._store_user(new_user, operator), key, side is not None)

    def _at_stripe(self, name: str, email: str, payment_method_id: str | None) -> _StripeSide:
        gateway = self._stripe.gateway()
        try:
            customer = find_or_make(gateway, name, email)
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
            raise PaymentRefused(error.what) from error
        if not payment_method_id:
            # Without a card nothing can be collected by itself; what is owed is paid by link.
            return _StripeSide(customer, None)
        try:
            key = f"{customer.reference}-{customer.id}-{payment_method_id}"
            gateway.attach_payment_method(customer.id, payment_method_id, key)
            return _StripeSide(customer, self._subscribe(customer))
        except CardRefused as refused:
            self._take_back(customer)
            raise PaymentRefused(str(refused)) from refused
        except OperatorError as error:
            if error.code not in FINAL:
                raise  # the next attempt finds the customer and goes on with it
            self._take_back(customer)
            raise PaymentRefused(error.what) from error

    def _subscribe(self, customer: CustomerAccount) -> MeteredSubscription:
        """A metered subscription; the same one again when an earlier attempt had made it."""
        price = self._meter.ready_price()
        key = f"{customer.reference}-{customer.id}-subscription"
        return self._stripe.gateway().subscribe(customer.id, price, self._invoice_threshold_cents, key)

    def _take_back(self, customer: CustomerAccount) -> None:
        """Leave no customer without a user. If that fails, the next attempt finds it."""
        if customer.made:
            with suppress(OperatorError):
                self._stripe.gateway().delete_customer(customer.id)

    def _store_user(self, new_user: NewUser, operator: str) -> User:
        with self._store.write() as work:
            user = work.users.add(new_user)
            if user is None:
                # Another process was faster. Its user may have the same Stripe customer, so that one stays.
                raise EmailTaken(new_user.email)
            if self._welcome_credit_micros:
                micros, at_ms = self._welcome_credit_micros, new_user.created_ms
                work.ledger.post(welcome_credit_fact(user.id, micros, at_ms))
                mirror(work, user, f"welcome-{user.id}", -micros, at_ms, "Welcome credit")
            after = f"{new_user.email} · {new_user.stripe_customer_id or 'no Stripe customer'} · {new_user.key.hint}"
            work.activity.record(operator, "registered user", f"user {user.id}", after=after)
            stored = work.users.get(user.id)
            work.commit()
        assert stored is not None
        return stored
