"""How invoices come to be: their lines, totals, and their way from draft to open."""

from typing import Any

from ..errors import Json, StripeError
from ..ids import new_id, random_text
from ..work import Work
from . import invoice_collection, metered_usage
from .customer_balance import adjust

FINALIZE = "invoice_finalizes"
GRACE_S = 3_600
LONGEST_GRACE_S = 72 * 3_600
SMALLEST_DUE = 50
DAY_S = 86_400


def item_of(subscription: Json) -> Json:
    """The subscription's item; the sandbox bills one metered price a subscription."""
    item: Json = subscription["items"]["data"][0]
    return item


def draft(work: Work, customer: Json, **more: Any) -> Json:
    """A stored draft without lines."""
    made = work.new(
        "invoice",
        "in_",
        currency=customer["currency"] or "usd",
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        customer_tax_exempt=customer["tax_exempt"],
        effective_at=None,
        period_end=work.now,
        period_start=work.now,
        starting_balance=customer["balance"],
    )
    made["lines"] = {"object": "list", "data": [], "has_more": False, "url": f"/v1/invoices/{made['id']}/lines"}
    return made | more


def for_period(work: Work, subscription: Json, reason: str, until: int, *, upcoming: bool) -> Json:
    """The invoice of what a subscription used before `until`.

    Args:
        upcoming: Whether it stays a draft for an hour, so that usage on its way and credits still count.
    """
    customer = work.require("customer", subscription["customer"], "customer")
    item = item_of(subscription)
    method = subscription["collection_method"]
    due = work.now + (subscription["days_until_due"] or 0) * DAY_S
    made = draft(
        work,
        customer,
        auto_advance=True,
        billing_reason=reason,
        collection_method=method,
        default_payment_method=subscription["default_payment_method"],
        due_date=due if method == "send_invoice" else None,
        parent={
            "quote_details": None,
            "subscription_details": {"metadata": subscription["metadata"], "subscription": subscription["id"]},
            "type": "subscription_details",
        },
        period_end=work.now,
        period_start=item["current_period_start"],
        _subscription=subscription["id"],
        _until=until,
    )
    if reason == "subscription_threshold":
        gte = subscription["billing_thresholds"]["amount_gte"]
        made["threshold_reason"] = {"amount_gte": gte, "item_reasons": []}
    take_items(work, made)
    made = totalled(work, _with_usage(work, made, subscription))
    if not upcoming:
        return finalize(work, work.save(made, "invoice.created"))
    made["automatically_finalizes_at"] = work.now + GRACE_S
    work.schedule(work.now + GRACE_S, FINALIZE, made["id"])
    return work.save(made, "invoice.created")


