"""`/v1/checkout/sessions`: a payment page for one payment, and its life."""

from typing import Any

from ..errors import Json, StripeError, missing_param
from ..messages import web_url
from ..params import EXPAND, PAGE, Anything, Metadata, merged_metadata
from ..registry import Resource, Route, retrieve
from ..work import Work
from . import payment_intents, prices
from .checkout_params import CREATE, LIST

SHORTEST_S, LONGEST_S = 30 * 60, 24 * 3_600
RECOVERABLE_S = 30 * 86_400
EXPIRE = "checkout_session_expiry"
METHODS = ("card", "us_bank_account")


def _template() -> Json:
    nothing = (
        *("adaptive_pricing", "after_expiration", "allow_promotion_codes", "billing_address_collection", "cancel_url"),
        *("client_reference_id", "client_secret", "collected_information", "consent", "consent_collection"),
        *("currency_conversion", "customer", "customer_account", "customer_creation", "customer_details"),
        *("customer_email", "discounts", "integration_identifier", "managed_payments"),
        *("invoice", "invoice_creation", "locale", "origin_context", "payment_intent", "payment_link"),
        *("payment_method_configuration_details", "permissions", "phone_number_collection", "recovered_from"),
        *("saved_payment_method_options", "setup_intent", "shipping_address_collection", "shipping_cost"),
        *("submit_type", "subscription", "success_url", "total_details", "url", "wallet_options"),
    )
    return dict.fromkeys(nothing) | {
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"), None
        ),
        "metadata": {},
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": list(METHODS),
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "ui_mode": "hosted_page",
        "_intent_data": {},
        "_lines": [],
    }


def _create(work: Work) -> Json:
    given = work.params
    _check_url(given.get("success_url"), "success_url", required=True)
    _check_url(given.get("cancel_url"), "cancel_url", required=False)
    if not given.get("line_items"):
        raise missing_param("line_items")
    if given.get("customer") and given.get("customer_email"):
        message = "You may only specify one of these parameters: customer, customer_email."
        raise StripeError(message, param="customer")
    customer = work.require("customer", given["customer"], "customer") if given.get("customer") else None
    lines = [_line(work, line, f"line_items[{number}]") for number, line in enumerate(given["line_items"])]
    total, currency = sum(line["amount_total"] for line in lines), lines[0]["currency"]
    if any(line["currency"] != currency for line in lines):
        raise StripeError("All line items must have the same currency.", param="line_items")
    payment_intents.check_amount(total, "line_items")
    session = work.new(
        "checkout.session",
        "cs_test_",
        amount_subtotal=total,
        amount_total=total,
        cancel_url=given.get("cancel_url"),
        client_reference_id=given.get("client_reference_id"),
        currency=currency,
        customer=customer["id"] if customer else None,
        customer_creation=None if customer else "if_required",
        customer_email=given.get("customer_email"),
        expires_at=_expiry(work, given.get("expires_at")),
        metadata=merged_metadata({}, given.get("metadata") or {}),
        payment_method_types=_methods(given),
        success_url=given["success_url"],
        after_expiration=_after_expiration(given),
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        _intent_data=given.get("payment_intent_data") or {},
        _lines=lines,
    )
    for name in ("allowed_payment_method_types", "excluded_payment_method_types"):
        if given.get(name):
            session[name] = given[name]
    session["url"] = f"{work.base_url}/c/pay/{session['id']}"
    work.schedule(session["expires_at"], EXPIRE, session["id"])
    return work.save(session)


def _after_expiration(given: Json) -> Json | None:
    recovery = (given.get("after_expiration") or {}).get("recovery")
    if not recovery:
        return None
    asked = {"allow_promotion_codes": False, "enabled": False, "expires_at": None, "url": None} | recovery
    return {"recovery": asked}


def _check_url(url: str | None, param: str, *, required: bool) -> None:
    if not url:
        if required:
            raise missing_param(param)
        return
    # Braces stand for the id that Stripe puts in.
    if web_url(url.replace("{CHECKOUT_SESSION_ID}", "id")) is None:
        raise StripeError("Not a valid URL", code="url_invalid", param=param)


def _methods(given: Json) -> list[str]:
    """The ways to pay that the page offers."""
    allowed, excluded = given.get("allowed_payment_method_types"), given.get("excluded_payment_method_types") or ()
    methods = [name for name in METHODS if name in (allowed or METHODS) and name not in excluded]
    if not methods:
        message = f"No payment method is left; the sandbox knows {', '.join(METHODS)}."
        raise StripeError(message, param="allowed_payment_method_types")
    return methods


