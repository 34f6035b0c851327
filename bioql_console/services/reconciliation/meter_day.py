"""One customer's day at Stripe's meter, asked again right before something is done about it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME, Meter
from bioql_console.domain.reconciliation import Difference, day_start_ms

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway


def day_start(one: Difference) -> int:
    """The start of a difference's UTC day, in ms."""
    return day_start_ms(date.fromisoformat(one.day))


def counted_by(
    gateway: "StripeGateway", meters: Sequence[Meter], customer: str, from_ms: int, to_ms: int
) -> dict[int, Decimal]:
    """Units of a customer by start of UTC day, of all these meters together."""
    total: dict[int, Decimal] = {}
    for meter in meters:
        for day, units in gateway.metered_by_day(meter.id, customer, from_ms, to_ms).items():
            total[day] = total.get(day, Decimal()) + units
    return total


def require_meter_total(gateway: "StripeGateway", one: Difference) -> None:
    """That Stripe still counts what it counted: what it counts late must not be corrected too.

    Raises:
        OperatorError: `reconcile.changed`.
    """
    start = day_start(one)
    right = [meter for meter in gateway.meters_of(EVENT_NAME) if meter.counts_right]
    counted = counted_by(gateway, right, one.customer, start, start + DAY_MS)
    if int(counted.get(start, 0)) != (one.stripe_cents or 0):
        raise OperatorError(
            "Stripe's meter counts something else for this day by now.",
            fix="Reconcile again, then look at what is left.",
            code="reconcile.changed",
        )
