"""Every call that the gateway can send to Stripe: what it needs, how it is repeated, what its failure means.

Standard library only. A new call is one more row in `reads.py` or `writes.py`; tests/gateway holds the rows against
the gateway's code and against what really leaves, and docs/stripe-calls.md is made from them.
"""

from bioql_console.services.stripe_catalog.call import Access, KeyPermission, Resource, StripeCall
from bioql_console.services.stripe_catalog.reads import READS
from bioql_console.services.stripe_catalog.writes import WRITES

CALLS: tuple[StripeCall, ...] = (*READS, *WRITES)


def calls_of(method: str) -> tuple[StripeCall, ...]:
    """What a method of the gateway can send."""
    return tuple(call for call in CALLS if method in call.used_by)


__all__ = ["CALLS", "READS", "WRITES", "Access", "KeyPermission", "Resource", "StripeCall", "calls_of"]
