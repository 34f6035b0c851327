"""What banks do: contest a payment or only ask about it, take its money, decide, change their mind.

None of it can be asked for at Stripe's API; it comes from outside, by hand.
"""

from typing import Any

from ..errors import Json, StripeError
from ..ids import new_id
from ..work import Work
from .refunds import charge_of, intent_of

DAYS_TO_ANSWER = 7
FEE = 1_500
CARD = {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"}
UNDECIDED = ("needs_response", "under_review")
INQUIRIES = ("warning_needs_response", "warning_under_review")


def dispute_by_hand(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/disputes`: the cardholder contests a payment, or a part of it (`amount`).

    `inquiry: true` only asks about it; see `change_by_hand` for what may come of that.
    """
    charge = charge_of(work, {"payment_intent": intent_of(asked)})
    amount: Any = asked.get("amount")
    if amount is not None and (not isinstance(amount, int) or isinstance(amount, bool) or amount < 1):
        raise ValueError("amount must be a positive number of cents")
    contested = _contested(work, charge)
    left = charge["amount"] - charge["amount_refunded"] - contested
    if left <= 0 and contested:
        raise StripeError(f"The charge {charge['id']} is disputed already.")
    if left <= 0:
        raise StripeError(f"The charge {charge['id']} was refunded in whole; nothing is left to contest.")
    if amount is not None and amount > left:
        raise StripeError(f"Only {left} cents of the charge {charge['id']} are left to contest.", param="amount")
    inquiry = bool(asked.get("inquiry"))
    dispute = work.new(
        "dispute",
        "du_",
        amount=amount or left,
        charge=charge["id"],
        currency=charge["currency"],
        evidence_details={
            "due_by": work.now + DAYS_TO_ANSWER * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=inquiry,
        payment_intent=charge["payment_intent"],
        payment_method_details={"card": CARD | {"case_type": "inquiry"} if inquiry else CARD, "type": "card"},
        status="warning_needs_response" if inquiry else "needs_response",
    )
    work.save(dispute, "charge.dispute.created")
    return dispute if inquiry else withdraw(work, dispute)


def _contested(work: Work, charge: Json) -> int:
    found = work.store.select("dispute", equal={"charge": charge["id"]})
    return sum(int(one["amount"]) for one in found if one["status"] != "warning_closed" and one["status"] != "won")


def withdraw(work: Work, dispute: Json) -> Json:
    """The bank takes the money."""
    charge = work.require("charge", dispute["charge"], "charge")
    work.change(charge, "charge.updated", disputed=True, _held=charge.get("_held", 0) + dispute["amount"])
    moved = [_moved(work, dispute, -dispute["amount"], FEE)]
    changed = work.change(dispute, None, balance_transactions=moved, is_charge_refundable=False)
    work.emit("charge.dispute.funds_withdrawn", changed)
    return changed


def _moved(work: Work, dispute: Json, amount: int, fee: int) -> Json:
    words = "Chargeback withdrawal" if amount < 0 else "Chargeback reversal"
    details = [
        {"amount": fee, "application": None, "currency": "usd", "description": "Dispute fee", "type": "stripe_fee"}
    ]
    return {
        "id": new_id("txn_"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": work.now,
        "balance_type": "payments",
        "created": work.now,
        "currency": dispute["currency"],
        "description": f"{words} for {dispute['charge']}",
        "exchange_rate": None,
        "fee": fee,
        "fee_details": details if fee else [],
        "net": amount - fee,
        "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute["id"],
        "status": "available",
        "type": "adjustment",
    }


def decide(work: Work, dispute: Json, *, won: bool) -> Json:
    """The bank's last word; an inquiry just ends."""
    if dispute["status"] in INQUIRIES:
        return work.change(dispute, "charge.dispute.closed", status="warning_closed")
    charge = work.require("charge", dispute["charge"], "charge")
    amount = dispute["amount"]
    held, lost = charge.get("_held", 0) - amount, charge.get("_lost", 0) + (0 if won else amount)
    work.change(charge, None, _held=held, _lost=lost)
    closed = work.change(dispute, "charge.dispute.closed", status="won" if won else "lost")
    return _reinstate(work, closed) if won else closed


def _reinstate(work: Work, dispute: Json) -> Json:
    moved = [*dispute["balance_transactions"], _moved(work, dispute, dispute["amount"], 0)]
    changed = work.change(dispute, None, balance_transactions=moved)
    work.emit("charge.dispute.funds_reinstated", changed)
    return changed


def change_by_hand(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/dispute_changes`: `escalated` (an inquiry becomes a dispute), `won`, `lost`, or `reinstated` (a
    lost one is given back after all)."""
    dispute = work.require("dispute", str(asked.get("dispute")), "dispute")
    match asked.get("to"), dispute["status"]:
        case "escalated", status if status in INQUIRIES:
            return withdraw(work, work.change(dispute, "charge.dispute.updated", status="needs_response"))
        case "won" | "lost" as end, status if status in (*UNDECIDED, *INQUIRIES):
            return decide(work, dispute, won=end == "won")
        case "reinstated", "lost":
            charge = work.require("charge", dispute["charge"], "charge")
            work.change(charge, None, _lost=charge.get("_lost", 0) - dispute["amount"])
            return _reinstate(work, work.change(dispute, "charge.dispute.updated", status="won"))
        case to, status:
            raise ValueError(f"a dispute that is {status} can't be {to}")
