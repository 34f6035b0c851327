"""Pages that expired and are opened again by the link in Stripe's recovery e-mail: a copy under another id."""

from ..errors import Json, StripeError
from ..ids import new_id
from ..work import Work
from .checkout_sessions import EXPIRE, LONGEST_S


def recover_by_hand(work: Work, asked: Json) -> Json:
    """`POST /_sandbox/recoveries`: the customer follows the recovery link of an expired session."""
    expired = work.require("checkout.session", str(asked.get("session")), "session")
    recovery = (expired["after_expiration"] or {}).get("recovery") or {}
    if expired["status"] != "expired" or not recovery.get("url"):
        raise StripeError(f"The session {expired['id']} has no recovery link.")
    if work.now > recovery["expires_at"]:
        raise StripeError(f"The recovery link of {expired['id']} is over.")
    copy = expired | {
        "id": new_id("cs_test_"),
        "created": work.now,
        "expires_at": work.now + LONGEST_S,
        "payment_intent": None,
        "recovered_from": expired["id"],
        "status": "open",
    }
    copy["url"] = f"{work.base_url}/c/pay/{copy['id']}"
    work.schedule(copy["expires_at"], EXPIRE, copy["id"])
    return work.save(copy)
