"""`/v1/customers`."""

from ..errors import Json, StripeError, missing
from ..ids import random_text
from ..params import (
    ADDRESS,
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
from ..work import Work
from . import subscriptions
from .customer_balance import adjust
from .payment_methods import attach

SETTINGS: Table = {
    "custom_fields": Many(of=Group(of={"name": Text(), "value": Text()}), most=4),
    "default_payment_method": Text(),
    "footer": Text(),
    "rendering_options": Anything(),
}
SHIPPING = Group(of={"address": ADDRESS, "name": Text(), "phone": Text()}, emptyable=True)
FIELDS: Table = {
    "address": ADDRESS,
    "balance": Integer(),
    "business_name": Text(longest=150),
    "description": Text(),
    "email": Text(longest=512),
    "individual_name": Text(longest=150),
    "invoice_prefix": Text(pattern="[A-Z0-9]{3,12}"),
    "invoice_settings": Group(of=SETTINGS),
    "metadata": Metadata(),
    "name": Text(longest=256),
    "next_invoice_sequence": Integer(least=1),
    "phone": Text(longest=20),
    "preferred_locales": Many(),
    "shipping": SHIPPING,
    "tax": Anything(),
    "tax_exempt": Choice(of=("", "exempt", "none", "reverse")),
    **EXPAND,
}
CREATE: Table = FIELDS | {"payment_method": Text(), "validate": Flag()}
UPDATE: Table = FIELDS | {"validate": Flag()}
LIST: Table = PAGE | {"created": Range(), "email": Text(longest=512)}


def _template() -> Json:
    nothing = ("address", "currency", "default_source", "description", "discount", "email", "name", "phone", "shipping")
    return dict.fromkeys(nothing) | {
        "balance": 0,
        "delinquent": False,
        "invoice_prefix": None,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
        "test_clock": None,
    }


def _create(work: Work) -> Json:
    fields = dict(work.params)
    method, balance = fields.pop("payment_method", None), fields.pop("balance", None) or 0
    for name in ("expand", "tax", "validate"):
        fields.pop(name, None)
    _check_email(fields.get("email"))
    customer = work.new("customer", "cus_", invoice_prefix=random_text(8).upper())
    _apply(work, customer, fields)
    customer["balance"] = balance
    if balance:
        customer["currency"] = "usd"
    if method:  # a refused card leaves no customer behind
        attached = attach(work, method, customer["id"])
        if not customer["invoice_settings"]["default_payment_method"]:
            customer["_only_method"] = attached["id"]
    return work.save(customer, "customer.created")


def _update(work: Work) -> Json:
    customer = work.addressed("customer", "customer")
    fields = {name: value for name, value in work.params.items() if name not in ("expand", "tax", "validate")}
    _check_email(fields.get("email"))
    balance = fields.pop("balance", None)
    if balance is not None and balance != customer["balance"]:
        adjust(work, customer, balance - customer["balance"], customer["currency"] or "usd", "adjustment")
        customer = work.addressed("customer", "customer")
    changed = dict(customer)
    _apply(work, changed, fields)
    return work.change(customer, "customer.updated", **changed)


def _apply(work: Work, customer: Json, fields: Json) -> None:
    """Set what was given on a customer that is not stored yet."""
    if "metadata" in fields:
        fields["metadata"] = merged_metadata(customer["metadata"], fields["metadata"])
    if "invoice_settings" in fields:
        fields["invoice_settings"] = customer["invoice_settings"] | fields["invoice_settings"]
        method = fields["invoice_settings"]["default_payment_method"]
        if (
            method
            and work.require("payment_method", method, "invoice_settings[default_payment_method]")["customer"]
            != customer["id"]
        ):
            raise StripeError("The payment method must be attached to the customer.", param="invoice_settings")
    fields["tax_exempt"] = fields.get("tax_exempt") or customer["tax_exempt"]
    customer.update(fields)


def _check_email(email: str | None) -> None:
    if email and "@" not in email:
        raise StripeError(f"Invalid email address: {email}", code="email_invalid", param="email")


def _delete(work: Work) -> Json:
    customer = work.addressed("customer", "customer")
    running = {"customer": customer["id"], "status": list(subscriptions.SHOWN)}
    for subscription in work.store.select("subscription", equal=running):
        subscriptions.end(work, subscription)
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    work.store.put(gone)
    for method in work.store.select("payment_method", equal={"customer": customer["id"]}):
        work.change(method, "payment_method.detached", customer=None)
    work.emit("customer.deleted", customer)
    return gone


def _payment_methods(work: Work) -> Json:
    customer = work.addressed("customer", "customer")
    equal = {"customer": customer["id"]} | ({"type": work.params["type"]} if "type" in work.params else {})
    return work.page("payment_method", equal=equal)


def _payment_method(work: Work) -> Json:
    customer = work.addressed("customer", "customer")
    method = work.addressed("payment_method", "payment_method")
    if method["customer"] != customer["id"]:
        raise missing("payment_method", method["id"], "payment_method", status=404)
    return method


RESOURCE = Resource(
    "customer",
    routes=(
        Route("POST", "/v1/customers", _create, CREATE),
        Route("GET", "/v1/customers", listing("customer", "email"), LIST),
        Route("GET", "/v1/customers/{customer}", retrieve("customer", "customer")),
        Route("POST", "/v1/customers/{customer}", _update, UPDATE),
        Route("DELETE", "/v1/customers/{customer}", _delete, {}),
        Route("GET", "/v1/customers/{customer}/payment_methods", _payment_methods, PAGE | {"type": Text()}),
        Route("GET", "/v1/customers/{customer}/payment_methods/{payment_method}", _payment_method),
    ),
    template=_template,
    lookups=("email",),
    expand={
        "invoice_settings.default_payment_method": "payment_method",
        "sources": lambda work, customer: {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/customers/{customer['id']}/sources",
        },
    },
)
