"""`/v1/charges`: the attempts to take money. Made by payment intents, never directly."""

from typing import Any

from ..errors import Json
from ..ids import new_id
from ..params import EXPAND, PAGE, Anything, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, listing, retrieve
from ..work import Work

LIST: Table = PAGE | {"created": Range(), "customer": Text(), "payment_intent": Text()}
UPDATE: Table = {
    "customer": Text(),
    "description": Text(),
    "fraud_details": Anything(),
    "metadata": Metadata(),
    "receipt_email": Text(),
    "shipping": Anything(),
    **EXPAND,
}


def _template() -> Json:
    nothing = (
        *("application", "application_fee", "application_fee_amount", "calculated_statement_descriptor", "customer"),
        *("description", "failure_balance_transaction", "failure_code", "failure_message", "on_behalf_of"),
        *("receipt_email", "receipt_number", "receipt_url", "review", "shipping", "source_transfer"),
        *("statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group"),
    )
    return dict.fromkeys(nothing) | {
        "amount_refunded": 0,
        "captured": True,
        "disputed": False,
        "fraud_details": {},
        "metadata": {},
        "paid": True,
        "refunded": False,
        "status": "succeeded",
    }


def make(work: Work, intent: Json, method: Json, **more: Any) -> Json:
    """A new charge of a payment intent, not stored yet."""
    kind = method["type"]
    shown = {name: value for name, value in method.get(kind, {}).items() if name not in ("checks", "networks")}
    return (
        work.new(
            "charge",
            "ch_",
            amount=intent["amount"],
            amount_captured=intent["amount"],
            balance_transaction=new_id("txn_"),
            billing_details=method["billing_details"],
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            metadata=dict(intent["metadata"]),
            outcome={
                "advice_code": None,
                "network_advice_code": None,
                "network_decline_code": None,
                "network_status": "approved_by_network",
                "reason": None,
                "risk_level": "normal",
                "seller_message": "Payment complete.",
                "type": "authorized",
            },
            payment_intent=intent["id"],
            shipping=intent.get("shipping"),
            payment_method=method["id"],
            payment_method_details={kind: shown, "type": kind},
        )
        | more
    )


def refused(error: Json) -> Json:
    """The fields of a charge that was refused."""
    return {
        "amount_captured": 0,
        "balance_transaction": None,
        "captured": False,
        "failure_code": error.get("code"),
        "failure_message": error.get("message"),
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "declined_by_network",
            "reason": error.get("decline_code"),
            "risk_level": "normal",
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        },
        "paid": False,
        "status": "failed",
    }


def _update(work: Work) -> Json:
    charge = work.addressed("charge", "charge")
    fields: Json = {name: work.params[name] for name in ("description", "receipt_email") if name in work.params}
    if "metadata" in work.params:
        fields["metadata"] = merged_metadata(charge["metadata"], work.params["metadata"])
    return work.change(charge, "charge.updated", **fields)


RESOURCE = Resource(
    "charge",
    routes=(
        Route("GET", "/v1/charges", listing("charge", "customer", "payment_intent"), LIST),
        Route("GET", "/v1/charges/{charge}", retrieve("charge", "charge")),
        Route("POST", "/v1/charges/{charge}", _update, UPDATE),
    ),
    template=_template,
    lookups=("customer", "payment_intent"),
    expand={"customer": "customer", "payment_intent": "payment_intent"},
)
