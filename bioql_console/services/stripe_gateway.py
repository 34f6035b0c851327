"""Stripe, in our words. It can't tell the sandbox from Stripe, nor can its callers."""

import logging
from typing import Any

import stripe

from bioql_console.domain import meter as expected
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import Meter, MeteredPrice
from bioql_console.services.stripe_errors import explained
from bioql_console.services.stripe_transport import (
    NETWORK_RETRIES,
    GuardedClient,
    LockedInLive,
    StripeTraffic,
    WriteGuard,
)
from bioql_console.services.stripe_types import CheckoutRequest, CheckoutSession, StripeAccount

LINE_NAME = "BioQL Quantum Computing Usage"

stripe.enable_telemetry = False
# Its debug lines quote whole requests.
logging.getLogger("stripe").setLevel(logging.CRITICAL)


class StripeGateway:
    """Blocking calls; use from a worker thread. All raise OperatorError `stripe.*`; see `stripe_errors`.

    Args:
        base: Address of the sandbox; None for Stripe.
    """

    def __init__(
        self, secret_key: str, environment: Environment, *, base: str | None = None, guard: WriteGuard | None = None
    ) -> None:
        self.traffic = StripeTraffic()
        self._environment = environment
        http = GuardedClient(guard or LockedInLive(environment), self.traffic)
        # A base address that is left out would still leave for stripe.com.
        bases: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), base) if base else {}
        self._client = stripe.StripeClient(
            secret_key, base_addresses=bases, max_network_retries=NETWORK_RETRIES, http_client=http
        )
        self._v1 = self._client.v1

    def account(self) -> StripeAccount:
        with explained():
            found = self._v1.accounts.retrieve_current().to_dict()
        name = (
            (found.get("settings") or {}).get("dashboard", {}).get("display_name")
            or (found.get("business_profile") or {}).get("name")
            or found.get("email")
            or "Stripe"
        )
        return StripeAccount(found["id"], str(name))

    # --- customers ---

    def create_customer(self, name: str, email: str, reference: str, idempotency_key: str) -> str:
        """The new customer's id. `reference` finds it again in Stripe's dashboard."""
        with explained():
            customer = self._v1.customers.create(
                {"name": name, "email": email, "metadata": {"bioql_reference": reference}},
                {"idempotency_key": idempotency_key},
            )
        return str(self._ours(customer)["id"])

    def delete_customer(self, customer: str) -> None:
        with explained():
            self._v1.customers.delete(customer)

    def attach_payment_method(self, customer: str, payment_method: str, idempotency_key: str) -> None:
        """Attach and make it the default for invoices.

        Raises:
            CardRefused: the card can't be used.
        """
        with explained():
            attached = self._v1.payment_methods.attach(
                payment_method, {"customer": customer}, {"idempotency_key": f"{idempotency_key}-attach"}
            )
            self._v1.customers.update(
                customer,
                {"invoice_settings": {"default_payment_method": attached.id}},
                {"idempotency_key": f"{idempotency_key}-default"},
            )

    def credit_balance(self, customer: str, cents: int, idempotency_key: str, description: str) -> None:
        """Lower what the next metered invoice collects by `cents`; a negative amount takes credit back."""
        with explained():
            self._v1.customers.balance_transactions.create(
                customer,
                {"amount": -cents, "currency": "usd", "description": description},
                {"idempotency_key": idempotency_key},
            )

    # --- Checkout ---

    def create_checkout(self, request: CheckoutRequest) -> CheckoutSession:
        """A hosted payment page. The reference is the idempotency key, so asking again gives the same page."""
        line = {
            "quantity": 1,
            "price_data": {
                "currency": "usd",
                "unit_amount": request.amount_cents,
                "product_data": {"name": LINE_NAME},
            },
        }
        params: Any = {
            "mode": "payment",
            "customer": request.customer,
            "line_items": [line],
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "client_reference_id": request.reference,
            "metadata": request.metadata,
            "payment_intent_data": {"metadata": request.metadata},
        }
        with explained():
            session = self._v1.checkout.sessions.create(params, {"idempotency_key": request.reference})
        return self._session(session)

    def retrieve_checkout(self, session_id: str) -> CheckoutSession:
        with explained():
            return self._session(self._v1.checkout.sessions.retrieve(session_id))

    def expire_checkout(self, session_id: str) -> CheckoutSession:
        """Close an open page. Stripe refuses when it is paid or expired already."""
        with explained():
            return self._session(self._v1.checkout.sessions.expire(session_id))

    def _session(self, session: stripe.StripeObject) -> CheckoutSession:
        found = self._ours(session)
        return CheckoutSession(
            id=found["id"],
            url=found.get("url") or "",
            status=found.get("status") or "",
            payment_status=found.get("payment_status") or "",
            payment_intent=_id(found.get("payment_intent")),
            amount_cents=found.get("amount_total") or 0,
            currency=found.get("currency") or "",
            customer=_id(found.get("customer")),
            expires_ms=(found.get("expires_at") or 0) * 1000,
            reference=found.get("client_reference_id") or "",
        )

    # --- meter and price ---

    def find_meter(self, event_name: str) -> Meter | None:
        """The meter with this event name, an active one first."""
        with explained():
            meters = list(self._v1.billing.meters.list({"limit": 100}).auto_paging_iter())
        found = [_meter(self._ours(meter)) for meter in meters if meter.event_name == event_name]
        return min(found, key=lambda meter: not meter.active, default=None)

    def create_meter(self) -> Meter:
        """The meter that BioQL's usage is counted by. The key keeps two consoles from making two."""
        with explained():
            meter = self._v1.billing.meters.create(
                {
                    "display_name": expected.METER_NAME,
                    "event_name": expected.EVENT_NAME,
                    "default_aggregation": {"formula": "sum"},
                    "customer_mapping": {"type": "by_id", "event_payload_key": expected.CUSTOMER_KEY},
                    "value_settings": {"event_payload_key": expected.VALUE_KEY},
                },
                {"idempotency_key": f"bioql-meter-{expected.EVENT_NAME}"},
            )
        return _meter(self._ours(meter))

    def find_price(self, lookup_key: str) -> MeteredPrice | None:
        """The price with this lookup key; Stripe lets only one have it."""
        with explained():
            prices = self._v1.prices.list({"lookup_keys": [lookup_key], "limit": 1, "expand": ["data.product"]}).data
        return _price(self._ours(prices[0])) if prices else None

    def create_price(self, meter_id: str) -> MeteredPrice:
        """The metered price of one cent a unit, with its product."""
        with explained():
            price = self._v1.prices.create(
                {
                    "currency": "usd",
                    "unit_amount": expected.UNIT_AMOUNT_CENTS,
                    "lookup_key": expected.PRICE_LOOKUP_KEY,
                    "recurring": {"interval": "month", "usage_type": "metered", "meter": meter_id},
                    "product_data": {"name": expected.PRODUCT_NAME},
                    "expand": ["product"],
                },
                {"idempotency_key": f"bioql-price-{expected.PRICE_LOOKUP_KEY}-{meter_id}"},
            )
        return _price(self._ours(price))

    def send_meter_event(
        self, identifier: str, customer: str, value: str, timestamp_ms: int, extra: dict[str, str]
    ) -> None:
        """Report usage; the identifier makes a second report of it harmless for at least 24 hours."""
        payload = {**extra, expected.CUSTOMER_KEY: customer, expected.VALUE_KEY: value}
        with explained():
            self._v1.billing.meter_events.create(
                {
                    "event_name": expected.EVENT_NAME,
                    "identifier": identifier,
                    "timestamp": timestamp_ms // 1000,
                    "payload": payload,
                },
                {"idempotency_key": f"meter-{identifier}"},
            )

    def _ours(self, found: stripe.StripeObject) -> dict[str, Any]:
        """Its content, if it belongs to this environment."""
        content = found.to_dict()
        livemode = content.get("livemode")
        if livemode is not None and livemode != self._environment.livemode:
            raise OperatorError(
                f"Stripe answered with {'live' if livemode else 'test'} data, but the environment is "
                f"{self._environment.word}.",
                fix="Check which key is stored for this environment.",
                code="stripe.wrong_mode",
            )
        return content


def _id(found: Any) -> str:
    """The id of something that may be expanded."""
    if isinstance(found, dict):
        return str(found.get("id", ""))
    return found or ""


def _meter(found: dict[str, Any]) -> Meter:
    return Meter(
        id=found["id"],
        display_name=found.get("display_name") or "",
        event_name=found.get("event_name") or "",
        aggregation=(found.get("default_aggregation") or {}).get("formula") or "",
        customer_key=(found.get("customer_mapping") or {}).get("event_payload_key") or "",
        value_key=(found.get("value_settings") or {}).get("event_payload_key") or "",
        active=found.get("status") == "active",
    )


def _price(found: dict[str, Any]) -> MeteredPrice:
    recurring = found.get("recurring") or {}
    product = found.get("product")
    unit = found.get("unit_amount_decimal")
    return MeteredPrice(
        id=found["id"],
        product_name=str(product.get("name", "")) if isinstance(product, dict) else "",
        lookup_key=found.get("lookup_key") or "",
        currency=found.get("currency") or "",
        unit_amount=str(found.get("unit_amount") if unit is None else unit),
        usage_type=recurring.get("usage_type") or "",
        meter_id=recurring.get("meter") or "",
        active=bool(found.get("active")),
    )
