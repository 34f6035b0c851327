"""Subscriptions, invoices and credit notes at Stripe."""

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
        found = [self._subscription(one) for one in self.ask_all(self.v1.subscriptions.list, params)]
        if found:
            return found[0]
        wanted = {"customer": customer, "items": [{"price": price}]}
        thresholds = {"billing_thresholds": {"amount_gte": threshold_cents}}
        create = self.v1.subscriptions.create
        try:
            made = self.ask(create, {**wanted, **thresholds}, {"idempotency_key": idempotency_key})
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
            made = self.ask(create, wanted, {"idempotency_key": f"{idempotency_key}-plain"})
        return self._subscription(made)

    def _subscription(self, found: Content) -> MeteredSubscription:
        by = Threshold.STRIPE if found.get("billing_thresholds") else Threshold.CONSOLE
        return MeteredSubscription(self.id(found), by)

    def invoice_usage_now(self, subscription: str, idempotency_key: str) -> None:
        """End the billing period: Stripe invoices and collects what was used so far."""
        params = {
            "billing_cycle_anchor": {"type": "now"},
            "proration_behavior": "none",
            "metadata": {KEY: idempotency_key},
        }
        # Stripe forgets idempotency keys after a day; the subscription remembers the last one.
        known = self.ask(self.v1.subscriptions.retrieve, subscription).get("metadata") or {}
        if known.get(KEY) != idempotency_key:
            self.ask(self.v1.subscriptions.update, subscription, params, {"idempotency_key": idempotency_key})

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
            made = self.ask(self.v1.invoices.create, wanted, {"idempotency_key": f"{idempotency_key}-invoice"})
        invoice = self.id(made)
        if made.get("status") == "draft":
            if not made.get("total"):
                balance = int(self.ask(self.v1.customers.retrieve, customer).get("balance") or 0)
                item = {"customer": customer, "invoice": invoice, "amount": cents - balance, "currency": USD}
                item |= {"description": description}
                self.ask(self.v1.invoice_items.create, item, {"idempotency_key": f"{idempotency_key}-item"})
            params, options = {"auto_advance": True}, {"idempotency_key": f"{idempotency_key}-finalize"}
            self.ask(self.v1.invoices.finalize_invoice, invoice, params, options)
        return invoice

    def _invoice_of(self, customer: str, key: str) -> Content | None:
        found = self.ask_all(self.v1.invoices.list, {"customer": customer, "limit": PAGE})
        return next((one for one in found if (one.get("metadata") or {}).get(KEY) == key), None)

    def credit_invoice(self, invoice: str, cents: int, idempotency_key: str, words: str) -> bool:
        """Lower what an open invoice asks for, once for a key. False when it is not open any more."""
        notes = self.ask_all(self.v1.credit_notes.list, {"invoice": invoice, "limit": PAGE})
        if any((note.get("metadata") or {}).get(KEY) == idempotency_key for note in notes):
            return True
        params = {"invoice": invoice, "amount": cents, "memo": words, "metadata": {KEY: idempotency_key}}
        try:
            self.ask(self.v1.credit_notes.create, params, {"idempotency_key": idempotency_key})
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
            state = self.ask(self.v1.invoices.retrieve, invoice)
            if state.get("status") == "open" and int(state.get("amount_remaining") or 0) >= cents:
                raise
            return False
        return True
