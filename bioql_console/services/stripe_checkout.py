"""Checkout sessions and events at Stripe."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bioql_console.domain.money import USD
from bioql_console.services import stripe_types
from bioql_console.services.stripe_calls import PAGE, StripeCalls
from bioql_console.services.stripe_types import CheckoutRequest, CheckoutSession, Content, StripeEvent

LINE_NAME = "BioQL Quantum Computing Usage"


class CheckoutCalls(StripeCalls):
    """Part of `StripeGateway`."""

    def create_checkout(self, request: CheckoutRequest) -> CheckoutSession:
        """A hosted payment page. The reference is the idempotency key, so asking again gives the same page."""
        price = {"currency": USD, "unit_amount": request.amount_cents, "product_data": {"name": LINE_NAME}}
        params = {
            "mode": "payment",
            "customer": request.customer,
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "client_reference_id": request.reference,
            "metadata": request.metadata,
            "payment_intent_data": {"metadata": request.metadata},
        }

        def look() -> Content | None:
            made = self.ask_all(self.v1.checkout.sessions.list, {"customer": request.customer, "limit": PAGE})
            return next((one for one in made if one.get("client_reference_id") == request.reference), None)

        made = self.once(request.reference, self.v1.checkout.sessions.create, params, look=look)
        return self.read(stripe_types.checkout_session, made)

    def retrieve_checkout(self, session_id: str) -> CheckoutSession:
        return self._session(self.v1.checkout.sessions.retrieve, session_id)

    def expire_checkout(self, session_id: str) -> CheckoutSession:
        """Close an open page. Stripe refuses (`stripe.refused`) when it is paid or expired already."""
        return self._session(self.v1.checkout.sessions.expire, session_id)

    def list_checkouts(self, customer: str, since_ms: int = 0) -> Iterator[CheckoutSession]:
        """A customer's sessions, newest first."""
        params: dict[str, object] = {"customer": customer, "limit": PAGE}
        if since_ms:
            params["created"] = {"gte": since_ms // 1000}
        found = self.ask_all(self.v1.checkout.sessions.list, params)
        return (self.read(stripe_types.checkout_session, one) for one in found)

    def find_checkout(self, customer: str, reference: str, since_ms: int = 0) -> CheckoutSession | None:
        """The customer's session with this reference, if Stripe has one."""
        return next((one for one in self.list_checkouts(customer, since_ms) if one.reference == reference), None)

    def _session(self, call: Callable[..., Any], *args: object) -> CheckoutSession:
        return self.read(stripe_types.checkout_session, self.ask(call, *args))

    def list_events(self, since_ms: int = 0, types: Sequence[str] = ()) -> Iterator[StripeEvent]:
        """Events of the last 30 days, newest first.

        Args:
            types: Up to 20 event types; all when empty.
        """
        params: dict[str, object] = {"limit": PAGE}
        if since_ms:
            params["created"] = {"gte": since_ms // 1000}
        if types:
            params["types"] = list(types)
        return (self.read(_event, one) for page in self.ask_pages("/v1/events", params) for one in page)

    def retrieve_event(self, event_id: str) -> StripeEvent:
        """One event as Stripe keeps it, for 30 days."""
        return self.read(_event, self.ask(self.v1.events.retrieve, event_id))


def _event(found: Content) -> StripeEvent:
    return StripeEvent(
        id=found["id"],
        type=found["type"],
        created_ms=found["created"] * 1000,
        livemode=bool(found["livemode"]),
        api_version=found.get("api_version") or "",
        body=json.dumps(found, ensure_ascii=False).encode(),
    )
