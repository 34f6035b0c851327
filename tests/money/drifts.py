"""What can be wrong with meter and price at Stripe: each made wrong as somebody in the dashboard would."""

from collections.abc import Callable
from typing import Any

from bioql_console.domain.meter import EVENT_NAME, METER_NAME, PRICE_LOOKUP_KEY, PRODUCT_NAME
from tests.money.world import World


def _meter(world: World) -> Any:
    return world.objects("billing.meter", event_name=EVENT_NAME, status="active")[-1]


def _price(world: World) -> Any:
    return world.objects("price", lookup_key=PRICE_LOOKUP_KEY)[-1]


def other_meter(world: World, **changed: Any) -> None:
    """Another meter and a price on it stand where ours stood."""
    gateway = world.stripe.gateway()
    gateway.deactivate_meter(_meter(world)["id"])
    wanted: dict[str, Any] = {
        "display_name": METER_NAME,
        "event_name": EVENT_NAME,
        "default_aggregation": {"formula": "sum"},
        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
        "value_settings": {"event_payload_key": "value"},
    }
    made = gateway.ask(gateway.v1.billing.meters.create, wanted | changed)
    other_price(world, recurring={"interval": "month", "usage_type": "metered", "meter": made["id"]})


def other_price(world: World, **changed: Any) -> None:
    """Another price has taken our lookup key."""
    ours = _price(world)
    recurring = {"interval": "month", "usage_type": "metered", "meter": ours["recurring"]["meter"]}
    wanted: dict[str, Any] = {
        "currency": "usd",
        "unit_amount": 1,
        "product": ours["product"],
        "recurring": recurring,
        "lookup_key": PRICE_LOOKUP_KEY,
        "transfer_lookup_key": True,
    }
    gateway = world.stripe.gateway()
    gateway.ask(gateway.v1.prices.create, wanted | changed)


def price_of_another_meter(world: World) -> None:
    wanted = {"display_name": "Files", "event_name": "file_stored", "default_aggregation": {"formula": "sum"}}
    gateway = world.stripe.gateway()
    made = gateway.ask(gateway.v1.billing.meters.create, wanted)
    other_price(world, recurring={"interval": "month", "usage_type": "metered", "meter": made["id"]})


def other_product(world: World) -> None:
    """The price belongs to another product, while there is one of ours."""
    gateway = world.stripe.gateway()
    made = gateway.ask(gateway.v1.products.create, {"name": "Something else"})
    other_price(world, product=made["id"])


def lookup_key_lost(world: World) -> None:
    gateway = world.stripe.gateway()
    gateway.ask(gateway.v1.prices.update, _price(world)["id"], {"lookup_key": "old"})


def meter_renamed(world: World) -> None:
    world.stripe.gateway().rename_meter(_meter(world)["id"], "Shots")


def meter_archived(world: World) -> None:
    world.stripe.gateway().deactivate_meter(_meter(world)["id"])


def price_archived(world: World) -> None:
    world.stripe.gateway().set_price_active(_price(world)["id"], active=False)


def product_renamed(world: World) -> None:
    world.stripe.gateway().change_product(_price(world)["product"], name=f"{PRODUCT_NAME} (old)")


def product_archived(world: World) -> None:
    world.stripe.gateway().change_product(_price(world)["product"], active=False)


def wrong_from_the_start(world: World, **changed: Any) -> None:
    """Meter and price were never right: nothing that is there can be gone back to."""
    for gone in ("objects WHERE kind IN ('billing.meter', 'price', 'product')", "idempotency"):
        with world.sandbox._store.transaction():
            world.sandbox._store.db.execute(f"DELETE FROM {gone}")
    gateway = world.stripe.gateway()
    wanted: dict[str, Any] = {
        "display_name": METER_NAME,
        "event_name": EVENT_NAME,
        "default_aggregation": {"formula": "sum"},
        "unit_amount": 1,
        "currency": "usd",
        "product": PRODUCT_NAME,
    } | changed
    price = {name: wanted.pop(name) for name in ("unit_amount", "currency", "product")}
    meter = gateway.ask(gateway.v1.billing.meters.create, wanted)["id"]
    product = gateway.ask(gateway.v1.products.create, {"name": price["product"]})["id"]
    if price["product"] != PRODUCT_NAME:
        gateway.ask(gateway.v1.products.create, {"name": PRODUCT_NAME})
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter}
    made = {"recurring": recurring, "lookup_key": PRICE_LOOKUP_KEY}
    gateway.ask(gateway.v1.prices.create, price | {"product": product} | made)


COUNTS = {"default_aggregation": {"formula": "count"}}
OTHER_CUSTOMER = {"customer_mapping": {"type": "by_id", "event_payload_key": "customer"}}
OTHER_VALUE = {"value_settings": {"event_payload_key": "shots"}}
# By name: what makes it wrong, and the lines of the comparison that then differ.
DRIFTS: dict[str, tuple[Callable[[World], None], set[str]]] = {
    "meter renamed": (meter_renamed, {"Display name"}),
    "meter archived": (meter_archived, {"State"}),
    "meter that counts events": (lambda world: other_meter(world, **COUNTS), {"Aggregation"}),
    "meter of another customer key": (lambda world: other_meter(world, **OTHER_CUSTOMER), {"Customer key"}),
    "meter of another value key": (lambda world: other_meter(world, **OTHER_VALUE), {"Value key"}),
    "meter of another event": (lambda world: other_meter(world, event_name="shots"), {"State", "Meter"}),
    "price archived": (price_archived, {"State"}),
    "lookup key lost": (lookup_key_lost, {"Price"}),
    "price of another currency": (lambda world: other_price(world, currency="eur"), {"Currency"}),
    "price of another amount": (lambda world: other_price(world, unit_amount=5), {"Unit amount"}),
    "price below a cent": (
        lambda world: other_price(world, unit_amount_decimal="0.1", unit_amount=None),
        {"Unit amount"},
    ),
    "price without a meter": (
        lambda world: other_price(world, recurring={"interval": "month"}),
        {"Usage type", "Meter"},
    ),
    "price of another meter": (price_of_another_meter, {"Meter"}),
    "product renamed": (product_renamed, {"Product"}),
    "product archived": (product_archived, {"Product"}),
    "price of another product": (other_product, {"Product"}),
}
# The same from the beginning, with subscriptions to it.
NEVER_RIGHT: dict[str, dict[str, Any]] = {
    "counts events": COUNTS,
    "other customer key": OTHER_CUSTOMER,
    "other value key": OTHER_VALUE,
    "other event": {"event_name": "shots"},
    "five cents": {"unit_amount": 5},
    "other currency": {"currency": "eur"},
    "other product": {"product": "Something else"},
}
