"""The audit trail: who did what, and why, in a chain that shows tampering."""

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activity:
    """One act of an operator or of the system.

    Args:
        subject: What it was done to, e.g. "user 1042"; never a secret.
        before, after: The values that changed, as text.
        chain: SHA-256 over the previous record's chain and this record.
    """

    id: int
    at_ms: int
    operator: str
    action: str
    subject: str
    before: str = ""
    after: str = ""
    reason: str = ""
    chain: str = ""


def link(previous_chain: str, activity: Activity) -> str:
    """The chain value of a record that follows `previous_chain`."""
    text = json.dumps(
        [
            *(previous_chain, activity.at_ms, activity.operator, activity.action, activity.subject),
            *(activity.before, activity.after, activity.reason),
        ],
        ensure_ascii=False,
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
