"""`/v1/disputes`: payments that a cardholder contests. They come from outside, see `dispute_by_hand`."""

from ..errors import Json, StripeError
from ..params import EXPAND, PAGE, Flag, Group, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, listing, retrieve
from ..work import Work
from .refunds import charge_of, intent_of

DAYS_TO_ANSWER = 7
CARD = {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"}
# Stripe's magic words in test mode.
WINS, LOSES = "winning_evidence", "losing_evidence"
UPDATE: Table = {
    "evidence": Group(of={"uncategorized_text": Text(longest=20_000)}),
    "metadata": Metadata(),
    "submit": Flag(),
    **EXPAND,
}


def _template() -> Json:
    return {
        "balance_transactions": [],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}, "uncategorized_text": None},
        "is_charge_refundable": False,
        "metadata": {},
        "payment_method_details": {"card": CARD, "type": "card"},
        "reason": "fraudulent",
        "status": "needs_response",
    }


def dispute_by_hand(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/disputes`: the cardholder contests a payment."""
    charge = charge_of(work, {"payment_intent": intent_of(asked)})
    if charge["disputed"]:
        raise StripeError(f"The charge {charge['id']} is disputed already.")
    if charge["refunded"]:
        raise StripeError(f"The charge {charge['id']} was refunded in whole; nothing is left to contest.")
    dispute = work.new(
        "dispute",
        "du_",
        amount=charge["amount"] - charge["amount_refunded"],
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
        payment_intent=charge["payment_intent"],
    )
    work.save(dispute, "charge.dispute.created")
    work.emit("charge.dispute.funds_withdrawn", dispute)
    work.change(charge, "charge.updated", disputed=True, dispute=dispute["id"])
    return dispute


def _close(work: Work) -> Json:
    dispute = work.addressed("dispute", "dispute")
    if dispute["status"] in ("won", "lost"):
        raise StripeError(f"The dispute {dispute['id']} is already closed.")
    return _decide(work, dispute, won=False)


def _decide(work: Work, dispute: Json, *, won: bool) -> Json:
    closed = work.change(dispute, "charge.dispute.closed", status="won" if won else "lost")
    if won:
        work.emit("charge.dispute.funds_reinstated", closed)
        charge = work.require("charge", dispute["charge"], "charge")
        work.change(charge, None, _dispute_lost=False)
    return closed


def _update(work: Work) -> Json:
    dispute = work.addressed("dispute", "dispute")
    if dispute["status"] in ("won", "lost"):
        raise StripeError(f"The dispute {dispute['id']} is already closed.")
    fields: Json = {}
    if "metadata" in work.params:
        fields["metadata"] = merged_metadata(dispute["metadata"], work.params["metadata"])
    if work.params.get("evidence"):
        fields["evidence"] = dispute["evidence"] | work.params["evidence"]
        fields["evidence_details"] = dispute["evidence_details"] | {"has_evidence": True}
    if submits := bool(work.params.get("evidence")) and work.params.get("submit", True):
        count = dispute["evidence_details"]["submission_count"] + 1
        fields["evidence_details"] |= {"submission_count": count, "submission_method": "manual"}
        fields["status"] = "under_review"
    changed = work.change(dispute, "charge.dispute.updated", **fields)
    words = changed["evidence"]["uncategorized_text"]
    if submits and words in (WINS, LOSES):
        return _decide(work, changed, won=words == WINS)
    return changed


RESOURCE = Resource(
    "dispute",
    routes=(
        Route(
            "GET",
            "/v1/disputes",
            listing("dispute", "charge", "payment_intent"),
            PAGE | {"charge": Text(), "created": Range(), "payment_intent": Text()},
        ),
        Route("GET", "/v1/disputes/{dispute}", retrieve("dispute", "dispute")),
        Route("POST", "/v1/disputes/{dispute}", _update, UPDATE),
        Route("POST", "/v1/disputes/{dispute}/close", _close),
    ),
    template=_template,
    lookups=("charge", "payment_intent"),
    expand={"charge": "charge", "payment_intent": "payment_intent"},
)
