"""Making a user: Stripe first, then user and key in one transaction."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from bioql_console.domain.ledger import welcome_credit_fact
from bioql_console.domain.users import ApiKey, NewUser, User, clean_email, clean_name, new_api_key
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess


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
            OperatorError: `stripe.*` when Stripe can't be asked; nothing was made.
        """
        name, email = clean_name(name), clean_email(email)
        with self._store.read() as work:
            if work.users.by_email(email) is not None:
                raise EmailTaken(email)
        customer = None
        if create_stripe_account and self._stripe.enabled:
            customer = self._create_customer(name, email, payment_method_id)
        key = new_api_key()
        user = self._store_user(
            NewUser(name, email, ApiKey.of(key), self._now_ms(), stripe_customer_id=customer), operator
        )
        self._changes.publish(Change("users", user.id), Change("balances", user.id))
        return Registered(user, key, customer is not None)

    def _create_customer(self, name: str, email: str, payment_method_id: str | None) -> str:
        from bioql_console.services.stripe_errors import CardRefused

        gateway = self._stripe.gateway()
        # Made from the address and the request: a crash before our commit finds the same customer again.
        request = hashlib.sha256(f"{email}\n{name}\n{payment_method_id or ''}".encode()).hexdigest()[:32]
        customer = gateway.create_customer(name, email, request, f"register-{request}")
        if payment_method_id:
            try:
                gateway.attach_payment_method(customer, payment_method_id, f"register-{request}")
            except CardRefused as refused:
                raise PaymentRefused(str(refused)) from refused
        return customer

    def _store_user(self, new_user: NewUser, operator: str) -> User:
        with self._store.write() as work:
            user = work.users.add(new_user)
            if user is None:
                raise EmailTaken(new_user.email)
            if self._welcome_credit_micros:
                work.ledger.post(welcome_credit_fact(user.id, self._welcome_credit_micros, new_user.created_ms))
            work.activity.record(operator, "registered user", f"user {user.id}", after=new_user.email)
            stored = work.users.get(user.id)
            work.commit()
        return stored or user
