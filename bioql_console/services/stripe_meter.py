"""The Billing Meter, its price, and usage at Stripe."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bioql_console.domain import meter as expected
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import Meter, MeteredPrice
from bioql_console.domain.money import USD
from bioql_console.services import stripe_types
from bioql_console.services.stripe_calls import PAGE, StripeCalls
from bioql_console.services.stripe_errors import not_understood
from bioql_console.services.stripe_types import Content

MINUTE_S = 60
MOST_REPEATS = 5


class MeterCalls(StripeCalls):
    """Part of `StripeGateway`."""

    def meters_like(self, event_name: str, display_name: str) -> list[Meter]:
        """The meters with this event name or this display name, newest first."""
        found = self.ask_all(self.v1.billing.meters.list, {"limit": PAGE})
        meters = (self.read(stripe_types.meter, one) for one in found)
        return [each for each in meters if each.event_name == event_name or each.display_name == display_name]

    def meters_of(self, event_name: str) -> list[Meter]:
        """Every meter that counts or counted this event, also archived ones: usage stays with the meter it came to."""
        return [each for each in self.meters_like(event_name, "") if each.event_name == event_name]

    def find_meter(self, event_name: str) -> Meter | None:
        """The meter with this event name, an active one first."""
        return min(self.meters_of(event_name), key=lambda meter: not meter.active, default=None)

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

        create, retrieve = self.v1.billing.meters.create, self.v1.billing.meters.retrieve
        key, fits = f"bioql-meter-{expected.EVENT_NAME}", {"status": "active"}
        made = self._made(key, create, retrieve, params, look=look, fits=fits)
        return self.read(stripe_types.meter, made)

    def find_price(self, lookup_key: str) -> MeteredPrice | None:
        """The price with this lookup key; Stripe lets only one have it."""
        found = self.ask_all(self.v1.prices.list, {"lookup_keys": [lookup_key], "limit": 1})
        return next((self._price(one) for one in found), None)

    def find_product(self, name: str) -> str | None:
        """Id of the active product with this name."""
        found = self.ask_all(self.v1.products.list, {"active": True, "limit": PAGE})
        return next((self.id(one) for one in found if one.get("name") == name), None)

    def create_price(self, meter_id: str, replaces: str = "") -> MeteredPrice:
        """The metered price of one cent a unit; its product is made when there is none of that name.

        Args:
            replaces: Id of the price whose lookup key it takes over.
        """
        product = self.find_product(expected.PRODUCT_NAME)
        if product is None:
            product = self._make_product()
        params: dict[str, object] = {
            "currency": USD,
            "unit_amount": expected.UNIT_AMOUNT_CENTS,
            "lookup_key": expected.PRICE_LOOKUP_KEY,
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter_id},
            "product": product,
        }
        key = f"bioql-price-{expected.PRICE_LOOKUP_KEY}-{meter_id}-{product}"
        if replaces:
            params |= {"transfer_lookup_key": True, "metadata": {stripe_types.REPLACES: replaces}}
            key += f"-after-{replaces}"

        def look() -> Content | None:
            found = self.ask_all(self.v1.prices.list, {"lookup_keys": [expected.PRICE_LOOKUP_KEY], "limit": 1})
            return next((one for one in found if one.get("id") != replaces and _product_of(one) == product), None)

        fits = {"lookup_key": expected.PRICE_LOOKUP_KEY, "active": True}
        create, retrieve = self.v1.prices.create, self.v1.prices.retrieve
        return self._price(self._made(key, create, retrieve, params, look=look, fits=fits))

    def _make_product(self) -> str:
        create, retrieve = self.v1.products.create, self.v1.products.retrieve
        key, named = f"bioql-product-{expected.EVENT_NAME}", {"name": expected.PRODUCT_NAME}
        fits = named | {"active": True}
        return self.id(self._made(key, create, retrieve, named, look=self._product, fits=fits))

    def _product(self) -> Content | None:
        found = self.find_product(expected.PRODUCT_NAME)
        return None if found is None else {"id": found}

    def _made(
        self,
        key: str,
        create: Callable[..., Any],
        retrieve: Callable[..., Any],
        params: Content,
        *,
        look: Callable[[], Content | None],
        fits: Content,
    ) -> Content:
        """What was made just now, or for the same key before and is still as it `fits`.

        Stripe repeats its old answer to a key, even when what it tells of was changed since. The next key follows
        from that answer, so two consoles ask with the same one.
        """
        key_now = key
        for _ in range(MOST_REPEATS):
            made = self.id(self.once(key_now, create, params, look=look))
            now = self.ask(retrieve, made)
            if all(now.get(name) == value for name, value in fits.items()):
                return now
            key_now = f"{key}-not-{made}"
        raise not_understood()

    def _price(self, found: Content) -> MeteredPrice:
        product = _product_of(found)
        belongs_to = self.ask(self.v1.products.retrieve, product) if product else {}
        return self.read(lambda content: stripe_types.price(content, belongs_to), found)

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


def _product_of(price: Content) -> str:
    return stripe_types.id_of(price.get("product"))


def _counted(found: Content) -> Decimal:
    return Decimal(str(found["aggregated_value"]))
