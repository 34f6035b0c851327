"""What there is at Stripe of meter, price and the subscriptions to it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from bioql_console.domain.meter import EVENT_NAME, METER_NAME, PRICE_LOOKUP_KEY, PRODUCT_NAME
from bioql_console.domain.meter_repair import Found, Stray, kept_price
from bioql_console.services.ports import Store
from bioql_console.services.settlement import uninvoiced_cents
from bioql_console.services.stripe_access import StripeAccess

if TYPE_CHECKING:
    from bioql_console.services.stripe_gateway import StripeGateway


class MeterSurvey:
    """Looks at Stripe, and whose subscriptions those are in our books. Changes nothing."""

    def __init__(self, stripe: StripeAccess, store: Store) -> None:
        self._stripe = stripe
        self._store = store

    def look(self) -> Found:
        """What there is at Stripe. Raises OperatorError `stripe.*`, `db.*`."""
        gateway = self._stripe.gateway()
        meters = tuple(gateway.meters_like(EVENT_NAME, METER_NAME))
        price = gateway.find_price(PRICE_LOOKUP_KEY)
        known = {price.id} if price else set()
        others = [each for meter in meters for each in gateway.metered_prices(meter.id) if each.id not in known]
        if price and price.replaces and price.replaces not in {each.id for each in others}:
            others.append(gateway.price(price.replaces))
        product = None
        if price is not None and price.product_name != PRODUCT_NAME:
            product = gateway.find_product(PRODUCT_NAME)
        found = Found(meters, price, tuple(others), product)
        return replace(found, strays=tuple(self._strays(gateway, found)))

    def _strays(self, gateway: "StripeGateway", found: Found) -> Iterator[Stray]:
        """Subscriptions of our users by another price; and by the right one, where a move was cut off."""
        kept = kept_price(found)
        prices = [each.id for each in (*found.others, *([found.price] if found.price else ())) if each.id != kept]
        for price in prices:
            for customer, subscription in gateway.subscriptions_to(price):
                yield from self._stray(gateway, customer, subscription, price, moved=False)
        if found.price and any(each.id == found.price.replaces and each.active for each in found.others):
            for customer, subscription in gateway.subscriptions_to(kept):
                yield from self._stray(gateway, customer, subscription, kept, moved=True)

    def _stray(
        self, gateway: "StripeGateway", customer: str, subscription: str, price: str, *, moved: bool
    ) -> Iterator[Stray]:
        with self._store.read() as work:
            user = work.users.by_customer(customer)
            # What bills the user in our books is moved; where that is done already, it is to be entered in the books.
            if user is None or (user.stripe_subscription_id == subscription) is moved:
                return
            cents = uninvoiced_cents(work, user)
        drafting = any(each.status == "draft" for each in gateway.invoices_of(customer))
        in_books = user.stripe_subscription_id or ""
        yield Stray(user.id, user.name, customer, subscription, price, cents, drafting, in_books)
