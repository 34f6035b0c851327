"""`/v1/payment_pages`: what Stripe's own Checkout page asks, and its command line in the page's place. Undocumented."""

from ..errors import Json, StripeError, unexpected_state
from ..params import EXPAND, Anything, Integer, Table, Text
from ..registry import Resource, Route
from ..work import Work, public
from .checkout_payments import NeedsConfirmation, pay_by_method
from .payment_methods import usable

PAGE = "/v1/payment_pages/{session}"
CONFIRM: Table = {
    "eid": Text(),
    "expected_amount": Integer(required=True),
    "expected_payment_method_type": Text(),
    "key": Text(),
    "payment_method": Text(required=True),
    "return_url": Text(),
    "shipping": Anything(),
    **EXPAND,
}


def _show(work: Work) -> Json:
    return _page(work, work.addressed("checkout.session", "session"))


def _page(work: Work, session: Json) -> Json:
    """The session as its page sees it."""
    intent = work.find("payment_intent", session["payment_intent"] or "")
    return {
        "id": session["id"].replace("cs_test_", "ppage_"),
        "object": "payment_page",
        "cancel_url": session["cancel_url"],
        "currency": session["currency"],
        "customer": session["customer"],
        "customer_email": session["customer_email"],
        "livemode": False,
        "mode": session["mode"],
        "payment_intent": public(intent) if intent else None,
        "payment_method_types": session["payment_method_types"],
        "payment_status": session["payment_status"],
        "session_id": session["id"],
        "status": session["status"],
        "success_url": session["success_url"],
        "total_summary": {"due": session["amount_total"], "subtotal": session["amount_subtotal"]},
    }


def _confirm(work: Work) -> Json:
    session = work.addressed("checkout.session", "session")
    if session["status"] != "open":
        raise unexpected_state("This Checkout Session is no longer active.", "payment_intent_unexpected_state")
    if work.params["expected_amount"] != session["amount_total"]:
        message = "The total amount has changed. Refresh the page and try again."
        raise StripeError(message, code="checkout_amount_mismatch", param="expected_amount")
    method = usable(work, work.params["payment_method"])
    email = method["billing_details"]["email"] or session["customer_email"] or ""
    try:
        session = pay_by_method(work, session, method, email)
    except NeedsConfirmation:  # the page would lead to the bank now; the payment waits
        session = work.require("checkout.session", session["id"], "session")
    return _page(work, session)


RESOURCE = Resource(
    "payment_page", routes=(Route("GET", PAGE, _show), Route("POST", PAGE + "/confirm", _confirm, CONFIRM))
)
