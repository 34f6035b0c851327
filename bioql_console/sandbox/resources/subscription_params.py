"""What may be said about a subscription, and what of it is refused."""

from ..errors import Json, StripeError, missing_param
from ..params import EXPAND, PAGE, Anything, Choice, Flag, Group, Integer, Many, Metadata, Range, Table, Text
from ..work import Work

SMALLEST_THRESHOLD = 50
STATUSES = ("active", "all", "canceled", "ended", "past_due", "unpaid")
THRESHOLDS = Group(of={"amount_gte": Integer(), "reset_billing_cycle_anchor": Flag()}, emptyable=True)
ITEM: Table = {"metadata": Metadata(), "price": Text(required=True), "quantity": Integer(least=0)}
SHARED: Table = {
    "billing_thresholds": THRESHOLDS,
    "cancel_at_period_end": Flag(),
    "collection_method": Choice(of=("charge_automatically", "send_invoice")),
    "days_until_due": Integer(least=0, most=730),
    "default_payment_method": Text(),
    "description": Text(longest=500),
    "metadata": Metadata(),
    "off_session": Anything(),
    "payment_behavior": Anything(),
    "payment_settings": Anything(),
    "proration_behavior": Choice(of=("always_invoice", "create_prorations", "none")),
    **EXPAND,
}
CREATE: Table = SHARED | {
    "billing_cycle_anchor": Integer(),
    "currency": Text(pattern="[A-Za-z]{3}"),
    "customer": Text(required=True),
    "items": Many(of=Group(of=ITEM), most=20),
}
UPDATE: Table = SHARED | {
    "billing_cycle_anchor": Group(of={"type": Choice(of=("now", "unchanged"), required=True)}),
}
CANCEL: Table = {"cancellation_details": Anything(), "invoice_now": Flag(), "prorate": Flag(), **EXPAND}
LIST: Table = PAGE | {
    "collection_method": Choice(of=("charge_automatically", "send_invoice")),
    "created": Range(),
    "customer": Text(),
    "price": Text(),
    "status": Choice(of=STATUSES),
}
THRESHOLDS_OFF = "billing_thresholds_refused"


def thresholds(work: Work, given: Json | None) -> Json | None:
    """The thresholds to keep.

    Raises:
        StripeError: too small, or this account may not have any.
    """
    if given is None or given.get("amount_gte") is None:
        return None
    if work.store.setting(THRESHOLDS_OFF) == "1":
        message = "Received unknown parameter: billing_thresholds"
        raise StripeError(message, code="parameter_unknown", param="billing_thresholds")
    if given["amount_gte"] < SMALLEST_THRESHOLD:
        raise StripeError(
            f"The threshold must be at least {SMALLEST_THRESHOLD} cents.", param="billing_thresholds[amount_gte]"
        )
    reset = bool(given.get("reset_billing_cycle_anchor"))
    return {"amount_gte": given["amount_gte"], "reset_billing_cycle_anchor": reset}


def collection(given: Json, present: Json) -> Json:
    """How invoices are collected.

    Raises:
        StripeError: an invoice that is sent needs a term.
    """
    method = given.get("collection_method") or present["collection_method"]
    days = given.get("days_until_due", present["days_until_due"])
    if method == "send_invoice" and days is None:
        raise missing_param("days_until_due")
    return {"collection_method": method, "days_until_due": days if method == "send_invoice" else None}


def payment_method(work: Work, given: Json, customer: str) -> str | None:
    """The payment method to charge.

    Raises:
        StripeError: it is not the customer's.
    """
    method_id: str | None = given.get("default_payment_method")
    if method_id and work.require("payment_method", method_id, "default_payment_method")["customer"] != customer:
        message = f"The customer does not have a payment method with the ID {method_id}."
        raise StripeError(message, code="resource_missing", param="default_payment_method")
    return method_id


def switch_thresholds(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/thresholds {"offered": bool}`: whether this Stripe knows billing thresholds at all."""
    offered = asked.get("offered", True)
    if not isinstance(offered, bool):
        raise ValueError("offered must be true or false")
    work.store.set_setting(THRESHOLDS_OFF, "0" if offered else "1")
    return {"offered": offered}
