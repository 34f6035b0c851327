"""Repairs that change something at Stripe at once. Each is made under a key that makes a repeat harmless."""

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.reconciliation import Accepted, Difference
from bioql_console.domain.refunds import RefundReason
from bioql_console.services.reconciliation.balances import AGAIN, REPAIR_PREFIX, UNDONE
from bioql_console.services.reconciliation.meter_day import require_meter_total
from bioql_console.services.reconciliation.tools import Tools


def refund_second(tools: Tools, one: Difference, remark: str, operator: str) -> str:
    """The part that was paid twice goes back. It is credit now, so nothing is owed again."""
    invoice = one.stripe_id.startswith("in_")
    seen = tools.refunds.of_invoice(one.stripe_id) if invoice else tools.refunds.look(one.stripe_id)
    cents = min(int(one.details["twice_cents"]), seen.left_cents)
    made = tools.refunds.refund(seen, cents, RefundReason.DUPLICATE, remark, operator, forgive=False)
    return f"{_dollars(cents)} go back: {made}"


def cancel_usage(tools: Tools, one: Difference, _remark: str, _operator: str) -> str:
    identifiers = one.details["identifiers"].split()
    for identifier in identifiers:
        tools.stripe.gateway().cancel_usage(identifier)
    return f"{len(identifiers):,} meter events cancelled"


def credit_usage(tools: Tools, one: Difference, remark: str, operator: str) -> str:
    """The meter keeps what it counted; the customer's balance makes up for it, and the difference is accepted."""
    gateway, excess = tools.stripe.gateway(), one.off_cents
    require_meter_total(gateway, one)
    key = f"{REPAIR_PREFIX}meter-{one.customer}-{one.day}-{one.ledger_cents or 0}-{one.stripe_cents or 0}"
    gateway.credit_balance(one.customer, excess, key, f"Usage counted too much on {one.day}", tools.now_ms())
    with tools.store.write() as work:
        words = f"{_dollars(excess)} credited: {remark}"
        work.reconciliation.accept(Accepted(one.key, one.state, words, operator, tools.now_ms()))
        work.commit()
    return f"{_dollars(excess)} credited to the customer's Stripe balance"


def tell_balance(tools: Tools, one: Difference, _remark: str, _operator: str) -> str:
    cents = one.ledger_cents or 0
    if one.details.get("state") == MessageState.REFUSED.value:
        with tools.store.write() as work:
            work.outbox.resend(int(one.details["message"]))
            work.commit()
        return f"{_dollars(cents)} is told to Stripe again"
    # It counts as sent, and Stripe may still remember its key: under the same one it would only repeat its answer.
    key = f"{one.stripe_id}{AGAIN}"
    tools.stripe.gateway().credit_balance(one.customer, cents, key, "BioQL payment", one.since_ms)
    return f"{_dollars(cents)} credited to the customer's Stripe balance"


def undo_balance(tools: Tools, one: Difference, _remark: str, _operator: str) -> str:
    by_hand = one.kind is Kind.BALANCE_BY_HAND
    key = f"{REPAIR_PREFIX}undo-{one.stripe_id}" if by_hand else f"{one.stripe_id}{UNDONE}"
    words = f"Takes back {one.stripe_id}" if by_hand else "Correction"
    tools.stripe.gateway().credit_balance(one.customer, -one.off_cents, key, words, one.since_ms)
    return f"{_dollars(one.off_cents)} taken back from the customer's Stripe balance"


def delete_customer(tools: Tools, one: Difference, _remark: str, _operator: str) -> str:
    """Only a customer that has nothing: asked again right before."""
    gateway = tools.stripe.gateway()
    found = gateway.customer(one.customer)
    holds = found is not None and (bool(found.get("balance")) or gateway.customer_is_used(one.customer))
    with tools.store.read() as work:
        ours = work.users.by_customer(one.customer) is not None
    if holds or ours:
        raise OperatorError(
            f"Customer {one.customer} is not empty: it has a card, a payment, an invoice, a subscription or a balance.",
            fix="Move what it has in Stripe's dashboard, then delete it there.",
            code="reconcile.in_use",
        )
    gateway.delete_customer(one.customer)
    return f"Customer {one.customer} deleted"


def _dollars(cents: int) -> str:
    return plain_dollars(cents * MICROS_PER_CENT)
