"""`/v1/invoices`: drafts, open, paid, void and uncollectible ones."""

from ..errors import Json, StripeError, missing_param
from ..params import (
    EXPAND,
    PAGE,
    Anything,
    Choice,
    Flag,
    Group,
    Integer,
    Metadata,
    Range,
    Table,
    Text,
    merged_metadata,
)
from ..registry import Resource, Route, retrieve
from ..work import Work
from . import invoice_collection, invoice_making
from .customer_balance import adjust
from .subscription_params import payment_method

METHODS = Choice(of=("charge_automatically", "send_invoice"))
SHARED: Table = {
    "auto_advance": Flag(),
    "collection_method": METHODS,
    "custom_fields": Anything(),
    "days_until_due": Integer(least=0),
    "default_payment_method": Text(),
    "description": Text(),
    "due_date": Integer(),
    "footer": Text(),
    "metadata": Metadata(),
    "payment_settings": Anything(),
    "statement_descriptor": Text(longest=22),
    **EXPAND,
}
CREATE: Table = SHARED | {
    "currency": Text(pattern="[A-Za-z]{3}"),
    "customer": Text(required=True),
    "pending_invoice_items_behavior": Choice(of=("exclude", "include")),
}
PAY: Table = {
    "forgive": Flag(),
    "off_session": Flag(),
    "paid_out_of_band": Flag(),
    "payment_method": Text(),
    **EXPAND,
}
STATUS = Choice(of=("draft", "open", "paid", "uncollectible", "void"))
LIST: Table = PAGE | {
    "collection_method": METHODS,
    "created": Range(),
    "customer": Text(),
    "status": STATUS,
    "subscription": Text(),
}


def _template() -> Json:
    nothing = (
        *("account_tax_ids", "amount_paid_off_stripe", "application", "automatically_finalizes_at"),
        *("confirmation_secret", "custom_fields", "customer_account", "customer_shipping", "default_payment_method"),
        *("description", "due_date", "effective_at", "ending_balance", "footer", "from_invoice", "hosted_invoice_url"),
        *("invoice_pdf", "last_finalization_error", "latest_revision", "next_payment_attempt", "number"),
        *("on_behalf_of", "parent", "receipt_number", "rendering", "shipping_cost", "shipping_details"),
        *("default_source", "statement_descriptor", "test_clock", "threshold_reason", "webhooks_delivered_at"),
    )
    return dict.fromkeys(nothing) | {
        "account_country": "US",
        "account_name": "BioQL offline",
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {
            "disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None,
        },
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "metadata": {},
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }  # fmt: skip


def _create(work: Work) -> Json:
    given = work.params
    customer = work.require("customer", given["customer"], "customer")
    made = invoice_making.draft(work, customer)
    made |= _fields(work, given, made)
    made["auto_advance"] = bool(given.get("auto_advance"))
    made["currency"] = (given.get("currency") or made["currency"]).lower()
    if given.get("pending_invoice_items_behavior") == "include":
        invoice_making.take_items(work, made)
    made = invoice_making.totalled(work, made)
    if made["auto_advance"]:
        made["automatically_finalizes_at"] = work.now + invoice_making.GRACE_S
        work.schedule(work.now + invoice_making.GRACE_S, invoice_making.FINALIZE, made["id"])
    return work.save(made, "invoice.created")


def _fields(work: Work, given: Json, present: Json) -> Json:
    names = ("custom_fields", "description", "footer", "statement_descriptor")
    fields: Json = {name: given[name] for name in names if name in given}
    if "default_payment_method" in given:
        fields["default_payment_method"] = payment_method(work, given, present["customer"])
    if "metadata" in given:
        fields["metadata"] = merged_metadata(present["metadata"], given["metadata"])
    method = given.get("collection_method") or present["collection_method"]
    fields["collection_method"] = method
    due = given.get("due_date") or present["due_date"]
    if given.get("days_until_due") is not None:
        due = work.now + given["days_until_due"] * invoice_making.DAY_S
    if method == "send_invoice" and due is None:
        raise missing_param("days_until_due")
    fields["due_date"] = due if method == "send_invoice" else None
    return fields


def _update(work: Work) -> Json:
    invoice = _addressed(work)
    given = work.params
    fields = _fields(work, given, invoice)
    if invoice["status"] != "draft" and any(fields[name] != invoice[name] for name in fields if name != "metadata"):
        raise StripeError("Finalized invoices can't be updated in this way.", code="invoice_not_editable")
    if "auto_advance" in given:
        fields["auto_advance"] = given["auto_advance"]
        if given["auto_advance"] and invoice["status"] == "draft":
            work.schedule(work.now + invoice_making.GRACE_S, invoice_making.FINALIZE, invoice["id"])
    return work.change(invoice, "invoice.updated", **fields)


def _addressed(work: Work, *statuses: str, verb: str = "") -> Json:
    invoice = work.addressed("invoice", "invoice")
    if statuses and invoice["status"] not in statuses:
        raise StripeError(f"You can only {verb} invoices that are {' or '.join(statuses)}; it is {invoice['status']}.")
    return invoice


def _delete(work: Work) -> Json:
    invoice = _addressed(work, "draft", verb="delete")
    if invoice.get("_subscription"):
        raise StripeError("You can't delete an invoice that belongs to a subscription; void it once it is finalized.")
    for item in work.store.select("invoiceitem", equal={"invoice": invoice["id"]}):
        work.change(item, None, invoice=None, _pending=True)
    gone = {"id": invoice["id"], "object": "invoice", "deleted": True}
    work.store.put(gone)
    work.emit("invoice.deleted", invoice)
    return gone


