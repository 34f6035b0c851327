"""Several workers on one inbox: events about the same customer, payment or invoice are applied one after the other."""

from typing import Any

from bioql_console.domain.webhooks import Claim, ReceivedEvent
from bioql_console.services.event_content import part_of, text_of
from bioql_console.services.ports import Work

NAMES = ("id", "customer", "payment_intent", "charge", "invoice")


def about(content: dict[str, Any]) -> frozenset[str]:
    """Ids of what an event is about. Of two events that share one, the earlier is applied first."""
    target = part_of(part_of(content, "data"), "object")
    found = {text_of(target, name) for name in NAMES}
    found.add(text_of(part_of(target, "payment"), "payment_intent"))
    found.add(text_of(part_of(content, "related_object"), "id"))
    return frozenset(found - {""})


def take(event: ReceivedEvent, content: dict[str, Any], work: Work) -> Claim:
    """Claim an event, what it is about and its user's money until the transaction ends; waits for nobody."""
    claim = work.inbox.claim(event.id, about(content))
    if claim is not Claim.MINE:
        return claim
    user_id = _user_of(content, work)
    return claim if user_id is None or work.ledger.hold(user_id) else Claim.BUSY


def _user_of(content: dict[str, Any], work: Work) -> int | None:
    """Whose money it is about: named by the customer, or by a payment or invoice that we know."""
    target = part_of(part_of(content, "data"), "object")
    if (customer := text_of(target, "customer")) and (user := work.users.by_customer(customer)):
        return user.id
    payment, invoice_id = text_of(target, "payment_intent"), text_of(target, "invoice")
    if payment and (link := work.checkouts.by_payment(payment)):
        return link.user_id
    if payment and not invoice_id:
        invoice_id = work.invoices.of_payment(payment) or ""
    invoice = work.invoices.get(invoice_id) if invoice_id else None
    return invoice.user_id if invoice else None
