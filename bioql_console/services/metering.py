"""Queueing usage for Stripe's meter, in the transaction that records it."""

from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.usage import Usage
from bioql_console.services.ports import Work

# Stripe takes usage up to 35 days back; a day is kept as a margin.
OLDEST_METERED_MS = 34 * 86_400_000


def queue_usage(work: Work, usage: Usage, stripe_customer_id: str) -> None:
    """Tell Stripe's meter about a run. One unit is one cent, so Stripe's total and ours agree.

    Prices are whole cents today; should one have fractions, the value is rounded half up per run.
    """
    units = (usage.cost_micros + MICROS_PER_CENT // 2) // MICROS_PER_CENT
    if units:
        work.outbox.add(
            MessageKind.METER_EVENT,
            usage.usage_id,
            user_id=usage.user_id,
            stripe_customer_id=stripe_customer_id,
            value=units,
            occurred_ms=usage.at_ms,
            extra={"shots": str(usage.shots), "backend": usage.backend},
        )
