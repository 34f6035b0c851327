"""`/v1/disputes`: payments that a cardholder contests. They come from outside, see `dispute_life`."""

from ..errors import Json, StripeError
from ..params import EXPAND, PAGE, Flag, Group, Metadata, Range, Table, Text, merged_metadata
from ..registry import Resource, Route, listing, retrieve
from ..work import Work
from .dispute_life import CARD, INQUIRIES, UNDECIDED, decide

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


def _close(work: Work) -> Json:
    dispute = work.addressed("dispute", "dispute")
    if dispute["status"] not in (*UNDECIDED, *INQUIRIES):
        raise StripeError(f"The dispute {dispute['id']} is already closed.")
    return decide(work, dispute, won=False)


def _update(work: Work) -> Json:
    dispute = work.addressed("dispute", "dispute")
    if dispute["status"] not in (*UNDECIDED, *INQUIRIES):
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
        asks = dispute["status"] in INQUIRIES
        fields["status"] = "warning_under_review" if asks else "under_review"
    changed = work.change(dispute, "charge.dispute.updated", **fields)
    words = changed["evidence"]["uncategorized_text"]
    if submits and words in (WINS, LOSES):
        return decide(work, changed, won=words == WINS)
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
