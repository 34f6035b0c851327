"""`/v1/payment_methods`: test cards kept for customers, and the bank accounts that Checkout makes."""

from typing import Any

from ..errors import Json, StripeError, missing_param
from ..params import ADDRESS, EXPAND, PAGE, Anything, Choice, Group, Integer, Metadata, Table, Text, merged_metadata
from ..registry import Resource, Route, retrieve
from ..work import Work
from .cards import BY_NUMBER, BY_TOKEN, Card, card_of

BILLING = Group(of={"address": ADDRESS, "email": Text(), "name": Text(), "phone": Text(), "tax_id": Text()})
CARD = Group(of={"cvc": Text(), "exp_month": Integer(), "exp_year": Integer(), "number": Text(), "token": Text()})
CREATE: Table = {
    "allow_redisplay": Choice(of=("always", "limited", "unspecified")),
    "billing_details": BILLING,
    "card": CARD,
    "metadata": Metadata(),
    "type": Choice(of=("card",), required=True),
    **EXPAND,
}
UPDATE: Table = {
    "allow_redisplay": Anything(),
    "billing_details": BILLING,
    "card": Anything(),
    "metadata": Metadata(),
    **EXPAND,
}
NO_DETAILS: Json = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}


def _template() -> Json:
    return {
        "allow_redisplay": "unspecified",
        "billing_details": dict(NO_DETAILS),
        "customer": None,
        "customer_account": None,
        "metadata": {},
        "type": "card",
    }


def make_card(work: Work, card: Card, **more: Any) -> Json:
    """A stored payment method of a test card. Its number stays inside."""
    shown = {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": f"sandbox{card.last4}",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return work.save(work.new("payment_method", "pm_", card=shown, _number=card.number) | more)


def make_bank_account(work: Work, **more: Any) -> Json:
    """A stored payment method of a bank account that is debited."""
    shown = {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "SANDBOX BANK",
        "financial_connections_account": None,
        "fingerprint": "sandbox6789",
        "last4": "6789",
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": None,
    }
    return work.save(work.new("payment_method", "pm_", type="us_bank_account", us_bank_account=shown) | more)


def card_behind(method: Json) -> Card:
    """The test card that a stored payment method stands for."""
    return BY_NUMBER[method.get("_number", "4242424242424242")]


def usable(work: Work, method_id: str, param: str = "payment_method") -> Json:
    """The payment method by its id, or a new one of a ready-made name such as "pm_card_visa"."""
    if method_id in BY_TOKEN:
        return make_card(work, BY_TOKEN[method_id])
    return work.require("payment_method", method_id, param)


def attach(work: Work, method_id: str, customer_id: str) -> Json:
    """Keep a payment method for a customer.

    Raises:
        StripeError: 402 when the card is refused; 400 when it belongs to somebody else.
    """
    card = BY_TOKEN.get(method_id)
    if card is None:
        method = work.require("payment_method", method_id, "payment_method")
        card = card_behind(method)
    else:
        method = {}
    if card.refused_on_attach:
        raise card.error()
    method = method or make_card(work, card)
    if method["customer"] == customer_id:
        return method
    if method["customer"]:
        message = "The payment method you provided has already been attached to a customer."
        raise StripeError(message, param="payment_method")
    return work.change(method, "payment_method.attached", customer=customer_id)


def _attach(work: Work) -> Json:
    customer = work.require("customer", work.params["customer"], "customer")
    return attach(work, work.path["payment_method"], customer["id"])


def _detach(work: Work) -> Json:
    method = work.addressed("payment_method", "payment_method")
    if not method["customer"]:
        raise StripeError("The payment method you provided is not attached to a customer so detachment is impossible.")
    for customer in [work.find("customer", method["customer"])]:
        if customer and customer.get("invoice_settings", {}).get("default_payment_method") == method["id"]:
            settings = customer["invoice_settings"] | {"default_payment_method": None}
            work.change(customer, "customer.updated", invoice_settings=settings)
    return work.change(method, "payment_method.detached", customer=None)


def _create(work: Work) -> Json:
    given = work.params.get("card") or {}
    token = given.get("token")
    if not token and not given.get("number"):
        raise missing_param("card[number]")
    card = BY_TOKEN.get(f"pm_card_{token.removeprefix('tok_')}") if token else card_of(given["number"])
    if card is None:
        raise StripeError(f"No such token: '{token}'", code="resource_missing", param="card[token]")
    details = NO_DETAILS | (work.params.get("billing_details") or {})
    metadata = merged_metadata({}, work.params.get("metadata") or {})
    return make_card(work, card, billing_details=details, metadata=metadata)


def _update(work: Work) -> Json:
    method = work.addressed("payment_method", "payment_method")
    fields: Json = {}
    if "metadata" in work.params:
        fields["metadata"] = merged_metadata(method["metadata"], work.params["metadata"])
    if "billing_details" in work.params:
        fields["billing_details"] = method["billing_details"] | work.params["billing_details"]
    return work.change(method, "payment_method.updated", **fields)


def _list(work: Work) -> Json:
    names = ("customer", "type")
    return work.page("payment_method", equal={name: work.params[name] for name in names if work.params.get(name)})


METHOD = "/v1/payment_methods/{payment_method}"
RESOURCE = Resource(
    "payment_method",
    routes=(
        Route("POST", "/v1/payment_methods", _create, CREATE),
        Route("GET", "/v1/payment_methods", _list, PAGE | {"customer": Text(), "type": Text()}),
        Route("GET", METHOD, retrieve("payment_method", "payment_method")),
        Route("POST", METHOD, _update, UPDATE),
        Route("POST", METHOD + "/attach", _attach, EXPAND | {"customer": Text(required=True)}),
        Route("POST", METHOD + "/detach", _detach),
    ),
    template=_template,
    lookups=("customer", "type"),
    expand={"customer": "customer"},
)
