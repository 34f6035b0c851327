"""`/v1/payment_intents`: one payment from the wish to the money."""

from typing import Any

from ..errors import Json, StripeError, missing_param, unexpected_state
from ..ids import random_text
from ..params import (
    ADDRESS,
    CURRENCY,
    EXPAND,
    PAGE,
    Anything,
    Choice,
    Flag,
    Group,
    Integer,
    Many,
    Metadata,
    Range,
    Table,
    Text,
    merged_metadata,
)
from ..registry import Resource, Route, listing, retrieve
from ..work import Work, public
from . import charges
from .payment_methods import card_behind, usable

SMALLEST, LARGEST = 50, 99_999_999
# Newer versions of the API choose methods by allowed_… and excluded_….
NO_TYPES_SINCE = "2026-09-30.endive"
OPEN_STATES = ("requires_payment_method", "requires_confirmation", "requires_action")
SHIPPING = Group(
    of={"address": ADDRESS, **dict.fromkeys(("carrier", "name", "phone", "tracking_number"), Text())}, emptyable=True
)
SHARED: Table = {
    "allowed_payment_method_types": Many(),
    "description": Text(longest=1_000),
    "metadata": Metadata(),
    "payment_method": Text(),
    "payment_method_options": Anything(),
    "payment_method_types": Many(),
    "receipt_email": Text(),
    "setup_future_usage": Choice(of=("", "off_session", "on_session")),
    "shipping": SHIPPING,
    "statement_descriptor": Text(longest=22),
    "statement_descriptor_suffix": Text(longest=22),
    **EXPAND,
}
CREATE: Table = SHARED | {
    "amount": Integer(required=True, least=1),
    "automatic_payment_methods": Anything(),
    "capture_method": Choice(of=("automatic", "automatic_async")),
    "confirm": Flag(),
    "confirmation_method": Choice(of=("automatic",)),
    "currency": CURRENCY,
    "customer": Text(),
    "error_on_requires_action": Flag(),
    "off_session": Anything(),
    "payment_method_data": Anything(),
    "return_url": Text(),
}
CONFIRM: Table = {
    "error_on_requires_action": Flag(),
    "off_session": Anything(),
    "payment_method": Text(),
    "payment_method_options": Anything(),
    "return_url": Text(),
    **EXPAND,
}
CANCEL: Table = {
    "cancellation_reason": Choice(of=("abandoned", "duplicate", "fraudulent", "requested_by_customer")),
    **EXPAND,
}


def _template() -> Json:
    nothing = (
        *("application", "application_fee_amount", "automatic_payment_methods", "canceled_at", "cancellation_reason"),
        *("customer", "customer_account", "description", "excluded_payment_method_types", "managed_payments"),
        *("payment_method_configuration_details", "last_payment_error", "latest_charge", "next_action", "on_behalf_of"),
        *("payment_method", "processing", "receipt_email", "review", "setup_future_usage", "shipping", "source"),
        *("statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group"),
    )
    return dict.fromkeys(nothing) | {
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic_async",
        "confirmation_method": "automatic",
        "metadata": {},
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }


def check_amount(cents: int, param: str = "amount") -> None:
    """What Stripe charges in one payment: $0.50 to $999,999.99."""
    if cents < SMALLEST:
        raise StripeError("Amount must convert to at least 50 cents.", code="amount_too_small", param=param)
    if cents > LARGEST:
        raise StripeError("Amount must be no more than $999,999.99", code="amount_too_large", param=param)


def make(work: Work, amount: int, currency: str, **more: Any) -> Json:
    """A stored payment intent that waits for a payment method."""
    intent = work.new("payment_intent", "pi_", amount=amount, currency=currency) | more
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(8)}"
    return work.save(intent, "payment_intent.created")


def succeed(work: Work, intent: Json, method: Json) -> Json:
    """Take the money."""
    charge = work.save(charges.make(work, intent, method), "charge.succeeded")
    return _succeeded(work, intent, charge, method["id"])


def _succeeded(work: Work, intent: Json, charge: Json, method_id: str) -> Json:
    return work.change(
        intent,
        "payment_intent.succeeded",
        amount_received=intent["amount"],
        last_payment_error=None,
        latest_charge=charge["id"],
        next_action=None,
        payment_method=method_id,
        processing=None,
        status="succeeded",
    )


def refuse(work: Work, intent: Json, method: Json, error: StripeError) -> Json:
    """Record that the bank said no; the intent waits for another payment method."""
    charge = work.save(charges.make(work, intent, method, **charges.refused(error.body)), "charge.failed")
    error.body["charge"] = charge["id"]
    return work.change(
        intent,
        "payment_intent.payment_failed",
        last_payment_error={name: value for name, value in error.body.items() if name != "payment_intent"},
        latest_charge=charge["id"],
        next_action=None,
        payment_method=None,
        processing=None,
        status="requires_payment_method",
    )


def process(work: Work, intent: Json, method: Json) -> Json:
    """Begin to debit a bank account, which takes its time."""
    pending = {"balance_transaction": None, "captured": True, "paid": False, "status": "pending"}
    charge = work.save(charges.make(work, intent, method, **pending), "charge.pending")
    return work.change(
        intent,
        "payment_intent.processing",
        latest_charge=charge["id"],
        payment_method=method["id"],
        status="processing",
    )