def _expiry(work: Work, asked: int | None) -> int:
    if asked is None:
        return work.now + LONGEST_S
    if asked < work.now + SHORTEST_S:
        raise StripeError("The `expires_at` timestamp must be at least 30 minutes from now.", param="expires_at")
    if asked > work.now + LONGEST_S:
        raise StripeError("The `expires_at` timestamp must be less than 24 hours from now.", param="expires_at")
    return asked


def _line(work: Work, given: Json, param: str) -> Json:
    if bool(given.get("price")) == bool(given.get("price_data")):
        raise StripeError("You must specify exactly one of price or price_data.", param=f"{param}[price]")
    quantity = given.get("quantity") or 0
    if not quantity:
        raise missing_param(f"{param}[quantity]")
    if given.get("price"):
        price = work.require("price", given["price"], f"{param}[price]")
        if price["type"] != "one_time":
            raise StripeError("You must provide one-time prices in `payment` mode.", param=f"{param}[price]")
    else:
        # A price described on the spot is kept, but nobody can use it again.
        price = work.save(prices.make(work, given["price_data"], active=False), "price.created")
    if price["unit_amount"] is None:
        raise StripeError("The price has fractions of a cent.", param=f"{param}[price]")
    product = work.require("product", price["product"], f"{param}[price]")
    amount = price["unit_amount"] * quantity
    return {
        "id": price["id"].replace("price_", "li_"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": merged_metadata({}, given.get("metadata") or {}),
        "price": price,
        "quantity": quantity,
    }


def items_of(work: Work, session: Json) -> Json:
    """The session's lines as a list. What is shown of a session does not hold them, so they are looked up."""
    stored = work.store.get("checkout.session", session["id"]) or session
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "data": stored["_lines"], "has_more": False, "url": url}


def _line_items(work: Work) -> Json:
    return work.page_of("item", items_of(work, work.addressed("checkout.session", "session"))["data"])


def _list(work: Work) -> Json:
    names = ("customer", "payment_intent", "status")
    equal = {name: work.params[name] for name in names if work.params.get(name) is not None}
    if email := (work.params.get("customer_details") or {}).get("email"):
        equal["customer_details.email"] = email
    return work.page("checkout.session", equal=equal, created=work.params.get("created"))


def _update(work: Work) -> Json:
    session = work.addressed("checkout.session", "session")
    metadata = merged_metadata(session["metadata"], work.params.get("metadata"))
    return work.change(session, None, metadata=metadata)


def _expire(work: Work) -> Json:
    session = work.addressed("checkout.session", "session")
    if session["status"] != "open":
        message = f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.'
        raise StripeError(message)
    return expire(work, session)


def expire(work: Work, session: Json) -> Json:
    """Close the page, and with it what was tried to pay there."""
    if intent := work.find("payment_intent", session["payment_intent"] or ""):
        payment_intents.cancel(work, intent, "automatic")
    return work.change(session, "checkout.session.expired", status="expired", url=None, **_recovery(work, session))


def _recovery(work: Work, session: Json) -> Json:
    """What an expired session says of its recovery, if that was asked for when the session was made."""
    asked = (session["after_expiration"] or {}).get("recovery") or {}
    if not asked.get("enabled"):
        return {}
    url = f"{work.base_url}/c/recover/{session['id']}"
    recovery = {"allow_promotion_codes": False, "enabled": True, "expires_at": work.now + RECOVERABLE_S, "url": url}
    return {"after_expiration": {"recovery": recovery}}


def expire_when_due(work: Work, session_id: str) -> None:
    session = work.find("checkout.session", session_id)
    if session and session["status"] == "open":
        expire(work, session)


SESSION = "/v1/checkout/sessions/{session}"
EXPANSIONS: dict[str, Any] = {"customer": "customer", "payment_intent": "payment_intent", "line_items": items_of}
RESOURCE = Resource(
    "checkout.session",
    routes=(
        Route("POST", "/v1/checkout/sessions", _create, CREATE),
        Route("GET", "/v1/checkout/sessions", _list, LIST),
        Route("GET", SESSION, retrieve("checkout.session", "session")),
        Route("POST", SESSION, _update, EXPAND | {"metadata": Metadata(), "collected_information": Anything()}),
        Route("GET", SESSION + "/line_items", _line_items, PAGE),
        Route("POST", SESSION + "/expire", _expire),
    ),
    template=_template,
    lookups=("customer", "payment_intent", "status", "customer_details.email"),
    expand=EXPANSIONS,
    jobs={EXPIRE: expire_when_due},
)
