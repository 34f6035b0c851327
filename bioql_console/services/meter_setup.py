"""The meter and the metered price at Stripe: how they are, and making them where they are missing."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import (
    EVENT_NAME,
    PRICE_LOOKUP_KEY,
    Check,
    Meter,
    MeteredPrice,
    check_meter,
    check_price,
)
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess


@dataclass(frozen=True, slots=True)
class MeterReport:
    """What Stripe has, beside what it should have."""

    meter: Meter | None
    price: MeteredPrice | None
    meter_checks: tuple[Check, ...]
    price_checks: tuple[Check, ...]

    @property
    def complete(self) -> bool:
        """Whether both exist; they may still differ from what is expected."""
        return self.meter is not None and self.price is not None


class MeterSetup:
    """Finds by event name and lookup key, creates when absent, never twice."""

    def __init__(self, stripe: StripeAccess, store: Store, now_ms: Callable[[], int]) -> None:
        self._stripe = stripe
        self._store = store
        self._now_ms = now_ms

    def inspect(self) -> MeterReport:
        """Ask Stripe. Raises OperatorError `stripe.*`."""
        gateway = self._stripe.gateway()
        meter, price = gateway.find_meter(EVENT_NAME), gateway.find_price(PRICE_LOOKUP_KEY)
        return MeterReport(meter, price, tuple(check_meter(meter)), tuple(check_price(price, meter)))

    def create_missing(self, operator: str) -> MeterReport:
        """Create what is absent, in the order Stripe needs, and look again."""
        gateway = self._stripe.gateway()
        meter = gateway.find_meter(EVENT_NAME)
        made = []
        if meter is None:
            try:
                meter = gateway.create_meter()
                made.append(("created meter", meter.id))
            except OperatorError as error:
                # Another console may have been faster; then the meter is there now.
                meter = gateway.find_meter(EVENT_NAME)
                if error.code != "stripe.refused" or meter is None:
                    raise
        if gateway.find_price(PRICE_LOOKUP_KEY) is None:
            price = gateway.create_price(meter.id)
            made.append(("created metered price", price.id))
        if made:
            with self._store.write() as work:
                for action, subject in made:
                    work.activity.record(operator, action, subject)
                work.commit()
        return self.inspect()

    def ready_price(self) -> str:
        """The metered price's id; made, with its meter, where it is missing.

        Raises:
            OperatorError: `stripe.*`, `live.locked`.
        """
        found = self._stripe.gateway().find_price(PRICE_LOOKUP_KEY) or self.create_missing("system").price
        assert found is not None
        return found.id

    def send_test_event(self, customer: str, operator: str) -> str:
        """Send one cent of usage that no ledger knows; never in Live. Returns its identifier."""
        if self._stripe.environment.livemode:
            raise OperatorError(
                "Test usage can't be sent in LIVE: a customer would pay for it.",
                fix="Switch to the Sandbox or to TEST.",
                code="meter.no_test_in_live",
            )
        identifier = f"test-{uuid.uuid4().hex}"
        self._stripe.gateway().send_meter_event(identifier, EVENT_NAME, customer, 1, self._now_ms(), {"test": "1"})
        with self._store.write() as work:
            work.activity.record(operator, "sent test meter event", identifier, after=customer)
            work.commit()
        return identifier
