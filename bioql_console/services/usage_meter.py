"""What counts usage, in the field's terms. Stripe's Billing Meter is one; another provider is another class here."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from bioql_console.domain.live_writes import Standing
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.services.live_lock import acting_for

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway

# Failures of `report` that are about this one event.
KNOWN = "meter.known"
# Nothing counts this usage now; it waits until there is a meter again.
NO_METER = "meter.none"


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """Usage of one customer at one time.

    Args:
        identifier: Counted once, however often it is reported, for a day at least.
        customer: The provider's id of the customer.
        units: Cents.
        attempt: Number of this try; an answer to an earlier one is not repeated.
    """

    identifier: str
    customer: str
    units: int
    at_ms: int
    properties: dict[str, str]
    attempt: int = 1


class UsageMeter(Protocol):
    """Counts usage by customer. Blocks; safe from several threads. Raises OperatorError `stripe.*`, `live.locked`."""

    def report(self, event: UsageEvent) -> None:
        """Have usage counted. It may still be refused later, by a report.

        Raises:
            OperatorError: `meter.known` when another event has this identifier, or this one arrived before;
                `meter.none` when nothing counts such usage.
        """
        ...

    def take_back(self, identifier: str) -> None:
        """Count it no more; possible for a day."""
        ...

    def total(self, customer: str, from_ms: int, until_ms: int) -> Decimal | None:
        """Units counted over whole minutes; None when there is no meter, or one that counted something else."""
        ...


class StripeUsageMeter:
    """Stripe's Billing Meter, by v1 meter events (decision 11)."""

    def __init__(self, gateway: "Callable[[], StripeGateway]") -> None:
        self._gateway = gateway

    def report(self, event: UsageEvent) -> None:
        with acting_for(Standing.USAGE):
            self._gateway().send_meter_event(
                event.identifier,
                EVENT_NAME,
                event.customer,
                event.units,
                event.at_ms,
                event.properties,
                attempt=event.attempt,
            )

    def take_back(self, identifier: str) -> None:
        self._gateway().cancel_usage(identifier)

    def total(self, customer: str, from_ms: int, until_ms: int) -> Decimal | None:
        gateway = self._gateway()
        # Also of archived ones: usage stays with the meter that it came to.
        meters = gateway.meters_of(EVENT_NAME)
        total = Decimal() if meters else None
        for meter in meters:
            counted = gateway.meter_total(meter.id, customer, from_ms, until_ms)
            if counted and not meter.counts_right:
                return None
            total = total + counted if total is not None else None
        return total
