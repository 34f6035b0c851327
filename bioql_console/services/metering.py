"""Queueing usage for Stripe's meter, in the transaction that records it.

One unit is one cent, so Stripe's total and ours agree. Where a run costs fractions of a cent, they are added up over
all of the user's runs, and each full cent goes with the run that completes it.
"""

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.usage import Usage
from bioql_console.services.ports import Work

# Stripe takes usage up to 35 days back; a day is kept for the way there.
OLDEST_METERED_MS = 34 * DAY_MS


def queue_usage(work: Work, usage: Usage, stripe_customer_id: str) -> None:
    """Queue a run that was just added to the usage log, as its last one of this user."""
    earlier_micros = 0
    if fraction := usage.cost_micros % MICROS_PER_CENT:
        earlier_micros = work.usage.fractions_micros(usage.user_id) - fraction
    _add(work, usage, stripe_customer_id, _units(usage, earlier_micros))


def queue_earlier_usage(work: Work, user_id: int, stripe_customer_id: str, now_ms: int) -> int:
    """Queue what a user ran before there was a customer, as far back as Stripe takes it. Returns how many runs."""
    runs = work.usage.since(user_id, now_ms - OLDEST_METERED_MS)
    carried_micros = work.usage.fractions_micros(user_id) - sum(run.cost_micros % MICROS_PER_CENT for run in runs)
    queued = 0
    for run in runs:
        units = _units(run, carried_micros)
        _add(work, run, stripe_customer_id, units)
        carried_micros += run.cost_micros % MICROS_PER_CENT
        queued += bool(units)
    return queued


def _units(usage: Usage, earlier_micros: int) -> int:
    """Whole cents of this run, given the fractions of the runs before it."""
    return (earlier_micros % MICROS_PER_CENT + usage.cost_micros) // MICROS_PER_CENT


def _add(work: Work, usage: Usage, stripe_customer_id: str, units: int) -> None:
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
