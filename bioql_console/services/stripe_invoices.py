"""Subscriptions, invoices and credit notes at Stripe."""

from functools import partial

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.invoices import Threshold
from bioql_console.domain.money import USD
from bioql_console.services.stripe_calls import PAGE, StripeCalls
from bioql_console.services.stripe_types import Content, MeteredSubscription

KEY = "bioql_key"


class InvoiceCalls(StripeCalls):
    """Part of `StripeGateway`."""

    def subscribe(self, customer: str, price: str, threshold_cents: int, idempotency_key: str) -> MeteredSubscription:
        """The customer's metered subscription: the one there is, or a new one with an invoice threshold.

        Accounts that may not use thresholds get one without; then this console makes the invoice.
        """
        params = {"customer": customer, "price": price, "limit": PAGE}

        def look() -> Content | None:
            return next(iter(self.ask_all(self.v1.subscriptions.list, params)), None)

        wanted = {"customer": customer, "items": [{"price": price}]}
        thresholds = {"billing_thresholds": {"amount_gte": threshold_cents}}
        create = self.v1.subscriptions.create
        made = look()
        try:
            made = made or self.once(idempotency_key, create, {**wanted, **thresholds}, look=look)
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
            made = self.once(f"{idempotency_key}-plain", create, wanted, look=look)
        return self._subscription(made)

    def _subscription(self, found: Content) -> MeteredSubscription:
        by = Threshold.STRIPE if found.get("billing_thresholds") else Threshold.CONSOLE
        started_ms = self.read(lambda content: int(content["created"]), found) * 1000
        return MeteredSubscription(self.id(found), by, started_ms)

    def invoice_usage_now(self, subscription: str, idempotency_key: str) -> None:
        """End the billing period: Stripe invoices and collects what was used so far."""
        params = {
            "billing_cycle_anchor": {"type": "now"},
            "proration_behavior": "none",
            "metadata": {KEY: idempotency_key},
        }

        def look() -> Content | None:
            known = self.ask(self.v1.subscriptions.retrieve, subscription)
            return known if (known.get("metadata") or {}).get(KEY) == idempotency_key else None

        # Stripe forgets idempotency keys after a day; the subscription remembers the last one.
        if look() is None:
            self.once(idempotency_key, self.v1.subscriptions.update, subscription, params, look=look)

    def make_invoice(
        self, customer: str, cents: int, description: str, idempotency_key: str, days_until_due: int
    ) -> str:
        """An open invoice that asks for one amount, sent to the customer; made once for a key. Its id.

        Stripe applies the customer's balance to every invoice, so what is charged is the amount without it.
        """
        made = self._invoice_of(customer, idempotency_key)
        if made is None:
            wanted = {
                "customer": customer,
                "auto_advance": False,
                "collection_method": "send_invoice",
                "days_until_due": days_until_due,
                "pending_invoice_items_behavior": "exclude",
                "description": description,
                "metadata": {KEY: idempotency_key},
            }
            look, key = partial(self._invoice_of, customer, idempotency_key), f"{idempotency_key}-invoice"
            made = self.once(key, self.v1.invoices.create, wanted, look=look)
        invoice = self.id(made)
        if made.get("status") == "draft":
            if not made.get("total"):
                self._add_line(invoice, customer, cents, description, f"{idempotency_key}-item")
            finalize, look = self.v1.invoices.finalize_invoice, partial(self._opened, invoice)
            self.once(f"{idempotency_key}-finalize", finalize, invoice, {"auto_advance": True}, look=look)
        return invoice

    def _add_line(self, invoice: str, customer: str, cents: int, description: str, key: str) -> None:
        """The one line of a draft."""

        def look() -> Content | None:
            found = self.ask(self.v1.invoices.retrieve, invoice)
            return found if found.get("total") else None

        balance = int(self.ask(self.v1.customers.retrieve, customer).get("balance") or 0)
        item = {"customer": customer, "invoice": invoice, "amount": cents - balance, "currency": USD}
        self.once(key, self.v1.invoice_items.create, item | {"description": description}, look=look)

    def _opened(self, invoice: str) -> Content | None:
        found = self.ask(self.v1.invoices.retrieve, invoice)
        return None if found.get("status") == "draft" else found

    def _invoice_of(self, customer: str, key: str) -> Content | None:
        found = self.ask_all(self.v1.invoices.list, {"customer": customer, "limit": PAGE})
        return next((one for one in found if (one.get("metadata") or {}).get(KEY) == key), None)

    def credit_invoice(self, invoice: str, cents: int, idempotency_key: str, words: str) -> bool:
        """Lower what an open invoice asks for, once for a key. False when it is not open any more."""

        def look() -> Content | None:
            notes = self.ask_all(self.v1.credit_notes.list, {"invoice": invoice, "limit": PAGE})
            return next((one for one in notes if (one.get("metadata") or {}).get(KEY) == idempotency_key), None)

        if look() is not None:
            return True
        params = {"invoice": invoice, "amount": cents, "memo": words, "metadata": {KEY: idempotency_key}}
        try:
            self.once(idempotency_key, self.v1.credit_notes.create, params, look=look)
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
            state = self.ask(self.v1.invoices.retrieve, invoice)
            if state.get("status") == "open" and int(state.get("amount_remaining") or 0) >= cents:
                raise
            return False
        return True
