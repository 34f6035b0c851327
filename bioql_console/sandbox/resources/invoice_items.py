"""`/v1/invoiceitems`: what the next invoice of a customer charges besides usage."""

from ..errors import Json, StripeError
from ..params import EXPAND, PAGE, Flag, Group, Integer, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, retrieve
from ..work import Work
from . import invoice_making

PERIOD = Group(of={"end": Integer(required=True), "start": Integer(required=True)})
FIELDS: Table = {
    "amount": Integer(),
    "description": Text(),
    "discountable": Flag(),
    "metadata": Metadata(),
    "period": PERIOD,
    **EXPAND,
}
CREATE: Table = FIELDS | {
    "currency": Text(pattern="[A-Za-z]{3}"),
    "customer": Text(required=True),
    "invoice": Text(),
}
LIST: Table = PAGE | {"created": Range(), "customer": Text(), "invoice": Text(), "pending": Flag()}


def _create(work: Work) -> Json:
    given = work.params
    customer = work.require("customer", given["customer"], "customer")
    amount = given.get("amount") or 0
    made = work.new(
        "invoiceitem",
        "ii_",
        amount=amount,
        currency=(given.get("currency") or "usd").lower(),
        customer=customer["id"],
        date=work.now,
        description=given.get("description"),
        metadata=merged_metadata({}, given.get("metadata") or {}),
        net_amount=amount,
        period=given.get("period") or {"end": work.now, "start": work.now},
        pricing={"price_details": None, "type": "price_details", "unit_amount_decimal": str(amount)},
        _pending=True,
    )
    del made["created"]
    work.save(made, "invoiceitem.created")
    if given.get("invoice"):
        invoice = _draft(work, given["invoice"])
        invoice_making.add_item(work, invoice, made)
        work.change(work.require("invoice", invoice["id"], "invoice"), None, **invoice_making.totalled(work, invoice))
    return work.require("invoiceitem", made["id"], "invoiceitem")


def _draft(work: Work, invoice_id: str) -> Json:
    invoice = work.require("invoice", invoice_id, "invoice")
    if invoice["status"] != "draft":
        raise StripeError("This invoice is no longer editable.", code="invoice_not_editable", param="invoice")
    return invoice


def _pending(work: Work) -> Json:
    item = work.addressed("invoiceitem", "invoiceitem")
    if not item["_pending"]:
        raise StripeError("Invoice items that are on an invoice can't be changed here.", code="invoice_not_editable")
    return item


def _update(work: Work) -> Json:
    item = _pending(work)
    fields: Json = {name: work.params[name] for name in ("description", "period") if name in work.params}
    if work.params.get("amount") is not None:
        fields |= {"amount": work.params["amount"], "net_amount": work.params["amount"]}
    if "metadata" in work.params:
        fields["metadata"] = merged_metadata(item["metadata"], work.params["metadata"])
    return work.change(item, None, **fields)


def _delete(work: Work) -> Json:
    item = _pending(work)
    gone = {"id": item["id"], "object": "invoiceitem", "deleted": True}
    work.store.put(gone)
    work.emit("invoiceitem.deleted", item)
    return gone


def _list(work: Work) -> Json:
    equal: Json = {name: work.params[name] for name in ("customer", "invoice") if work.params.get(name)}
    if "pending" in work.params:
        equal["_pending"] = work.params["pending"]
    return work.page("invoiceitem", equal=equal, created=work.params.get("created"))


def _template() -> Json:
    nothing = ("customer_account", "frozen_fields", "invoice", "invoicing_rules", "parent", "proration_details")
    return dict.fromkeys((*nothing, "test_clock")) | {
        "discountable": True,
        "discounts": [],
        "metadata": {},
        "proration": False,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
    }


ITEM = "/v1/invoiceitems/{invoiceitem}"
RESOURCE = Resource(
    "invoiceitem",
    routes=(
        Route("POST", "/v1/invoiceitems", _create, CREATE),
        Route("GET", "/v1/invoiceitems", _list, LIST),
        Route("GET", ITEM, retrieve("invoiceitem", "invoiceitem")),
        Route("POST", ITEM, _update, FIELDS),
        Route("DELETE", ITEM, _delete, {}),
    ),
    template=_template,
    lookups=("customer", "invoice", "_pending"),
    expand={"customer": "customer", "invoice": "invoice"},
)
