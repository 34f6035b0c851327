"""Reading all there is of something at Stripe, for comparing it with our books. Nothing but GET."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.reconciliation import END_OF_TIME_MS
from bioql_console.services.stripe_calls import PAGE, StripeCalls
from bioql_console.services.stripe_types import Content


class BulkCalls(StripeCalls):
    """Part of `StripeGateway`. Lists come page by page; times are ms, `to_ms` is not included."""

    def charge_pages(self, from_ms: int, to_ms: int) -> Iterator[list[Content]]:
        return self.ask_pages("/v1/charges", _made(from_ms, to_ms))

    def refund_pages(self, from_ms: int, to_ms: int) -> Iterator[list[Content]]:
        """Each with its charge, which alone names the customer."""
        return self.ask_pages("/v1/refunds", _made(from_ms, to_ms) | {"expand": ["data.charge"]})

    def dispute_pages(self, from_ms: int, to_ms: int) -> Iterator[list[Content]]:
        """Each with its charge, which alone names the customer."""
        return self.ask_pages("/v1/disputes", _made(from_ms, to_ms) | {"expand": ["data.charge"]})

    def invoice_pages(self, from_ms: int, to_ms: int) -> Iterator[list[Content]]:
        return self.ask_pages("/v1/invoices", _made(from_ms, to_ms))

    def invoice_payment_pages(self, from_ms: int, to_ms: int) -> Iterator[list[Content]]:
        """Which payment was for which invoice, of those that were paid."""
        return self.ask_pages("/v1/invoice_payments", _made(from_ms, to_ms) | {"status": "paid"})

    def customer_pages(self) -> Iterator[list[Content]]:
        """All customers; deleted ones are not among them."""
        return self.ask_pages("/v1/customers", {"limit": PAGE})

    def subscription_pages(self) -> Iterator[list[Content]]:
        """All that run; ended ones are not among them."""
        return self.ask_pages("/v1/subscriptions", {"limit": PAGE})

    def balance_entries(self, customer: str, from_ms: int) -> Iterator[Content]:
        """What changed a customer's Stripe balance since a time, newest first."""
        params = {"limit": PAGE, "created": {"gte": from_ms // 1000}}
        pages = self.ask_pages(f"/v1/customers/{customer}/balance_transactions", params)
        return (one for page in pages for one in page)

    def metered_by_day(self, meter: str, customer: str, from_ms: int, to_ms: int) -> dict[int, Decimal]:
        """Units that Stripe counted for a customer, by start of UTC day in ms. Both times are starts of UTC days."""
        params = {
            "customer": customer,
            "start_time": from_ms // 1000,
            "end_time": to_ms // 1000,
            "value_grouping_window": "day",
            "limit": PAGE,
        }
        found: dict[int, Decimal] = {}
        for page in self.ask_pages(f"/v1/billing/meters/{meter}/event_summaries", params):
            for day in page:
                start, units = self.read(_counted, day)
                found[start] = found.get(start, Decimal()) + units
        return found

    def events_around(self, kinds: Sequence[str], from_ms: int, to_ms: int) -> Iterator[Content]:
        """Events of these types within a time; Stripe keeps them for 30 days."""
        pages = self.ask_pages("/v1/events", _made(from_ms, to_ms) | {"types": list(kinds)})
        return (one for page in pages for one in page)

    def customer_is_used(self, customer: str) -> bool:
        """Whether a customer ever paid, was invoiced, has a card or a subscription."""
        lists = ("/v1/charges", "/v1/invoices", "/v1/subscriptions", f"/v1/customers/{customer}/payment_methods")
        ours = {"customer": customer, "limit": 1}
        asked = [(path, {"limit": 1} if path.startswith("/v1/customers/") else ours) for path in lists]
        return any(next(self.ask_pages(path, params), []) for path, params in asked)

    # --- one thing, as it stands now; None or nothing when this account does not have it

    def charge(self, charge: str) -> Content | None:
        return self._or_none(self.v1.charges.retrieve, charge)

    def payment(self, payment_intent: str) -> Content | None:
        return self._or_none(self.v1.payment_intents.retrieve, payment_intent)

    def dispute(self, dispute: str) -> Content | None:
        return self._or_none(self.v1.disputes.retrieve, dispute, {"expand": ["charge"]})

    def invoice(self, invoice: str) -> Content | None:
        return self._or_none(self.v1.invoices.retrieve, invoice)

    def customer(self, customer: str) -> Content | None:
        """Also one that was deleted, with `deleted` true."""
        return self._or_none(self.v1.customers.retrieve, customer)

    def subscription(self, subscription: str) -> Content | None:
        return self._or_none(self.v1.subscriptions.retrieve, subscription)

    def charges_of(self, payment_intent: str) -> list[Content]:
        return self._of("/v1/charges", {"payment_intent": payment_intent})

    def refunds_of(self, payment_intent: str) -> list[Content]:
        """Each with its charge."""
        return self._of("/v1/refunds", {"payment_intent": payment_intent, "expand": ["data.charge"]})

    def sessions_of(self, payment_intent: str) -> list[Content]:
        """The Checkout session that took a payment, if one did."""
        return self._of("/v1/checkout/sessions", {"payment_intent": payment_intent})

    def payments_of_invoice(self, invoice: str) -> list[Content]:
        return self._of("/v1/invoice_payments", {"invoice": invoice})

    def invoice_payments_of(self, payment_intent: str) -> list[Content]:
        """Which invoice a payment was for."""
        payment = {"type": "payment_intent", "payment_intent": payment_intent}
        return self._of("/v1/invoice_payments", {"payment": payment})

    def cancel_usage(self, identifier: str) -> None:
        """Take a meter event back, within a day of its arrival."""
        params = {"event_name": EVENT_NAME, "type": "cancel", "cancel": {"identifier": identifier}}
        options = {"idempotency_key": f"cancel-{identifier}"}
        self.ask(self.v1.billing.meter_event_adjustments.create, params, options)

    def _of(self, path: str, params: Content) -> list[Content]:
        try:
            return [one for page in self.ask_pages(path, params | {"limit": PAGE}) for one in page]
        except OperatorError as error:
            if error.code != "stripe.not_found":
                raise
            return []

    def _or_none(self, call: Callable[..., Any], *args: object) -> Content | None:
        try:
            return self.ask(call, *args)
        except OperatorError as error:
            if error.code != "stripe.not_found":
                raise
            return None


def _made(from_ms: int, to_ms: int) -> Content:
    ends = {} if to_ms == END_OF_TIME_MS else {"lt": -(-to_ms // 1000)}
    return {"limit": PAGE, "created": {"gte": from_ms // 1000, **ends}}


def _counted(found: Content) -> tuple[int, Decimal]:
    return int(found["start_time"]) * 1000, Decimal(str(found["aggregated_value"]))
