"""`/v1/refunds`: money given back, whole or in parts."""

from typing import Any

from ..errors import Json, StripeError, missing_param
from ..ids import new_id
from ..params import EXPAND, PAGE, Choice, Flag, Integer, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, listing, retrieve
from ..work import Work

ARRIVES = "refund_arrives"
# Days, really; the sandbox's clock can be moved.
ARRIVES_AFTER_S = 3_600
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
    nothing = ("customer_account", "description", "reason", "receipt_number", "source_transfer_reversal")
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
    left = charge["amount"] - charge["amount_refunded"] - charge.get("_lost", 0)
    if not charge["paid"]:
        raise StripeError(f"Charge {charge['id']} was not paid; there is nothing to refund.", param="charge")
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(message, code="charge_already_refunded")
    if charge.get("_held"):
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
        customer=charge["customer"],
        metadata=merged_metadata({}, given.get("metadata") or {}),
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=given.get("reason"),
        **_fate(work, charge),
    )
    if refund["status"] == "pending":
        refund["pending_reason"] = "processing"
    work.save(refund, "refund.created")
    _count(work, charge, amount, "charge.refunded")
    if charge["payment_method_details"]["type"] == "us_bank_account":
        work.schedule(work.now + ARRIVES_AFTER_S, ARRIVES, refund["id"])
    return refund


def _fate(work: Work, charge: Json) -> Json:
    """A bank account is given its money within days, a card at once."""
    if charge["payment_method_details"]["type"] == "us_bank_account":
        return {"destination_details": {"type": "us_bank_transfer", "us_bank_transfer": {}}, "status": "pending"}
    return {}


def _count(work: Work, charge: Json, amount: int, event: str) -> None:
    given_back = charge["amount_refunded"] + amount
    work.change(charge, event, amount_refunded=given_back, refunded=given_back == charge["amount"])


def _told(work: Work, refund: Json, *events: str, **fields: Any) -> Json:
    """A refund that changed, with all the events by which Stripe says so."""
    changed = work.change(refund, events[0], **fields)
    for event in events[1:]:
        work.emit(event, changed)
    return changed


def arrive(work: Work, refund_id: str) -> None:
    """Job: the customer's bank took it."""
    refund = work.find("refund", refund_id)
    if refund and refund["status"] == "pending":
        _told(work, refund, "refund.updated", "charge.refund.updated", status="succeeded")


def fail_by_hand(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/refund_fails`: the customer's bank sends a refund back, days later; the money is ours again."""
    refund = work.require("refund", str(asked.get("refund")), "refund")
    if refund["status"] in ("failed", "canceled"):
        raise StripeError(f"The refund {refund['id']} is {refund['status']} already.")
    charge = work.require("charge", refund["charge"], "charge")
    failed = _told(
        work,
        refund,
        *("refund.updated", "refund.failed", "charge.refund.updated"),
        failure_balance_transaction=new_id("txn_"),
        failure_reason="lost_or_stolen_card",
        status="failed",
    )
    _count(work, charge, -refund["amount"], "charge.updated")
    return failed


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
    jobs={ARRIVES: arrive},
)
