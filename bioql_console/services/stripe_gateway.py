"""Stripe, in our words. It can't tell the sandbox from Stripe, nor can its callers."""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit

import stripe

from bioql_console.domain import meter as expected
from bioql_console.domain.environment import Environment, check_secret_key
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import Meter, MeteredPrice
from bioql_console.domain.money import USD
from bioql_console.services import stripe_types
from bioql_console.services.stripe_errors import Failure, not_understood, wrong_mode
from bioql_console.services.stripe_transport import (
    Answer,
    Limits,
    LockedInLive,
    StripeActivity,
    StripeTraffic,
    WriteGuard,
)
from bioql_console.services.stripe_types import CheckoutRequest, CheckoutSession, Content, StripeAccount, StripeEvent

LINE_NAME = "BioQL Quantum Computing Usage"
PAGE = 100
R = TypeVar("R")

stripe.enable_telemetry = False
# Its debug lines quote whole requests.
logging.getLogger("stripe").setLevel(logging.CRITICAL)


class _Door(stripe.HTTPClient):
    """Lets stripe-python send through `StripeTraffic` only; a session per thread, since sessions can't be shared."""

    name = "requests"

    def __init__(self, traffic: StripeTraffic, limits: Limits, *, trust_env: bool) -> None:
        super().__init__()
        self._traffic = traffic
        self._limits = limits
        self._trust_env = trust_env
        self._threads = threading.local()

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_usage: Any
    ) -> Answer:
        return self._traffic.send(method, url, lambda: self._client().request(method, url, headers, post_data))

    def _client(self) -> stripe.RequestsClient:
        client: stripe.RequestsClient | None = getattr(self._threads, "client", None)
        if client is None:
            session = stripe.RequestsClient().requests.Session()
            session.trust_env = self._trust_env
            # Otherwise an entry in ~/.netrc would replace our key.
            session.auth = lambda prepared: prepared
            session.max_redirects = 0
            limits = (self._limits.connect_s, self._limits.read_s)
            client = self._threads.client = stripe.RequestsClient(timeout=limits, session=session)
        return client

    def close(self) -> None:
        self._traffic.close()


