"""`/v1/customers/…/balance_transactions`: what a customer owes (+) or has in credit (−) for the next invoice."""

from typing import Any

from ..errors import Json, StripeError, missing
from ..params import CURRENCY, EXPAND, PAGE, Integer, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, listing
from ..work import Work

CREATE: Table = {
    "amount": Integer(required=True),
    "currency": CURRENCY,
    "description": Text(longest=350),
    "metadata": Metadata(),
    **EXPAND,
}
NOTHING = ("checkout_session", "credit_note", "customer_account", "description", "invoice")


def adjust(work: Work, customer: Json, amount: int, currency: str, kind: str, **more: Any) -> Json:
    """Change a customer's balance by an amount in cents, and record why.

    Raises:
        StripeError: the customer's balance is in another currency.
    """
    currency = currency.lower()
    if customer["currency"] not in (None, currency):
        message = f"The customer's balance is in {customer['currency']}, not in {currency}."
        raise StripeError(message, param="currency")
    changed = work.change(customer, "customer.updated", balance=customer["balance"] + amount, currency=currency)
    transaction = work.new(
        "customer_balance_transaction",
        "cbtxn_",
        amount=amount,
        currency=currency,
        customer=customer["id"],
        ending_balance=changed["balance"],
        type=kind,
        **more,
    )
    return work.save(transaction)


def _create(work: Work) -> Json:
    customer = work.addressed("customer", "customer")
    amount = work.params["amount"]
    if not amount:
        raise StripeError("The amount must not be zero.", code="parameter_invalid_integer", param="amount")
    more = {"description": work.params.get("description"), "metadata": work.params.get("metadata") or {}}
    return adjust(work, customer, amount, work.params["currency"], "adjustment", **more)


def _found(work: Work) -> Json:
    transaction = work.addressed("customer_balance_transaction", "transaction")
    if transaction["customer"] != work.path["customer"]:
        raise missing("customer_balance_transaction", transaction["id"], "transaction", status=404)
    return transaction


def _update(work: Work) -> Json:
    transaction = _found(work)
    fields = {name: value for name, value in work.params.items() if name != "expand"}
    if "metadata" in fields:
        fields["metadata"] = merged_metadata(transaction["metadata"], fields["metadata"])
    return work.change(transaction, None, **fields)


LIST = "/v1/customers/{customer}/balance_transactions"
RESOURCE = Resource(
    "customer_balance_transaction",
    routes=(
        Route("POST", LIST, _create, CREATE),
        Route(
            "GET",
            LIST,
            listing("customer_balance_transaction", "invoice", inside="customer"),
            PAGE | {"created": Range(), "invoice": Text()},
        ),
        Route("GET", LIST + "/{transaction}", _found),
        Route("POST", LIST + "/{transaction}", _update, EXPAND | {"description": Text(), "metadata": Metadata()}),
    ),
    template=lambda: dict.fromkeys(NOTHING) | {"metadata": {}},
    lookups=("customer", "invoice"),
    expand={"customer": "customer", "checkout_session": "checkout.session", "invoice": "invoice"},
)
