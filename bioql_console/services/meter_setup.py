"""The meter and the metered price at Stripe: how they are, and making them where they are missing."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from bioql_console.domain.meter_repair import (
    MAKING,
    Step,
    Stray,
    check_subscriptions,
    kept_price,
    plan,
    target_meter,
)
from bioql_console.services.meter_survey import MeterSurvey
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway


@dataclass(frozen=True, slots=True)
class MeterReport:
    """What Stripe has, beside what it should have.

    Args:
        steps: What mends the differences.
        notes: What is there besides and does no harm.
        strays: Subscriptions of our users by another price.
        target: Id of the meter that will count; empty when it is yet to be made.
        kept: Id of the price that will charge; empty when it is yet to be made.
    """

    meter: Meter | None
    price: MeteredPrice | None
    meter_checks: tuple[Check, ...]
    price_checks: tuple[Check, ...]
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    strays: tuple[Stray, ...] = ()
    target: str = ""
    kept: str = ""

    @property
    def complete(self) -> bool:
        """Whether both exist; they may still differ from what is expected."""
        return self.meter is not None and self.price is not None

    @property
    def creates_only(self) -> bool:
        """Whether nothing that is there has to be changed."""
        return not self.complete and all(step.kind in MAKING for step in self.steps)


class MeterSetup:
    """Finds by event name and lookup key, creates when absent, never twice."""

    def __init__(self, stripe: StripeAccess, store: Store, now_ms: Callable[[], int]) -> None:
        self._stripe = stripe
        self._store = store
        self._now_ms = now_ms
        self._survey = MeterSurvey(stripe, store)

    def inspect(self) -> MeterReport:
        """Ask Stripe. Raises OperatorError `stripe.*`."""
        found = self._survey.look()
        price_checks = [*check_price(found.price, found.meter), *check_subscriptions(found)]
        target = target_meter(found)
        return MeterReport(
            found.meter,
            found.price,
            tuple(check_meter(found.meter)),
            tuple(price_checks),
            tuple(plan(found)),
            found.notes,
            found.strays,
            target.id if target else "",
            kept_price(found),
        )

    def create_missing(self, operator: str) -> MeterReport:
        """Create what is absent, in the order Stripe needs, and look again."""
        gateway = self._stripe.gateway()
        meter = gateway.find_meter(EVENT_NAME)
        made = []
        if meter is None:
            meter = make_meter(gateway)
            made.append(("created meter", meter.id))
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


def make_meter(gateway: "StripeGateway") -> Meter:
    """Our meter, made now or by another console a moment ago."""
    try:
        return gateway.create_meter()
    except OperatorError as error:
        found = gateway.find_meter(EVENT_NAME)
        if error.code != "stripe.refused" or found is None or not found.active:
            raise
        return found
