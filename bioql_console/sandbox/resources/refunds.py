"""`/v1/refunds`: money given back, whole or in parts."""

from typing import Any

from ..errors import Json, StripeError, missing_param
from ..ids import new_id
from ..params import EXPAND, PAGE, Choice, Flag, Integer, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, listing, retrieve
from ..work import Work

CREATE: Table = {
    "amount": Integer(least=1),
    "charge": Text(),
    "instructions_email": Text(),
    "metadata": Metadata(),
    "payment_intent": Text(),
    "reason": Choice(of=("duplicate", "fraudulent", "requested_by_customer")),
    "refund_application_fee": Flag(),
    "reverse_transfer": Flag(),
    **EXPAND,
}


def _template() -> Json:
    nothing = ("description", "failure_reason", "reason", "receipt_number", "source_transfer_reversal")
    return dict.fromkeys((*nothing, "transfer_reversal")) | {
        "destination_details": {"card": {"type": "refund", "reference_status": "pending"}, "type": "card"},
        "metadata": {},
        "status": "succeeded",
    }


def charge_of(work: Work, given: Json) -> Json:
    """The charge that a refund or dispute is about, by its own id or its payment intent's."""
    if given.get("charge"):
        return work.require("charge", given["charge"], "charge")
    if not given.get("payment_intent"):
        raise missing_param("charge")
    intent = work.require("payment_intent", given["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise StripeError(message, param="payment_intent")
    return work.require("charge", intent["latest_charge"], "payment_intent")


def make(work: Work, given: Json) -> Json:
    """A refund, stored, with its charge and events.

    Raises:
        StripeError: nothing or not enough is left to give back, or the charge is disputed.
    """
    charge = charge_of(work, given)
    left = charge["amount"] - charge["amount_refunded"]
    if not charge["paid"]:
        raise StripeError(f"Charge {charge['id']} was not paid; there is nothing to refund.", param="charge")
    if not left:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(message, code="charge_already_refunded")
    if charge["disputed"] and charge.get("_dispute_lost", True):
        raise StripeError(f"Charge {charge['id']} has been charged back; cannot refund.", code="charge_disputed")
    amount = given.get("amount") or left
    if amount > left:
        words = f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge (${left / 100:.2f})"
        raise StripeError(words, param="amount")
    refund = work.new(
        "refund",
        "re_",
        amount=amount,
        balance_transaction=new_id("txn_"),
        charge=charge["id"],
        currency=charge["currency"],
        metadata=merged_metadata({}, given.get("metadata") or {}),
        payment_intent=charge["payment_intent"],
        reason=given.get("reason"),
    )
    work.save(refund, "refund.created")
    given_back = charge["amount_refunded"] + amount
    whole = given_back == charge["amount"]
    work.change(charge, "charge.refunded", amount_refunded=given_back, refunded=whole)
    return refund


def _create(work: Work) -> Json:
    return make(work, work.params)


def _update(work: Work) -> Json:
    refund = work.addressed("refund", "refund")
    metadata = merged_metadata(refund["metadata"], work.params.get("metadata"))
    return work.change(refund, "refund.updated", metadata=metadata)


def refund_by_hand(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/refunds`: as if somebody refunded in Stripe's dashboard."""
    amount: Any = asked.get("amount")
    if amount is not None and (not isinstance(amount, int) or isinstance(amount, bool) or amount < 1):
        raise ValueError("amount must be a positive number of cents")
    return make(work, {"payment_intent": intent_of(asked), "amount": amount})


def intent_of(asked: Json) -> str:
    """The payment that a hand at the controls means."""
    intent = asked.get("payment_intent")
    if not isinstance(intent, str):
        raise ValueError("payment_intent must be the id of a payment")
    return intent


RESOURCE = Resource(
    "refund",
    routes=(
        Route("POST", "/v1/refunds", _create, CREATE),
        Route(
            "GET",
            "/v1/refunds",
            listing("refund", "charge", "payment_intent"),
            PAGE | {"charge": Text(), "created": Range(), "payment_intent": Text()},
        ),
        Route("GET", "/v1/refunds/{refund}", retrieve("refund", "refund")),
        Route("POST", "/v1/refunds/{refund}", _update, EXPAND | {"metadata": Metadata()}),
    ),
    template=_template,
    lookups=("charge", "payment_intent"),
    expand={"charge": "charge", "payment_intent": "payment_intent"},
)