def settle(work: Work, intent: Json, error: StripeError | None) -> Json:
    """The bank debit has come in, or bounced."""
    charge = work.require("charge", intent["latest_charge"], "latest_charge")
    if error is None:
        charge = work.change(charge, "charge.succeeded", paid=True, status="succeeded")
        return _succeeded(work, intent, charge, intent["payment_method"])
    charge = work.change(charge, "charge.failed", **charges.refused(error.body))
    return work.change(
        intent,
        "payment_intent.payment_failed",
        last_payment_error=error.body,
        payment_method=None,
        processing=None,
        status="requires_payment_method",
    )


def ask(work: Work, intent: Json, method: Json) -> Json:
    """The holder's bank wants a confirmation first."""
    action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    waiting = {"payment_method": method["id"], "status": "requires_action", "next_action": action}
    return work.change(intent, "payment_intent.requires_action", **waiting)


def cancel(work: Work, intent: Json, reason: str | None) -> Json:
    """It can't be paid any more."""
    canceled = {"canceled_at": work.now, "cancellation_reason": reason, "next_action": None, "status": "canceled"}
    return work.change(intent, "payment_intent.canceled", **canceled)


def confirm(work: Work, intent: Json, method: Json) -> Json:
    """Try to take the money with a card.

    Raises:
        StripeError: 402, the card is refused; what was tried stays on record.
    """
    card = card_behind(method)
    if card.challenge:
        return ask(work, intent, method)
    if card.refused:
        error = card.error(payment_method=public(method))
        error.body["payment_intent"] = public(refuse(work, intent, method, error))
        raise error
    return succeed(work, intent, method)


def _create(work: Work) -> Json:
    given = work.params
    check_amount(given["amount"])
    _check_types(work)
    names = ("description", "receipt_email", "setup_future_usage", "shipping")
    more: Json = {name: given[name] for name in names if given.get(name)}
    if given.get("customer"):
        more["customer"] = work.require("customer", given["customer"], "customer")["id"]
    if types := given.get("allowed_payment_method_types") or given.get("payment_method_types"):
        more["payment_method_types"] = types
    more["metadata"] = merged_metadata({}, given.get("metadata") or {})
    intent = make(work, given["amount"], given["currency"].lower(), **more)
    if given.get("payment_method"):
        method = usable(work, given["payment_method"])
        intent = work.change(intent, None, payment_method=method["id"], status="requires_confirmation")
        if given.get("confirm"):
            return confirm(work, intent, method)
    elif given.get("confirm"):
        raise missing_param("payment_method")
    return intent


def _check_types(work: Work) -> None:
    if "payment_method_types" in work.params and work.version >= NO_TYPES_SINCE:
        raise StripeError(
            "payment_method_types is no longer supported; use allowed_payment_method_types.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
        )


def _open(work: Work, verb: str) -> Json:
    """The payment that the address names, if it can still be changed from outside."""
    intent = work.addressed("payment_intent", "intent")
    if intent.get("_checkout"):
        words = (
            f"You cannot {verb} this PaymentIntent: it was created by Checkout. Use its page, or expire the session."
        )
        raise unexpected_state(words, "payment_intent_unexpected_state", payment_intent=public(intent))
    if intent["status"] not in OPEN_STATES:
        message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
        raise unexpected_state(message, "payment_intent_unexpected_state", payment_intent=public(intent))
    return intent


def _confirm(work: Work) -> Json:
    intent = _open(work, "confirm")
    method_id = work.params.get("payment_method") or intent["payment_method"]
    if not method_id:
        raise missing_param("payment_method")
    return confirm(work, intent, usable(work, method_id))


def _cancel(work: Work) -> Json:
    return cancel(work, _open(work, "cancel"), work.params.get("cancellation_reason"))


def _update(work: Work) -> Json:
    intent = work.addressed("payment_intent", "intent")
    _check_types(work)
    names = ("description", "receipt_email", "shipping")
    fields: Json = {name: work.params[name] for name in names if name in work.params}
    if "metadata" in work.params:
        fields["metadata"] = merged_metadata(intent["metadata"], work.params["metadata"])
    return work.change(intent, None, **fields)


INTENT = "/v1/payment_intents/{intent}"
RESOURCE = Resource(
    "payment_intent",
    routes=(
        Route("POST", "/v1/payment_intents", _create, CREATE),
        Route(
            "GET",
            "/v1/payment_intents",
            listing("payment_intent", "customer"),
            PAGE | {"created": Range(), "customer": Text()},
        ),
        Route("GET", INTENT, retrieve("payment_intent", "intent"), EXPAND | {"client_secret": Text()}),
        Route("POST", INTENT, _update, SHARED),
        Route("POST", INTENT + "/confirm", _confirm, CONFIRM),
        Route("POST", INTENT + "/cancel", _cancel, CANCEL),
    ),
    template=_template,
    lookups=("customer",),
    expand={"customer": "customer", "latest_charge": "charge", "payment_method": "payment_method"},
)
