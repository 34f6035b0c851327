"""Changing the meter, its prices and the subscriptions to them at Stripe, as far as Stripe lets them be changed."""

from collections.abc import Callable, Iterator
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import PRICE_LOOKUP_KEY, MeteredPrice
from bioql_console.services.stripe_calls import PAGE
from bioql_console.services.stripe_meter import MeterCalls
from bioql_console.services.stripe_types import StandingInvoice, id_of


class MeterRepairCalls(MeterCalls):
    """Part of `StripeGateway`. Doing what is done already changes nothing."""

    def metered_prices(self, meter_id: str) -> list[MeteredPrice]:
        """The prices by which this meter's usage is charged."""
        found = self.ask_all(self.v1.prices.list, {"recurring": {"meter": meter_id}, "limit": PAGE})
        return [self._price(one) for one in found]

    def price(self, price_id: str) -> MeteredPrice:
        return self._price(self.ask(self.v1.prices.retrieve, price_id))

    def rename_meter(self, meter_id: str, name: str) -> None:
        self.ask(self.v1.billing.meters.update, meter_id, {"display_name": name})

    def deactivate_meter(self, meter_id: str) -> None:
        """Archive it: Stripe takes no usage for it any more, and its event name is free."""
        self._unless_done(meter_id, "inactive", self.v1.billing.meters.deactivate)

    def reactivate_meter(self, meter_id: str) -> None:
        self._unless_done(meter_id, "active", self.v1.billing.meters.reactivate)

    def _unless_done(self, meter_id: str, status: str, call: Callable[..., Any]) -> None:
        """Stripe refuses to do it again; another console may have done it."""
        try:
            self.ask(call, meter_id)
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
            if self.ask(self.v1.billing.meters.retrieve, meter_id).get("status") != status:
                raise

    def change_product(self, product: str, *, name: str | None = None, active: bool | None = None) -> None:
        """Rename a product, or archive it or take that back."""
        changed: dict[str, object] = {"name": name} if name is not None else {}
        self.ask(self.v1.products.update, product, changed if active is None else changed | {"active": active})

    def set_price_active(self, price_id: str, *, active: bool) -> None:
        self.ask(self.v1.prices.update, price_id, {"active": active})

    def take_lookup_key(self, price_id: str) -> None:
        """Let this price be the one that our lookup key finds."""
        self.ask(self.v1.prices.update, price_id, {"lookup_key": PRICE_LOOKUP_KEY, "transfer_lookup_key": True})

    def subscriptions_to(self, price_id: str) -> Iterator[tuple[str, str]]:
        """Customer and id of each running subscription to a price."""
        found = self.ask_all(self.v1.subscriptions.list, {"price": price_id, "limit": PAGE})
        return ((id_of(each.get("customer")), self.id(each)) for each in found)

    def end_subscription(self, subscription: str) -> None:
        """Cancel it at once. Usage that no invoice of it took is invoiced by nobody."""
        try:
            self.ask(self.v1.subscriptions.cancel, subscription)
        except OperatorError as error:
            if error.code != "stripe.not_found":
                raise  # else it has ended already

    def invoices_of(self, customer: str) -> list[StandingInvoice]:
        """A customer's invoices as they stand, but for the empty ones that subscriptions begin with."""
        return [
            StandingInvoice(self.id(each), str(each.get("status")), int(each.get("created") or 0) * 1000)
            for each in self.ask_all(self.v1.invoices.list, {"customer": customer, "limit": PAGE})
            if each.get("total") or each.get("billing_reason") != "subscription_create"
        ]
