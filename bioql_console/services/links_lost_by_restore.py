"""Links that were made after the backup that was restored: the books no longer know them, Stripe's events do.

Such a session carries what we stored of the link before we asked for it, and its customer is whose link it was.
"""

from typing import Any

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.users import User
from bioql_console.services.event_content import part_of, text_of
from bioql_console.services.ports import Work

# Stripe tells when it made a session, our own clock when the backup was made.
CLOCKS_APART_MS = 3_600_000


def found_again(session: dict[str, Any], user: User, work: Work) -> CheckoutLink | None:
    """The link of a session, stored again as one that is closed; None when it can't be one of ours."""
    ours = part_of(session, "metadata")
    reference, created, cents = text_of(ours, "bioql_reference"), session.get("created"), session.get("amount_subtotal")
    version = text_of(ours, "bioql_balance_version")
    if type(created) is not int or type(cents) is not int or not version.isdecimal():
        return None
    if not reference or text_of(session, "client_reference_id") != reference:
        return None
    if text_of(ours, "bioql_user_id") != str(user.id) or not work.restores.lost(created * 1000, CLOCKS_APART_MS):
        return None
    link = CheckoutLink(
        reference=reference,
        user_id=user.id,
        amount_cents=cents,
        balance_version=int(version),
        # Nobody is sent to it any more; what was paid by it counts all the same.
        state=CheckoutState.EXPIRED,
        created_ms=created * 1000,
        operator="restore",
        user_name=user.name,
    )
    return link if work.checkouts.add(link) else None
