"""The Billing Meter, its price, and usage at Stripe."""

from decimal import Decimal

from bioql_console.domain import meter as expected
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import Meter, MeteredPrice
from bioql_console.domain.money import USD
from bioql_console.services import stripe_types
from bioql_console.services.stripe_calls import PAGE, StripeCalls
from bioql_console.services.stripe_types import Content

MINUTE_S = 60


class MeterCalls(StripeCalls):
    """Part of `StripeGateway`."""

    def find_meter(self, event_name: str) -> Meter | None:
        """The meter with this event name, an active one first."""
        found = self.ask_all(self.v1.billing.meters.list, {"limit": PAGE})
        meters = [self.read(stripe_types.meter, one) for one in found if one.get("event_name") == event_name]
        return min(meters, key=lambda meter: not meter.active, default=None)

    def create_meter(self) -> Meter:
        """The meter that BioQL's usage is counted by. The key keeps two consoles from making two."""
        params = {
            "display_name": expected.METER_NAME,
            "event_name": expected.EVENT_NAME,
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": expected.CUSTOMER_KEY},
            "value_settings": {"event_payload_key": expected.VALUE_KEY},
        }

        def look() -> Content | None:
            found = self.ask_all(self.v1.billing.meters.list, {"limit": PAGE})
            ours = (expected.EVENT_NAME, "active")
            return next((one for one in found if (one.get("event_name"), one.get("status")) == ours), None)

        key = f"bioql-meter-{expected.EVENT_NAME}"
        return self.read(stripe_types.meter, self.once(key, self.v1.billing.meters.create, params, look=look))

    def find_price(self, lookup_key: str) -> MeteredPrice | None:
        """The price with this lookup key; Stripe lets only one have it."""
        found = self.ask_all(self.v1.prices.list, {"lookup_keys": [lookup_key], "limit": 1})
        return next((self._price(one) for one in found), None)

    def find_product(self, name: str) -> str | None:
        """Id of the active product with this name."""
        found = self.ask_all(self.v1.products.list, {"active": True, "limit": PAGE})
        return next((self.id(one) for one in found if one.get("name") == name), None)

    def create_price(self, meter_id: str) -> MeteredPrice:
        """The metered price of one cent a unit; its product is made when there is none of that name."""
        product = self.find_product(expected.PRODUCT_NAME)
        if product is None:
            named, key = {"name": expected.PRODUCT_NAME}, f"bioql-product-{expected.EVENT_NAME}"
            product = self.id(self.once(key, self.v1.products.create, named, look=self._product))
        params = {
            "currency": USD,
            "unit_amount": expected.UNIT_AMOUNT_CENTS,
            "lookup_key": expected.PRICE_LOOKUP_KEY,
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter_id},
            "product": product,
        }

        def look() -> Content | None:
            found = self.ask_all(self.v1.prices.list, {"lookup_keys": [expected.PRICE_LOOKUP_KEY], "limit": 1})
            return next((one for one in found if stripe_types.id_of(one.get("product")) == product), None)

        key = f"bioql-price-{expected.PRICE_LOOKUP_KEY}-{meter_id}-{product}"
        return self._price(self.once(key, self.v1.prices.create, params, look=look))

    def _product(self) -> Content | None:
        found = self.find_product(expected.PRODUCT_NAME)
        return None if found is None else {"id": found}

    def _price(self, found: Content) -> MeteredPrice:
        product = stripe_types.id_of(found.get("product"))
        name = self.ask(self.v1.products.retrieve, product).get("name") if product else ""
        return self.read(lambda content: stripe_types.price(content, str(name or "")), found)

    def send_meter_event(
        self,
        identifier: str,
        event_name: str,
        customer: str,
        value: int,
        timestamp_ms: int,
        extra: dict[str, str],
        attempt: int = 0,
    ) -> None:
        """Report usage. The identifier makes a second report of it harmless for at least 24 hours.

        Args:
            value: Units of the metered price.
            attempt: Number of this try. Stripe would repeat its refusal of the same idempotency key, also after its
                cause was mended.

        Raises:
            OperatorError: `meter.known` when Stripe has an event with this identifier, `meter.none`; like `ask`.
        """
        params = {
            "event_name": event_name,
            "identifier": identifier,
            "timestamp": timestamp_ms // 1000,
            "payload": {**extra, expected.CUSTOMER_KEY: customer, expected.VALUE_KEY: str(value)},
        }
        try:
            self.ask(self.v1.billing.meter_events.create, params, {"idempotency_key": f"{identifier}/{attempt}"})
        except OperatorError as error:
            if error.code in ("stripe.refused", "stripe.not_found"):
                raise _about_the_meter(error) or error from None
            raise

    def meter_total(self, meter_id: str, customer: str, start_ms: int, end_ms: int) -> Decimal:
        """Units that Stripe counted for a customer, over whole minutes. Stripe counts with some delay."""
        params = {
            "customer": customer,
            "start_time": start_ms // 1000 // MINUTE_S * MINUTE_S,
            "end_time": -(-end_ms // 1000 // MINUTE_S) * MINUTE_S,
            "limit": PAGE,
        }
        found = self.ask_all(self.v1.billing.meters.event_summaries.list, meter_id, params)
        return sum((self.read(_counted, one) for one in found), Decimal())


def _about_the_meter(error: OperatorError) -> OperatorError | None:
    """What Stripe's refusal of a meter event comes to, where more can be said than that it refused."""
    if "already exists with identifier" in error.what:
        return OperatorError(
            "Stripe knows a meter event by this identifier already.",
            fix="Send it again; it gets an identifier of its own.",
            code="meter.known",
        )
    if "No active meter" in error.what:
        return OperatorError(
            "Stripe has no active meter for this usage; it waits here.",
            fix="Create or repair the meter on the Meter page.",
            code="meter.none",
        )
    return None


def _counted(found: Content) -> Decimal:
    return Decimal(str(found["aggregated_value"]))
