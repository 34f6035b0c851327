"""One customer's day at Stripe's meter, asked again right before something is done about it."""

from datetime import date
from typing import TYPE_CHECKING

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.reconciliation import Difference, day_start_ms

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway


def day_start(one: Difference) -> int:
    """The start of a difference's UTC day, in ms."""
    return day_start_ms(date.fromisoformat(one.day))


def require_meter_total(gateway: "StripeGateway", one: Difference) -> None:
    """That Stripe still counts what it counted: what it counts late must not be corrected too.

    Raises:
        OperatorError: `reconcile.changed`.
    """
    meter = gateway.find_meter(EVENT_NAME)
    start = day_start(one)
    counted = gateway.metered_by_day(meter.id, one.customer, start, start + DAY_MS) if meter else {}
    if int(counted.get(start, 0)) != (one.stripe_cents or 0):
        raise OperatorError(
            "Stripe's meter counts something else for this day by now.",
            fix="Reconcile again, then look at what is left.",
            code="reconcile.changed",
        )
