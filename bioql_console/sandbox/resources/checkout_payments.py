"""What happens on the payment page: paying by card, confirming at the bank, debiting a bank account."""

from ..errors import Json, StripeError, card_error
from ..work import Work
from . import payment_intents
from .cards import Card
from .payment_methods import card_behind, make_bank_account, make_card

SETTLE, BOUNCE = "bank_debit_settles", "bank_debit_bounces"
# Real bank debits take days; the sandbox's clock can be moved.
SETTLES_AFTER_S = 3_600
NO_FUNDS = "The customer's account has insufficient funds to cover this payment."


class NeedsConfirmation(Exception):
    """The holder's bank asks to confirm the payment first."""


def pay_by_card(work: Work, session: Json, card: Card, email: str, *, confirmed: bool = False) -> Json:
    """The session after paying with a card that was typed in; errors as with `pay_by_method`."""
    _offered(session, "card")
    method = make_card(work, card, billing_details=_details(email))
    return pay_by_method(work, session, method, email, confirmed=confirmed)


def pay_by_method(work: Work, session: Json, method: Json, email: str, *, confirmed: bool = False) -> Json:
    """The session after paying with a stored card.

    Raises:
        NeedsConfirmation: the bank asks first.
        StripeError: 402, the card is refused; the page stays open and the attempt on record.
    """
    _offered(session, "card")
    session = _with_intent(work, session)
    intent = work.require("payment_intent", session["payment_intent"], "payment_intent")
    card = card_behind(method)
    if card.refused:
        error = card.error()
        payment_intents.refuse(work, intent, method, error)
        raise error
    if card.challenge and not confirmed:
        payment_intents.ask(work, intent, method)
        raise NeedsConfirmation
    payment_intents.succeed(work, intent, method)
    return _complete(work, session, email, "paid")


def refuse_confirmation(work: Work, session: Json, card: Card, email: str) -> StripeError:
    """The holder did not confirm; answers the error to show."""
    session = _with_intent(work, session)
    intent = work.require("payment_intent", session["payment_intent"], "payment_intent")
    words = "We are unable to authenticate your payment method. Please choose another one and try again."
    error = card_error("payment_intent_authentication_failure", None, words)
    payment_intents.refuse(work, intent, make_card(work, card, billing_details=_details(email)), error)
    return error


def pay_by_bank_debit(work: Work, session: Json, email: str, *, bounces: bool) -> Json:
    """The session is complete at once; the money comes, or doesn't, later."""
    _offered(session, "us_bank_account")
    session = _with_intent(work, session)
    intent = work.require("payment_intent", session["payment_intent"], "payment_intent")
    payment_intents.process(work, intent, make_bank_account(work, billing_details=_details(email)))
    done = _complete(work, session, email, "unpaid")
    work.schedule(work.now + SETTLES_AFTER_S, BOUNCE if bounces else SETTLE, session["id"])
    return done


def _offered(session: Json, method: str) -> None:
    if method not in session["payment_method_types"]:
        raise StripeError("This page does not take this payment method.", status=402)


def _with_intent(work: Work, session: Json) -> Json:
    """As at Stripe, the payment is made when the customer tries to pay, not with the page."""
    if session["payment_intent"]:
        return session
    data = session["_intent_data"]
    intent = payment_intents.make(
        work,
        session["amount_total"],
        session["currency"],
        customer=session["customer"],
        description=data.get("description"),
        metadata=data.get("metadata") or {},
        payment_method_types=session["payment_method_types"],
        receipt_email=data.get("receipt_email"),
        setup_future_usage=data.get("setup_future_usage"),
        shipping=data.get("shipping"),
        statement_descriptor=data.get("statement_descriptor"),
        statement_descriptor_suffix=data.get("statement_descriptor_suffix"),
        _checkout=session["id"],
    )
    return work.change(session, None, payment_intent=intent["id"])


def _details(email: str) -> Json:
    return {"address": None, "email": email or None, "name": None, "phone": None, "tax_id": None}


def _complete(work: Work, session: Json, email: str, payment_status: str) -> Json:
    customer = work.find("customer", session["customer"]) if session["customer"] else None
    return work.change(
        session,
        "checkout.session.completed",
        customer_details={
            "address": None,
            "business_name": None,
            "email": email or (customer or {}).get("email") or session["customer_email"],
            "individual_name": None,
            "name": (customer or {}).get("name"),
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        payment_status=payment_status,
        status="complete",
        url=None,
    )


def settle(work: Work, session_id: str) -> None:
    """Job: the bank debit has come in."""
    _settle(work, session_id, None)


def bounce(work: Work, session_id: str) -> None:
    """Job: the bank debit was sent back."""
    _settle(work, session_id, card_error("payment_method_provider_decline", "insufficient_funds", NO_FUNDS))


def _settle(work: Work, session_id: str, error: StripeError | None) -> None:
    session = work.find("checkout.session", session_id)
    if session is None or session["payment_status"] == "paid":
        return
    payment_intents.settle(work, work.require("payment_intent", session["payment_intent"], "payment_intent"), error)
    if error is None:
        work.change(session, "checkout.session.async_payment_succeeded", payment_status="paid")
    else:
        work.emit("checkout.session.async_payment_failed", session)


JOBS = {SETTLE: settle, BOUNCE: bounce}
