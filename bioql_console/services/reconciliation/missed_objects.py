"""Applying what was missed: the event itself while Stripe keeps it, else the object as it stands there.

Either way it goes through the inbox and the same decisions as every event, so that nothing is posted in another way,
and nothing twice.
"""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from bioql_console.domain.cash import Part
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.reconciliation import Difference
from bioql_console.domain.refunds import NOT_REFUNDED
from bioql_console.domain.webhooks import EventSource, EventState, ReceivedEvent
from bioql_console.services.event_intake import parse
from bioql_console.services.reconciliation.tools import Tools
from bioql_console.services.stripe_types import Content

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway

# An event is made within minutes of what it is about; a bank debit's comes days later and is not looked for.
AROUND_MS = 10 * 60_000
INVOICE_EVENTS = {
    "paid": "invoice.paid",
    "void": "invoice.voided",
    "uncollectible": "invoice.marked_uncollectible",
}
CHECKOUT = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
Missed = tuple[str, Content]


def apply_from_stripe(tools: Tools, one: Difference) -> str:
    """Bring it in and apply it.

    Raises:
        OperatorError: `reconcile.gone` when Stripe does not have it any more, `reconcile.not_applied` with the reason.
    """
    events = [_event(tools, kind, content, one.since_ms) for kind, content in _objects(tools.stripe.gateway(), one)]
    if not events:
        raise OperatorError(
            "Stripe does not have it any more, or says nothing of where it came from.",
            fix="Reconcile again; if it is still there, adjust the user's balance with a reason and accept it.",
            code="reconcile.gone",
        )
    with tools.store.write() as work:
        work.inbox.add(events)
        for event in events:
            work.inbox.reopen(event.id)
        work.commit()
    tools.applier.apply_waiting()
    for event in events:
        fate = _fate(tools, event.id)
        if fate is not None and fate[0] is EventState.QUARANTINED:
            raise OperatorError(
                f"It was fetched, but can't be applied: {fate[1]}",
                fix="Mend what it names, then repair again.",
                code="reconcile.not_applied",
            )
    return f"Applied {' and '.join(event.type for event in events)}"


def _event(tools: Tools, kind: str, content: Content, at_ms: int) -> ReceivedEvent:
    """Stripe's own event, unless it is gone or was settled before; then one of ours."""
    gateway, now_ms = tools.stripe.gateway(), tools.now_ms()
    found = _original(gateway, kind, content, at_ms, now_ms)
    fate = _fate(tools, found.id) if found else None
    if found is not None and (fate is None or fate[0] is EventState.QUARANTINED):
        return found
    return _made_up(kind, content, at_ms, now_ms)


def _fate(tools: Tools, event_id: str) -> tuple[EventState, str] | None:
    with tools.store.read() as work:
        return work.reconciliation.fate_of(event_id)


def _objects(gateway: "StripeGateway", one: Difference) -> list[Missed]:
    """What was missed, each with the event that would have told of it."""
    if one.kind in (Kind.SUBSCRIPTION_MISSED, Kind.SUBSCRIPTION_ENDED):
        found = gateway.subscription(one.stripe_id)
        return [("customer.subscription.updated", found)] if found else []
    part = one.details.get("part", "")
    if part == Part.REFUND.value:
        charges = [each for each in gateway.charges_of(one.stripe_id) if each.get("status") == "succeeded"]
        refunds = gateway.refunds_of(one.stripe_id)
        return [
            *(("charge.refunded", charge) for charge in charges),
            *(("refund.failed" if each.get("status") in NOT_REFUNDED else "refund.updated", each) for each in refunds),
        ]
    if part == Part.DISPUTE.value:
        dispute = gateway.dispute(one.stripe_id)
        closed = dispute is not None and dispute.get("status") in ("won", "lost")
        return [] if dispute is None else [("charge.dispute.closed" if closed else "charge.dispute.created", dispute)]
    if one.stripe_id.startswith("in_"):
        return _of_invoice(gateway, one.stripe_id)
    sessions = [each for each in gateway.sessions_of(one.stripe_id) if each.get("payment_status") == "paid"]
    return [(CHECKOUT[0], session) for session in sessions]


def _of_invoice(gateway: "StripeGateway", invoice: str) -> list[Missed]:
    found = gateway.invoice(invoice)
    if found is None:
        return []
    paid = [each for each in gateway.payments_of_invoice(invoice) if each.get("status") == "paid"]
    kind = INVOICE_EVENTS.get(str(found.get("status")), "invoice.updated")
    return [(kind, found), *(("invoice_payment.paid", each) for each in paid)]


def _original(gateway: "StripeGateway", kind: str, content: Content, at_ms: int, now_ms: int) -> ReceivedEvent | None:
    """The event that Stripe sent, if it still keeps it and it says what is true now."""
    kinds = CHECKOUT if kind in CHECKOUT else (kind,)
    for event in gateway.events_around(kinds, at_ms - AROUND_MS, at_ms + AROUND_MS):
        told: Any = (event.get("data") or {}).get("object") or {}
        if told.get("id") == content.get("id") and _same(told, content):
            return parse(json.dumps(event, ensure_ascii=False).encode(), "", EventSource.BACKFILL, now_ms)
    return None


def _same(told: Content, content: Content) -> bool:
    """Whether an event tells of what stands at Stripe now, not of an earlier state."""
    names = ("status", "payment_status", "amount_refunded", "amount_paid")
    return all(told.get(name) == content.get(name) for name in names)


def _made_up(kind: str, content: Content, at_ms: int, now_ms: int) -> ReceivedEvent:
    """An event of our own with the object as it stands. Its id follows from its content: again is not twice."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(f"{kind}{text}".encode()).hexdigest()[:24]
    body = {
        "id": f"reconciled_{digest}",
        "object": "event",
        "type": kind,
        "created": at_ms // 1000,
        "livemode": bool(content.get("livemode")),
        "api_version": "",
        "data": {"object": content},
    }
    return parse(json.dumps(body, ensure_ascii=False).encode(), "", EventSource.BACKFILL, now_ms)
