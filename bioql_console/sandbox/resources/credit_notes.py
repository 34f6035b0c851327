"""`/v1/credit_notes`: an invoice asks for less, or gives back what was paid on it."""

from ..errors import Json, StripeError
from ..ids import new_id
from ..params import EXPAND, PAGE, Anything, Choice, Integer, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, listing, retrieve
from ..work import Work
from . import invoice_collection, refunds
from .customer_balance import adjust

CREATE: Table = {
    "amount": Integer(required=True, least=1),
    "credit_amount": Integer(least=0),
    "email_type": Choice(of=("credit_note", "none")),
    "invoice": Text(required=True),
    "lines": Anything(),
    "memo": Text(),
    "metadata": Metadata(),
    "out_of_band_amount": Integer(least=0),
    "reason": Choice(of=("duplicate", "fraudulent", "order_change", "product_unsatisfactory")),
    "refund_amount": Integer(least=0),
    **EXPAND,
}


def _create(work: Work) -> Json:
    given = work.params
    invoice = work.require("invoice", given["invoice"], "invoice")
    if invoice["status"] not in ("open", "paid"):
        words = f"Credit notes can only be made for open or paid invoices; this one is {invoice['status']}."
        raise StripeError(words, param="invoice")
    amount = given["amount"]
    before = min(amount, invoice["amount_remaining"]) if invoice["status"] == "open" else 0
    after = amount - before
    parts = {name: given.get(name) or 0 for name in ("credit_amount", "out_of_band_amount", "refund_amount")}
    _check(invoice, after, sum(parts.values()))
    note = _note(work, invoice, amount, before, after, given, parts)
    work.save(note, "credit_note.created")
    if before:
        invoice = invoice_collection.lowered(work, invoice, before)
    if after:
        note = _give_back(work, invoice, note, parts)
    return note


def _check(invoice: Json, after: int, given_back: int) -> None:
    creditable = invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"]
    if after > creditable:
        raise StripeError("The sum of credit amounts is more than what was invoiced and paid.", param="amount")
    if given_back != after:
        message = f"The refund, credit and out of band amounts must add up to {after}."
        raise StripeError(message, param="amount")


def _note(work: Work, invoice: Json, amount: int, before: int, after: int, given: Json, parts: Json) -> Json:
    count = len(work.store.select("credit_note", equal={"invoice": invoice["id"]}))
    made = work.new(
        "credit_note",
        "cn_",
        amount=amount,
        currency=invoice["currency"],
        customer=invoice["customer"],
        effective_at=work.now,
        invoice=invoice["id"],
        memo=given.get("memo"),
        metadata=merged_metadata({}, given.get("metadata") or {}),
        number=f"{invoice['number']}-CN-{count + 1:02d}",
        out_of_band_amount=parts["out_of_band_amount"] or None,
        pdf=f"{work.base_url}/cn/{invoice['id']}/{count + 1}/pdf",
        post_payment_amount=after,
        pre_payment_amount=before,
        reason=given.get("reason"),
        subtotal=amount,
        subtotal_excluding_tax=amount,
        total=amount,
        total_excluding_tax=amount,
        type="mixed" if before and after else "post_payment" if after else "pre_payment",
    )
    line: Json = {
        "id": new_id("cnli_"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": given.get("memo") or "Credit",
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    url = f"/v1/credit_notes/{made['id']}/lines"
    made["lines"] = {"object": "list", "data": [line], "has_more": False, "url": url}
    return made


def _give_back(work: Work, invoice: Json, note: Json, parts: Json) -> Json:
    fields: Json = {}
    if parts["credit_amount"]:
        customer = work.require("customer", invoice["customer"], "customer")
        credit = adjust(
            work, customer, -parts["credit_amount"], invoice["currency"], "credit_note", credit_note=note["id"]
        )
        fields["customer_balance_transaction"] = credit["id"]
    if parts["refund_amount"]:
        paid = work.store.select("invoice_payment", equal={"invoice": invoice["id"], "status": "paid"}, limit=1)
        if not paid:
            raise StripeError("No payment of this invoice can be refunded.", param="refund_amount")
        intent = paid[0]["payment"]["payment_intent"]
        refund = refunds.make(work, {"payment_intent": intent, "amount": parts["refund_amount"]})
        fields["refunds"] = [{"amount_refunded": parts["refund_amount"], "refund": refund["id"], "type": "refund"}]
    given = invoice["post_payment_credit_notes_amount"] + note["post_payment_amount"]
    work.change(invoice, "invoice.updated", post_payment_credit_notes_amount=given)
    return work.change(note, None, **fields)


def _update(work: Work) -> Json:
    note = work.addressed("credit_note")
    fields: Json = {name: work.params[name] for name in ("memo",) if name in work.params}
    if "metadata" in work.params:
        fields["metadata"] = merged_metadata(note["metadata"], work.params["metadata"])
    return work.change(note, "credit_note.updated", **fields)


def _void(work: Work) -> Json:
    note = work.addressed("credit_note")
    invoice = work.require("invoice", note["invoice"], "invoice")
    if note["status"] == "void" or note["post_payment_amount"] or invoice["status"] != "open":
        raise StripeError("Only credit notes of open invoices can be voided.")
    invoice_collection.lowered(work, invoice, -note["amount"])
    return work.change(note, "credit_note.voided", status="void", voided_at=work.now)


def _template() -> Json:
    nothing = ("customer_account", "customer_balance_transaction", "memo", "reason", "shipping_cost", "voided_at")
    return dict.fromkeys(nothing) | {
        "amount_shipping": 0,
        "discount_amount": 0,
        "discount_amounts": [],
        "metadata": {},
        "pretax_credit_amounts": [],
        "refunds": [],
        "status": "issued",
        "total_taxes": [],
    }


NOTE = "/v1/credit_notes/{id}"
RESOURCE = Resource(
    "credit_note",
    routes=(
        Route("POST", "/v1/credit_notes", _create, CREATE),
        Route(
            "GET",
            "/v1/credit_notes",
            listing("credit_note", "customer", "invoice"),
            PAGE | {"created": Range(), "customer": Text(), "invoice": Text()},
        ),
        Route("GET", NOTE, retrieve("credit_note")),
        Route("POST", NOTE, _update, EXPAND | {"memo": Text(), "metadata": Metadata()}),
        Route("POST", NOTE + "/void", _void),
    ),
    template=_template,
    lookups=("customer", "invoice"),
    expand={"customer": "customer", "invoice": "invoice"},
)
