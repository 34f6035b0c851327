"""What mending differences sends to Stripe. Most of it goes into the books or the outbox and sends nothing at once."""

from collections.abc import Callable, Sequence

from bioql_console.domain.live_writes import Call, LivePlan
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.reconciliation import Difference
from bioql_console.domain.refunds import Refundable
from bioql_console.domain.repairs import Repair
from bioql_console.services.live_plans import making_customer, nothing, refunding
from bioql_console.services.ports import Work
from bioql_console.services.refunds import Refunds


def mend_plan(work: Work, refunds: Refunds, rows: Sequence[Difference]) -> LivePlan:
    """What mending these sends at once."""
    calls: list[Call] = []
    cents = 0
    for one in rows:
        made, money = _calls_of(work, refunds, one)
        calls += made
        cents += money
    if not calls:
        return nothing("Mend")
    title = "Mend this difference" if len(rows) == 1 else f"Mend {len(rows):,} differences"
    shown = _rows(rows) + ((("Money at Stripe", plain_dollars(cents * MICROS_PER_CENT)),) if cents else ())
    subject = rows[0].stripe_id if len(rows) == 1 else f"{len(rows):,} differences"
    return LivePlan(title, "Repair", subject, shown, tuple(calls), cents or None, changes=len(calls))


def _rows(rows: Sequence[Difference]) -> tuple[tuple[str, str], ...]:
    if len(rows) > 1:
        kinds = sorted({row.kind.value.title for row in rows})
        return (("Differences", f"{len(rows):,}"), ("Kinds", "; ".join(kinds)))
    one = rows[0]
    who = one.user_name or "none of ours"
    return (("Difference", one.kind.value.title), ("What", one.stripe_id), ("User", who), ("Repair", one.repair_words))


def _calls_of(work: Work, refunds: Refunds, one: Difference) -> tuple[list[Call], int]:
    """The calls, and the money that they move."""
    match one.repair:
        case Repair.REFUND:
            return _refund(refunds, one)
        case Repair.CANCEL_USAGE:
            taken_back = [
                Call("POST", "/v1/billing/meter_event_adjustments", {"cancel[identifier]": each})
                for each in one.details["identifiers"].split()
            ]
            return taken_back, abs(one.off_cents)
        case Repair.CREDIT_USAGE:
            return _balance(one, one.off_cents)
        case Repair.TELL_BALANCE if one.details.get("state") != MessageState.REFUSED.value:
            return _balance(one, one.ledger_cents or 0)
        case Repair.UNDO_BALANCE:
            return _balance(one, -one.off_cents)
        case Repair.DELETE_CUSTOMER:
            return [Call("DELETE", f"/v1/customers/{one.customer}")], 0
        case Repair.MAKE_CUSTOMER:
            user = work.users.get(one.user_id) if one.user_id else None
            return ([making_customer(user.email)] if user else []), 0
    return [], 0


def _refund(refunds: Refunds, one: Difference) -> tuple[list[Call], int]:
    look: Callable[[str], Refundable] = refunds.of_invoice if one.stripe_id.startswith("in_") else refunds.look
    seen = look(one.stripe_id)
    cents = min(int(one.details["twice_cents"]), seen.left_cents)
    return [refunding(seen.payment_intent, cents)], cents


def _balance(one: Difference, cents: int) -> tuple[list[Call], int]:
    path = f"/v1/customers/{one.customer}/balance_transactions"
    return [Call("POST", path, {"amount": str(-cents)})], abs(cents)
