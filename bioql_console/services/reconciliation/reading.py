"""Bringing both sides into the scratch file: Stripe's first, then ours, so that nothing of ours is missed."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bioql_console.domain.cash import CashFact, CustomerRow, InvoiceRow, Part
from bioql_console.domain.money import USD
from bioql_console.domain.reconciliation import OnItsWay, utc_day
from bioql_console.domain.refunds import LOST, NOT_REFUNDED
from bioql_console.services.reconciliation.run import Run
from bioql_console.services.stripe_types import Content, id_of

REFERENCE = "bioql_reference"
# In these states a bank has the money, should Stripe list no movements; an inquiry ("warning_…") holds nothing.
HELD = frozenset(("needs_response", "under_review")) | LOST - {"prevented"}


def read_both(run: Run) -> None:
    """Everything that is compared by document.

    Raises:
        OperatorError: `stripe.*`, `db.*`, `reconcile.cancelled`.
    """
    gateway, scratch = run.gateway, run.scratch
    span = run.period.from_ms, run.period.to_ms
    run.watch.begin("Reading payments from Stripe")
    charges = _counted(run, gateway.charge_pages(*span))
    scratch.take_facts(fact for charge in charges if (fact := _payment(run, charge)))
    run.watch.begin("Reading refunds from Stripe")
    scratch.take_facts(
        fact for one in _counted(run, gateway.refund_pages(*span)) if (fact := gateway.read(refund_fact, one))
    )
    run.watch.begin("Reading disputes from Stripe")
    disputes = _counted(run, gateway.dispute_pages(*span))
    scratch.take_facts(fact for one in disputes for fact in _dispute(run, one))
    run.watch.begin("Reading customers from Stripe")
    customers = _counted(run, gateway.customer_pages(), "customers")
    scratch.take_customers(gateway.read(customer_row, one) for one in customers)
    run.watch.begin("Reading invoices from Stripe")
    invoices = _counted(run, gateway.invoice_pages(*span), "invoices")
    scratch.take_invoices("stripe", (row for one in invoices if (row := gateway.read(invoice_row, one))))
    paid = _counted(run, gateway.invoice_payment_pages(*span))
    scratch.take_payments(pair for one in paid if (pair := payment_pair(one)))
    run.watch.begin("Reading our books")
    with run.store.read() as work:
        books = work.reconciliation
        scratch.take_users(books.users())
        scratch.take_payments(books.invoice_payments())
        scratch.take_entries(books.cash(run.period))
        scratch.take_invoices("books", books.invoices(run.period))
        scratch.take_told(books.told())


def _counted(run: Run, pages: Iterator[list[Content]], name: str = "") -> Iterator[Content]:
    """The objects of all pages, with progress; one at a time in memory."""
    seen = 0
    for page in pages:
        seen += len(page)
        run.watch.look(seen)
        yield from page
    if name:
        run.counts[name] = seen


def _payment(run: Run, charge: Content) -> CashFact | None:
    if charge.get("status") == "pending":
        at_ms = int(charge["created"]) * 1000
        words = f"A bank debit of {id_of(charge.get('customer')) or 'nobody'}"
        payment = id_of(charge.get("payment_intent")) or str(charge["id"])
        run.on_its_way.append(OnItsWay(words, "The bank has not paid yet.", payment, utc_day(at_ms)))
    fact = run.gateway.read(payment_fact, charge)
    if fact is not None and not _in_dollars(charge):
        run.other_currency.append((fact, str(charge["currency"])))
        return None
    return fact


def _dispute(run: Run, dispute: Content) -> list[CashFact]:
    facts = run.gateway.read(dispute_facts, dispute)
    cents = sum(fact.cents for fact in facts)
    if dispute["status"] in LOST and cents:
        last = facts[-1]
        run.lost_disputes.append((last.document, last.payment, last.customer, cents, last.at_ms))
    return facts


def payment_fact(charge: Content) -> CashFact | None:
    """A charge as cash; None when it collected nothing."""
    cents = charge.get("amount_captured", charge["amount"])
    if charge["status"] != "succeeded" or not cents:
        return None
    payment = id_of(charge.get("payment_intent")) or str(charge["id"])
    metadata = charge.get("metadata") or {}
    at_ms = int(charge["created"]) * 1000
    reference = str(metadata.get(REFERENCE) or "")
    customer = id_of(charge.get("customer"))
    return CashFact(Part.PAYMENT.value, payment, str(charge["id"]), payment, customer, _whole(cents), at_ms, reference)


def refund_fact(refund: Content) -> CashFact | None:
    """A refund as cash that went out; None when it failed."""
    if refund["status"] in NOT_REFUNDED or not _in_dollars(refund):
        return None
    return _back(Part.REFUND, refund, "")


def dispute_facts(dispute: Content) -> list[CashFact]:
    """What a bank took, and what it gave back; nothing while it only asks."""
    if not _in_dollars(dispute):
        return []
    whole = _back(Part.DISPUTE, dispute, str(dispute["id"]))
    moved = [one for one in dispute.get("balance_transactions") or () if isinstance(one, dict)]
    if moved:
        return [
            whole._replace(id=str(one["id"]), cents=_whole(one["amount"]), at_ms=int(one["created"]) * 1000)
            for one in moved
        ]
    return [whole] if dispute["status"] in HELD else []


def _back(part: Part, thing: Content, document: str) -> CashFact:
    found: Any = thing.get("charge")
    charge: Content = found if isinstance(found, dict) else {}
    payment = id_of(thing.get("payment_intent")) or id_of(found)
    at_ms, cents = int(thing["created"]) * 1000, -_whole(thing["amount"])
    reference = str((charge.get("metadata") or {}).get(REFERENCE) or "")
    customer = id_of(charge.get("customer"))
    return CashFact(part.value, document or payment, str(thing["id"]), payment, customer, cents, at_ms, reference)


def _in_dollars(thing: Content) -> bool:
    """Amounts in other currencies are never added to ours."""
    return bool(thing["currency"] == USD)


def _whole(cents: Any) -> int:
    if type(cents) is not int:
        raise TypeError("an amount is no whole number of cents")
    return cents


def invoice_row(invoice: Content) -> InvoiceRow | None:
    """An invoice; None for the empty one that a subscription begins with."""
    total = int(invoice.get("total") or 0)
    if invoice.get("billing_reason") == "subscription_create" and not total:
        return None
    noted = int(invoice.get("pre_payment_credit_notes_amount") or 0)
    parent = invoice.get("parent") or {}
    of_subscription = bool((parent.get("subscription_details") or {}).get("subscription"))
    return InvoiceRow(
        id=str(invoice["id"]),
        customer=id_of(invoice.get("customer")),
        state=str(invoice.get("status") or ""),
        total_cents=total,
        due_cents=int(invoice.get("amount_due") or 0) + noted,
        paid_cents=int(invoice.get("amount_paid") or 0),
        created_ms=int(invoice["created"]) * 1000,
        number=str(invoice.get("number") or ""),
        by_hand=not of_subscription and "bioql_key" not in (invoice.get("metadata") or {}),
    )


def customer_row(customer: Content) -> CustomerRow:
    """A customer as far as the books know of one."""
    return CustomerRow(
        str(customer["id"]),
        str(customer.get("email") or "").casefold(),
        str((customer.get("metadata") or {}).get(REFERENCE) or ""),
        int(customer.get("balance") or 0),
        int(customer["created"]) * 1000,
    )


def payment_pair(paid: Content) -> tuple[str, str] | None:
    """A payment and the invoice it was for."""
    payment = id_of((paid.get("payment") or {}).get("payment_intent"))
    return (payment, id_of(paid.get("invoice"))) if payment else None


def facts_of(readers: Callable[[Content], CashFact | None], things: Iterable[Content], run: Run) -> list[CashFact]:
    """The facts in these objects."""
    return [fact for one in things if _in_dollars(one) and (fact := run.gateway.read(readers, one))]