def _with_usage(work: Work, invoice: Json, subscription: Json) -> Json:
    """The draft with the line of what was used; usage on its way joins it until it is finalized."""
    item = item_of(subscription)
    units, amount = metered_usage.unbilled(
        work, item, subscription["customer"], invoice["_until"], invoice=invoice["id"]
    )
    metered_usage.take(work, item, subscription["customer"], invoice["_until"], invoice["id"])
    price = item["price"]
    usage = line(
        work,
        invoice,
        amount,
        f"{units.normalize():f} × BioQL usage (at ${int(price['unit_amount'] or 0) / 100:.2f} / unit)",
        parent={
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": None,
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        pricing=_pricing(price),
        quantity=int(units) if units == units.to_integral_value() else None,
        quantity_decimal=f"{units:f}",
    )
    others = [each for each in invoice["lines"]["data"] if not _is_usage(each)]
    return invoice | {"lines": invoice["lines"] | {"data": [usage, *others]}}


def _is_usage(each: Json) -> bool:
    return bool(each["parent"]["type"] == "subscription_item_details")


def _pricing(price: Json) -> Json:
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def line(work: Work, invoice: Json, amount: int, description: str | None, **more: Any) -> Json:
    """One line of an invoice."""
    return {
        "id": new_id("il_"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": False,
        "metadata": {},
        "period": {"end": invoice["period_end"], "start": invoice["period_start"]},
        "pretax_credit_amounts": [],
        "pricing": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "subscription": None,
        "subtotal": amount,
        "taxes": [],
    } | more


def take_items(work: Work, invoice: Json) -> None:
    """Put the customer's pending invoice items on a draft that is not stored yet."""
    for item in reversed(work.store.select("invoiceitem", equal={"customer": invoice["customer"], "_pending": True})):
        add_item(work, invoice, item)


def add_item(work: Work, invoice: Json, item: Json) -> None:
    parent = {
        "invoice_item_details": {
            "invoice_item": item["id"],
            "proration": False,
            "proration_details": None,
            "subscription": None,
        },
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }
    made = line(
        work, invoice, item["amount"], item["description"], parent=parent, period=item["period"],
        metadata=item["metadata"], pricing=item["pricing"], quantity=item["quantity"],
    )  # fmt: skip
    invoice["lines"]["data"].append(made)
    work.change(item, None, invoice=invoice["id"], _pending=False)


def totalled(work: Work, invoice: Json) -> Json:
    """The draft with sums that fit its lines. What the customer's balance covers is known when it is finalized."""
    total = sum(each["amount"] for each in invoice["lines"]["data"])
    customer = work.require("customer", invoice["customer"], "customer")
    due = max(0, total + customer["balance"])
    return invoice | {
        "amount_due": due,
        "amount_remaining": due,
        "starting_balance": customer["balance"],
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
    }


def finalize_when_heard(work: Work, invoice_id: str) -> None:
    """Job: open a draft an hour after its creation; while nobody acknowledges hearing of it, up to three days later."""
    invoice = work.find("invoice", invoice_id)
    if invoice is None or invoice.get("deleted") or invoice["status"] != "draft" or not invoice["auto_advance"]:
        return
    if work.queue.refused("invoice.created", invoice_id) and work.now < invoice["created"] + LONGEST_GRACE_S:
        work.schedule(work.now + GRACE_S, FINALIZE, invoice_id)
    else:
        finalize(work, invoice)


def finalize(work: Work, invoice: Json) -> Json:
    """Open a draft: its lines are fixed, the customer's balance is applied, collection begins."""
    if invoice["status"] != "draft":
        raise StripeError("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    if invoice.get("_subscription"):
        subscription = work.require("subscription", invoice["_subscription"], "subscription")
        invoice = _with_usage(work, invoice, subscription)
    invoice = totalled(work, invoice)
    customer = work.require("customer", invoice["customer"], "customer")
    due, left = _apply_balance(work, customer, invoice)
    customer = work.require("customer", invoice["customer"], "customer")
    number = customer["next_invoice_sequence"]
    work.change(customer, None, next_invoice_sequence=number + 1)
    opened = work.change(
        invoice,
        "invoice.finalized",
        amount_due=due,
        amount_remaining=due,
        automatically_finalizes_at=None,
        effective_at=work.now,
        ending_balance=left,
        hosted_invoice_url=f"{work.base_url}/i/{invoice['id']}/{random_text(12)}",
        invoice_pdf=f"{work.base_url}/i/{invoice['id']}/pdf",
        number=f"{customer['invoice_prefix'] or 'BIOQL'}-{number:04d}",
        status="open",
        status_transitions=invoice["status_transitions"] | {"finalized_at": work.now},
        lines=invoice["lines"],
    )
    return invoice_collection.begin(work, opened)


def _apply_balance(work: Work, customer: Json, invoice: Json) -> tuple[int, int]:
    """What is left to pay and the customer's balance afterwards, in cents."""
    total, balance, currency = invoice["total"], customer["balance"], invoice["currency"]
    due = max(0, total + balance)
    applied = due - total
    kind = "applied_to_invoice"
    if 0 < due < SMALLEST_DUE:
        # Too little to charge: it goes on the next invoice.
        applied, due, kind = -total, 0, "invoice_too_small"
    if applied:
        adjust(work, customer, -applied, currency, kind, invoice=invoice["id"])
    return due, balance - applied
