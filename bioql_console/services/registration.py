"""Making a user: Stripe first, then user and key in one transaction."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import welcome_credit_fact
from bioql_console.domain.users import ApiKey, NewUser, User, clean_email, clean_name, new_api_key
from bioql_console.services.changes import Change, Changes
from bioql_console.services.customer_accounts import CustomerAccount, find_or_make
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_errors import FINAL, CardRefused
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


class Registration:
    """Registers users.

    Args:
        welcome_credit_micros: Credit each new user starts with.
    """

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        changes: Changes,
        now_ms: Callable[[], int],
        welcome_credit_micros: int,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms
        self._welcome_credit_micros = welcome_credit_micros
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
        self._changes.publish(Change("users", user_id), Change("balances", user_id), Change("activity", user_id))
        return registered

    def _register(
        self, name: str, email: str, payment_method_id: str | None, with_stripe: bool, operator: str
    ) -> Registered:
        with self._store.read() as work:
            if work.users.by_email(email) is not None:
                raise EmailTaken(email)
        customer = self._customer(name, email, payment_method_id) if with_stripe else None
        key = new_api_key()
        customer_id = customer.id if customer else None
        new_user = NewUser(name, email, ApiKey.of(key), self._now_ms(), stripe_customer_id=customer_id)
        return Registered(self._store_user(new_user, operator), key, customer is not None)

    def _customer(self, name: str, email: str, payment_method_id: str | None) -> CustomerAccount:
        gateway = self._stripe.gateway()
        try:
            customer = find_or_make(gateway, name, email)
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
            raise PaymentRefused(error.what) from error
        if payment_method_id:
            try:
                key = f"{customer.reference}-{customer.id}-{payment_method_id}"
                gateway.attach_payment_method(customer.id, payment_method_id, key)
            except CardRefused as refused:
                self._take_back(customer)
                raise PaymentRefused(str(refused)) from refused
            except OperatorError as error:
                if error.code not in FINAL:
                    raise  # the next attempt finds the customer and goes on with it
                self._take_back(customer)
                raise PaymentRefused(error.what) from error
        return customer

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
                work.ledger.post(welcome_credit_fact(user.id, self._welcome_credit_micros, new_user.created_ms))
            after = f"{new_user.email} · {new_user.stripe_customer_id or 'no Stripe customer'} · {new_user.key.hint}"
            work.activity.record(operator, "registered user", f"user {user.id}", after=after)
            stored = work.users.get(user.id)
            work.commit()
        assert stored is not None
        return stored
