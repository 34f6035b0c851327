"""Collecting an open invoice: trying the card, trying again, marking it paid."""

from typing import Any

from ..errors import Json, StripeError
from ..work import Work
from . import payment_intents
from .payment_methods import card_behind, usable

COLLECT = "invoice_collects"
DAY_S = 86_400
# Days after each failed attempt until the next one; after the last, the invoice stays open.
RETRY_DAYS = (3, 5, 7)
NO_METHOD = "There is no `default_payment_method` set on this Customer or Invoice."


def begin(work: Work, invoice: Json) -> Json:
    """Right after finalization: nothing to pay is paid; else the card is tried when collection is automatic."""
    if not invoice["amount_remaining"]:
        return _paid(work, invoice)
    _request(work, invoice)
    if invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically":
        return attempt(work, invoice)
    return invoice


def _request(work: Work, invoice: Json) -> Json:
    """The payment that Stripe prepares for an open invoice."""
    intent = payment_intents.make(
        work,
        invoice["amount_remaining"],
        invoice["currency"],
        customer=invoice["customer"],
        description=f"Invoice {invoice['number']}",
        _checkout=None,
        _invoice=invoice["id"],
    )
    return work.save(
        work.new(
            "invoice_payment",
            "inpay_",
            amount_paid=None,
            amount_requested=invoice["amount_remaining"],
            currency=invoice["currency"],
            invoice=invoice["id"],
            is_default=True,
            payment={"payment_intent": intent["id"], "type": "payment_intent"},
            status="open",
            status_transitions={"canceled_at": None, "paid_at": None},
            _payment_intent=intent["id"],
        )
    )


def open_payment(work: Work, invoice: Json) -> Json | None:
    """The payment that still waits, if there is one."""
    found = work.store.select("invoice_payment", equal={"invoice": invoice["id"], "status": "open"}, limit=1)
    return found[0] if found else None


def attempt(work: Work, invoice: Json, method_id: str | None = None) -> Json:
    """Try to collect; a refusal leaves the invoice open and is on record."""
    try:
        return pay(work, invoice, method_id)
    except StripeError:
        return work.require("invoice", invoice["id"], "invoice")


def pay(work: Work, invoice: Json, method_id: str | None = None) -> Json:
    """The paid invoice.

    Raises:
        StripeError: 402, the card was refused; 400, there is no card.
    """
    request = open_payment(work, invoice) or _request(work, invoice)
    intent = work.require("payment_intent", request["payment"]["payment_intent"], "payment_intent")
    chosen = method_id or _default_method(work, invoice)
    if chosen is None:
        _failed(work, invoice)
        raise StripeError(NO_METHOD, code="invoice_payment_intent_requires_action", kept=True)
    method = usable(work, chosen)
    card = card_behind(method)
    if card.refused or card.challenge:
        error = card.error(payment_method=None) if card.refused else _asks()
        payment_intents.refuse(work, intent, method, error)
        _failed(work, invoice)
        raise error
    payment_intents.succeed(work, intent, method)
    amount = invoice["amount_remaining"]
    request = work.change(
        request,
        None,
        amount_paid=amount,
        status="paid",
        status_transitions={"canceled_at": None, "paid_at": work.now},
    )
    paid = _paid(work, invoice, amount_paid=invoice["amount_paid"] + amount)
    work.emit("invoice_payment.paid", request)
    return paid


def _asks() -> StripeError:
    message = "This payment requires additional user action before it can be completed successfully."
    return StripeError(message, status=402, kind="card_error", code="authentication_required", kept=True)


def _default_method(work: Work, invoice: Json) -> str | None:
    if invoice["default_payment_method"]:
        chosen: str = invoice["default_payment_method"]
        return chosen
    customer = work.require("customer", invoice["customer"], "customer")
    default: str | None = customer["invoice_settings"]["default_payment_method"]
    return default


def _failed(work: Work, invoice: Json) -> None:
    tried = invoice["attempt_count"] + 1
    again = work.now + RETRY_DAYS[tried - 1] * DAY_S if tried <= len(RETRY_DAYS) and invoice["auto_advance"] else None
    failed = work.change(
        invoice, "invoice.payment_failed", attempt_count=tried, attempted=True, next_payment_attempt=again
    )
    if again:
        work.schedule(again, COLLECT, failed["id"])
    _subscription(work, invoice, "past_due")


def _subscription(work: Work, invoice: Json, status: str) -> None:
    subscription = work.find("subscription", invoice.get("_subscription") or "")
    if subscription and subscription["status"] in ("active", "past_due") and subscription["status"] != status:
        work.change(subscription, "customer.subscription.updated", status=status)


def _paid(work: Work, invoice: Json, **more: Any) -> Json:
    work.store.cancel_job(COLLECT, invoice["id"])
    attempted = bool(invoice["amount_remaining"])
    fields: Json = {
        "amount_remaining": 0,
        "attempt_count": invoice["attempt_count"] + attempted,
        "attempted": True,
        "next_payment_attempt": None,
        "status": "paid",
        "status_transitions": invoice["status_transitions"] | {"paid_at": work.now},
    }
    paid = work.change(invoice, "invoice.paid", **(fields | more))
    work.emit("invoice.payment_succeeded", paid)
    _subscription(work, invoice, "active")
    return paid


def paid_outside(work: Work, invoice: Json) -> Json:
    """Somebody says that the money came another way."""
    close_payment(work, invoice)
    amount = invoice["amount_remaining"]
    outside = (invoice["amount_paid_off_stripe"] or 0) + amount
    return _paid(work, invoice, amount_paid=invoice["amount_paid"] + amount, amount_paid_off_stripe=outside)


def lowered(work: Work, invoice: Json, cents: int) -> Json:
    """An open invoice asks for less, since a credit note took over a part; with nothing left it is paid."""
    close_payment(work, invoice)
    changed = work.change(
        invoice,
        "invoice.updated",
        amount_due=invoice["amount_due"] - cents,
        amount_remaining=invoice["amount_remaining"] - cents,
        pre_payment_credit_notes_amount=invoice["pre_payment_credit_notes_amount"] + cents,
    )
    if not changed["amount_remaining"]:
        return _paid(work, changed)
    if cents > 0 or changed["status"] == "open":
        _request(work, changed)
    return changed


def close_payment(work: Work, invoice: Json) -> None:
    """Nobody can pay the invoice through what was prepared for it."""
    if request := open_payment(work, invoice):
        intent = work.require("payment_intent", request["payment"]["payment_intent"], "payment_intent")
        payment_intents.cancel(work, intent, None)
        ended = {"canceled_at": work.now, "paid_at": None}
        work.change(request, None, status="canceled", status_transitions=ended)


def collect_again(work: Work, invoice_id: str) -> None:
    """Job: the next attempt at a card that was refused."""
    invoice = work.find("invoice", invoice_id)
    if invoice and invoice.get("status") == "open" and invoice["auto_advance"]:
        attempt(work, invoice)
