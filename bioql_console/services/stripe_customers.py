"""Customers at Stripe: made, found again, with a card and with credit."""

import uuid

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import USD
from bioql_console.services.stripe_calls import PAGE, StripeCalls
from bioql_console.services.stripe_types import Content

REFERENCE = "bioql_reference"
CREDIT_KEY = "bioql_key"


class CustomerCalls(StripeCalls):
    """Part of `StripeGateway`."""

    def create_customer(self, name: str, email: str, reference: str, idempotency_key: str) -> str:
        """The new customer's id. `reference` finds it again, see `find_customer`."""
        params = {"name": name, "email": email, "metadata": {REFERENCE: reference}}

        def look() -> Content | None:
            found = self.find_customer(email, reference)
            return None if found is None else {"id": found}

        made = self.id(self.once(idempotency_key, self.v1.customers.create, params, look=look))
        if self.customer_exists(made):
            return made
        # Stripe repeats its old answer to a key, even when that customer was deleted since.
        again = f"{idempotency_key}-{uuid.uuid4().hex}"
        return self.id(self.ask(self.v1.customers.create, params, {"idempotency_key": again}))

    def customer_exists(self, customer: str) -> bool:
        try:
            return not self.ask(self.v1.customers.retrieve, customer).get("deleted")
        except OperatorError as error:
            if error.code != "stripe.not_found":
                raise
            return False

    def find_customer(self, email: str, reference: str) -> str | None:
        """The oldest customer with this address that we made under this reference.

        Stripe's list is up to date at once, unlike its search.
        """
        found = self.ask_all(self.v1.customers.list, {"email": email, "limit": PAGE})
        ours = [one for one in found if _metadata(one).get(REFERENCE) == reference]
        return self.id(min(ours, key=_created)) if ours else None

    def delete_customer(self, customer: str) -> None:
        self.ask(self.v1.customers.delete, customer)

    def attach_payment_method(self, customer: str, payment_method: str, idempotency_key: str) -> None:
        """Attach and make it the default for invoices.

        Raises:
            CardRefused: the card can't be used.
        """
        attach, ours = self.v1.payment_methods.attach, {"customer": customer}
        attached = self.id(self.again(f"{idempotency_key}-attach", attach, payment_method, ours))
        default = {"invoice_settings": {"default_payment_method": attached}}
        self.again(f"{idempotency_key}-default", self.v1.customers.update, customer, default)

    def credit_balance(
        self, customer: str, cents: int, idempotency_key: str, description: str, since_ms: int = 0
    ) -> None:
        """Lower what the next metered invoice collects by `cents`; negative cents take credit back.

        Stripe forgets idempotency keys after a day, so the key is stored with the credit, and looked for first among
        the credits made from a day before `since_ms` on.
        """

        def look() -> Content | None:
            for credit in self.ask_all(self.v1.customers.balance_transactions.list, customer, {"limit": PAGE}):
                if _metadata(credit).get(CREDIT_KEY) == idempotency_key:
                    return credit
                if _created(credit) * 1000 < since_ms - DAY_MS:
                    break
            return None

        if look() is not None:
            return
        params = {
            "amount": -cents,
            "currency": USD,
            "description": description,
            "metadata": {CREDIT_KEY: idempotency_key},
        }
        self.once(idempotency_key, self.v1.customers.balance_transactions.create, customer, params, look=look)


def _created(found: Content) -> int:
    return int(found.get("created") or 0)


def _metadata(found: Content) -> Content:
    metadata = found.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