def _finalize(work: Work) -> Json:
    invoice = _addressed(work)
    if "auto_advance" in work.params:
        invoice = work.change(invoice, None, auto_advance=work.params["auto_advance"])
    return invoice_making.finalize(work, invoice)


def _pay(work: Work) -> Json:
    invoice = _addressed(work)
    if invoice["status"] == "draft":
        invoice = invoice_making.finalize(work, work.change(invoice, None, auto_advance=False))
        if invoice["status"] == "paid":
            return invoice
    if invoice["status"] == "paid":
        raise StripeError("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError(f"This invoice can't be paid: it is {invoice['status']}.")
    if work.params.get("paid_out_of_band"):
        return invoice_collection.paid_outside(work, invoice)
    return invoice_collection.pay(work, invoice, work.params.get("payment_method"))


def _void(work: Work) -> Json:
    invoice = _addressed(work, "open", "uncollectible", verb="void")
    if invoice["amount_paid"]:
        raise StripeError("You can't void an invoice that was paid in part.")
    invoice_collection.close_payment(work, invoice)
    used = invoice["starting_balance"] - (invoice["ending_balance"] or 0)
    if used:
        customer = work.require("customer", invoice["customer"], "customer")
        adjust(work, customer, used, invoice["currency"], "unapplied_from_invoice", invoice=invoice["id"])
    return _ended(work, invoice, "void", "voided_at", "invoice.voided")


def _mark_uncollectible(work: Work) -> Json:
    invoice = _addressed(work, "open", verb="mark uncollectible")
    return _ended(work, invoice, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")


def _ended(work: Work, invoice: Json, status: str, moment: str, event: str) -> Json:
    work.store.cancel_job(invoice_collection.COLLECT, invoice["id"])
    moments = invoice["status_transitions"] | {moment: work.now}
    return work.change(invoice, event, next_payment_attempt=None, status=status, status_transitions=moments)


def _send(work: Work) -> Json:
    invoice = _addressed(work)
    if invoice["status"] == "draft":
        invoice = invoice_making.finalize(work, invoice)
    work.emit("invoice.sent", invoice)
    return invoice


def _lines(work: Work) -> Json:
    return work.page_of("line_item", _addressed(work)["lines"]["data"])


def _payments(work: Work, invoice: Json) -> Json:
    found = work.store.select("invoice_payment", equal={"invoice": invoice["id"]})
    data = [{name: value for name, value in each.items() if not name.startswith("_")} for each in found]
    return {"object": "list", "data": data, "has_more": False, "url": f"/v1/invoices/{invoice['id']}/payments"}


def _list(work: Work) -> Json:
    equal: Json = {
        name: work.params[name] for name in ("customer", "status", "collection_method") if work.params.get(name)
    }
    if work.params.get("subscription"):
        equal["_subscription"] = work.params["subscription"]
    return work.page("invoice", equal=equal, created=work.params.get("created"))


def _invoice_payments(work: Work) -> Json:
    equal: Json = {name: work.params[name] for name in ("invoice", "status") if work.params.get(name)}
    if payment := work.params.get("payment"):
        equal["_payment_intent"] = payment.get("payment_intent") or ""
    return work.page("invoice_payment", equal=equal, created=work.params.get("created"))


INVOICE = "/v1/invoices/{invoice}"
OF_PAYMENT: Table = {
    "payment_intent": Text(),
    "type": Choice(of=("charge", "payment_intent", "payment_record"), required=True),
}
RESOURCE = Resource(
    "invoice",
    routes=(
        Route("POST", "/v1/invoices", _create, CREATE),
        Route("GET", "/v1/invoices", _list, LIST),
        Route("GET", INVOICE, retrieve("invoice", "invoice")),
        Route("POST", INVOICE, _update, SHARED),
        Route("DELETE", INVOICE, _delete, {}),
        Route("GET", INVOICE + "/lines", _lines, PAGE),
        Route("POST", INVOICE + "/finalize", _finalize, EXPAND | {"auto_advance": Flag()}),
        Route("POST", INVOICE + "/pay", _pay, PAY),
        Route("POST", INVOICE + "/void", _void),
        Route("POST", INVOICE + "/mark_uncollectible", _mark_uncollectible),
        Route("POST", INVOICE + "/send", _send),
    ),
    template=_template,
    lookups=("customer", "status", "collection_method", "_subscription"),
    expand={
        "customer": "customer",
        "default_payment_method": "payment_method",
        "payments": _payments,
        "subscription": "subscription",
    },
    jobs={
        invoice_making.FINALIZE: invoice_making.finalize_when_heard,
        invoice_collection.COLLECT: invoice_collection.collect_again,
    },
)
PAYMENTS = Resource(
    "invoice_payment",
    routes=(
        Route(
            "GET",
            "/v1/invoice_payments",
            _invoice_payments,
            PAGE
            | {
                "created": Range(),
                "invoice": Text(),
                "payment": Group(of=OF_PAYMENT),
                "status": Choice(of=("canceled", "open", "paid")),
            },
        ),
        Route("GET", "/v1/invoice_payments/{invoice_payment}", retrieve("invoice_payment", "invoice_payment")),
    ),
    lookups=("invoice", "status", "_payment_intent"),
    expand={"invoice": "invoice", "payment.payment_intent": "payment_intent"},
)