class StripeGateway:
    """Blocking calls, safe from several threads. All raise OperatorError `stripe.*` or `live.locked`.

    Args:
        base: Address of the sandbox; None for Stripe.
        guard: Decides which requests may leave; by default nothing but GET leaves in Live.

    Raises:
        OperatorError: `key.*` when the key doesn't belong to the environment.
    """

    def __init__(
        self,
        secret_key: str,
        environment: Environment,
        base: str | None = None,
        *,
        guard: WriteGuard | None = None,
        limits: Limits | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        if environment is Environment.SANDBOX and not base:
            raise ValueError("the sandbox has an address of its own")
        limits = limits or Limits()
        self._environment = environment
        self._traffic = StripeTraffic(guard or LockedInLive(environment), limits, now_ms)
        # The machine's proxy is for the way out; the sandbox is on this machine.
        door = _Door(self._traffic, limits, trust_env=base is None)
        # A base address that is left out would still leave for stripe.com.
        bases: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), base) if base else None
        self._v1 = stripe.StripeClient(
            check_secret_key(secret_key, environment),
            base_addresses=bases,
            max_network_retries=limits.network_retries,
            http_client=door,
        ).v1

    @property
    def activity(self) -> StripeActivity:
        """When Stripe last answered well, and how fast."""
        return self._traffic.activity

    def close(self) -> None:
        """End pauses in hand; calls go on without waiting."""
        self._traffic.close()

    def account(self) -> StripeAccount:
        return self._read(stripe_types.account, self._ask(self._v1.accounts.retrieve_current))

    # Customers

    def create_customer(self, name: str, email: str, reference: str, idempotency_key: str) -> str:
        """The new customer's id. `reference` finds it again, see `find_customer`."""
        params: Any = {"name": name, "email": email, "metadata": {"bioql_reference": reference}}
        made = self._ask(lambda: self._v1.customers.create(params, {"idempotency_key": idempotency_key}))
        if not self._customer_exists(made["id"]):
            # Stripe repeats its old answer to a key, even when that customer was deleted since.
            again = f"{idempotency_key}-{uuid.uuid4().hex}"
            made = self._ask(lambda: self._v1.customers.create(params, {"idempotency_key": again}))
        return str(made["id"])

    def _customer_exists(self, customer: str) -> bool:
        try:
            return not self._ask(lambda: self._v1.customers.retrieve(customer)).get("deleted")
        except OperatorError as error:
            if error.code != "stripe.not_found":
                raise
            return False

    def find_customer(self, email: str, reference: str) -> str | None:
        """The oldest customer with this address that we made under this reference.

        Stripe's list is up to date at once, unlike its search.
        """
        found = self._all(lambda: self._v1.customers.list({"email": email, "limit": PAGE}))
        ours = [one for one in found if (one.get("metadata") or {}).get("bioql_reference") == reference]
        return str(min(ours, key=lambda one: int(one.get("created") or 0))["id"]) if ours else None

    def delete_customer(self, customer: str) -> None:
        self._ask(lambda: self._v1.customers.delete(customer))

    def attach_payment_method(self, customer: str, payment_method: str, idempotency_key: str) -> None:
        """Attach and make it the default for invoices.

        Raises:
            CardRefused: the card can't be used.
        """
        attached = self._ask(
            lambda: self._v1.payment_methods.attach(
                payment_method, {"customer": customer}, {"idempotency_key": f"{idempotency_key}-attach"}
            )
        )
        default: Any = {"invoice_settings": {"default_payment_method": attached["id"]}}
        self._ask(
            lambda: self._v1.customers.update(customer, default, {"idempotency_key": f"{idempotency_key}-default"})
        )

    def credit_balance(self, customer: str, cents: int, idempotency_key: str, description: str) -> None:
        """Lower what the next metered invoice collects by `cents`; negative cents take credit back.

        Stripe forgets idempotency keys after a day, so the key is stored with the credit and looked for first.
        """
        if any((one.get("metadata") or {}).get("bioql_key") == idempotency_key for one in self._credits(customer)):
            return
        params: Any = {"amount": -cents, "currency": USD, "description": description}
        params["metadata"] = {"bioql_key": idempotency_key}
        self._ask(
            lambda: self._v1.customers.balance_transactions.create(
                customer, params, {"idempotency_key": idempotency_key}
            )
        )

    def _credits(self, customer: str) -> Iterator[Content]:
        return self._all(lambda: self._v1.customers.balance_transactions.list(customer, {"limit": PAGE}))

    # Checkout

    def create_checkout(self, request: CheckoutRequest) -> CheckoutSession:
        """A hosted payment page. The reference is the idempotency key, so asking again gives the same page."""
        price: Any = {"currency": USD, "unit_amount": request.amount_cents, "product_data": {"name": LINE_NAME}}
        params: Any = {
            "mode": "payment",
            "customer": request.customer,
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "client_reference_id": request.reference,
            "metadata": request.metadata,
            "payment_intent_data": {"metadata": request.metadata},
        }
        options: Any = {"idempotency_key": request.reference}
        return self._session(lambda: self._v1.checkout.sessions.create(params, options))

    def retrieve_checkout(self, session_id: str) -> CheckoutSession:
        return self._session(lambda: self._v1.checkout.sessions.retrieve(session_id))

    def expire_checkout(self, session_id: str) -> CheckoutSession:
        """Close an open page. Stripe refuses (`stripe.refused`) when it is paid or expired already."""
        return self._session(lambda: self._v1.checkout.sessions.expire(session_id))

    def find_checkout(self, customer: str, reference: str) -> CheckoutSession | None:
        """The customer's session with this reference, if Stripe has one."""
        found = self._all(lambda: self._v1.checkout.sessions.list({"customer": customer, "limit": PAGE}))
        ours = (one for one in found if one.get("client_reference_id") == reference)
        return next((self._read(stripe_types.checkout_session, one) for one in ours), None)

    def _session(self, call: Callable[[], Any]) -> CheckoutSession:
        return self._read(stripe_types.checkout_session, self._ask(call))

    # Meter, price and usage

    def find_meter(self, event_name: str) -> Meter | None:
        """The meter with this event name, an active one first."""
        found = self._all(lambda: self._v1.billing.meters.list({"limit": PAGE}))
        meters = [self._read(stripe_types.meter, one) for one in found if one.get("event_name") == event_name]
        return min(meters, key=lambda meter: not meter.active, default=None)

    def create_meter(self) -> Meter:
        """The meter that BioQL's usage is counted by. The key keeps two consoles from making two."""
        params: Any = {
            "display_name": expected.METER_NAME,
            "event_name": expected.EVENT_NAME,
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": expected.CUSTOMER_KEY},
            "value_settings": {"event_payload_key": expected.VALUE_KEY},
        }
        options: Any = {"idempotency_key": f"bioql-meter-{expected.EVENT_NAME}"}
        return self._read(stripe_types.meter, self._ask(lambda: self._v1.billing.meters.create(params, options)))

    def find_price(self, lookup_key: str) -> MeteredPrice | None:
        """The price with this lookup key; Stripe lets only one have it."""
        params: Any = {"lookup_keys": [lookup_key], "limit": 1}
        return next((self._price(one) for one in self._all(lambda: self._v1.prices.list(params))), None)

    def find_product(self, name: str) -> str | None:
        """Id of the active product with this name."""
        found = self._all(lambda: self._v1.products.list({"active": True, "limit": PAGE}))
        return next((str(one["id"]) for one in found if one.get("name") == name), None)

    def create_price(self, meter_id: str) -> MeteredPrice:
        """The metered price of one cent a unit; its product is made when there is none of that name."""
        product = self.find_product(expected.PRODUCT_NAME)
        params: Any = {
            "currency": USD,
            "unit_amount": expected.UNIT_AMOUNT_CENTS,
            "lookup_key": expected.PRICE_LOOKUP_KEY,
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter_id},
            **({"product": product} if product else {"product_data": {"name": expected.PRODUCT_NAME}}),
        }
        key = f"bioql-price-{expected.PRICE_LOOKUP_KEY}-{meter_id}-{product or 'new'}"
        return self._price(self._ask(lambda: self._v1.prices.create(params, {"idempotency_key": key})))

    def _price(self, found: Content) -> MeteredPrice:
        product = stripe_types.id_of(found.get("product"))
        name = self._ask(lambda: self._v1.products.retrieve(product)).get("name") if product else ""
        return self._read(lambda content: stripe_types.price(content, str(name or "")), found)
