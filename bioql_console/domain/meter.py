"""The Billing Meter and the metered price: what we expect, what Stripe has, and what a difference means."""

from dataclasses import dataclass
from datetime import UTC, datetime

from bioql_console.domain.money import USD

EVENT_NAME = "quantum_shot"
METER_NAME = "BioQL Quantum Shots Usage"
PRODUCT_NAME = "BioQL Quantum Computing"
PRICE_LOOKUP_KEY = "bioql_quantum_shot_usd"
UNIT_AMOUNT_CENTS = 1
CUSTOMER_KEY = "stripe_customer_id"
VALUE_KEY = "value"


@dataclass(frozen=True, slots=True)
class Meter:
    """A billing meter as Stripe has it. `archived_ms`: since when it counts nothing, where that is known."""

    id: str
    display_name: str
    event_name: str
    aggregation: str
    customer_key: str
    value_key: str
    active: bool
    archived_ms: int | None = None

    @property
    def counts_right(self) -> bool:
        """Whether what can never be changed is as it must be: event name, aggregation, keys."""
        counted = (self.event_name, self.aggregation, self.customer_key, self.value_key)
        return counted == (EVENT_NAME, "sum", CUSTOMER_KEY, VALUE_KEY)


@dataclass(frozen=True, slots=True)
class MeteredPrice:
    """A price as Stripe has it.

    Args:
        unit_amount: Cents, kept as text because Stripe allows fractions.
        replaces: Id of the price in whose place this console made it; empty for the first one.
    """

    id: str
    product_name: str
    lookup_key: str
    currency: str
    unit_amount: str
    usage_type: str
    meter_id: str
    active: bool
    product_id: str = ""
    product_active: bool = True
    replaces: str = ""

    def charges_right(self, meter_id: str) -> bool:
        """Whether what can never be changed is as it must be: currency, amount, usage type, meter."""
        charged = (self.currency, self.unit_amount, self.usage_type, self.meter_id)
        return charged == (USD, str(UNIT_AMOUNT_CENTS), "metered", meter_id)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of expected beside actual.

    Args:
        actual: None while it is not known.
        consequence: What it means for the money when they differ; empty when they agree.
    """

    what: str
    expected: str
    actual: str | None
    consequence: str = ""

    @property
    def agrees(self) -> bool:
        return self.actual == self.expected


def check_meter(meter: Meter | None) -> list[Check]:
    """Expected beside actual for the meter; a missing meter is one line."""
    if meter is None:
        return [
            Check(
                "Meter",
                f"{EVENT_NAME} · sum",
                "missing",
                "Usage reaches no meter: Stripe would invoice nothing for it.",
            )
        ]
    return [
        _check("Event name", EVENT_NAME, meter.event_name, "Our usage goes to no meter."),
        _check("Aggregation", "sum", meter.aggregation, "Stripe would not add up the charges, so its total is wrong."),
        _check("Customer key", CUSTOMER_KEY, meter.customer_key, "Stripe can't tell whose usage it is and refuses it."),
        _check("Value key", VALUE_KEY, meter.value_key, "Stripe finds no value in our usage and refuses it."),
        _check("State", "active", "active" if meter.active else "archived", _archived(meter)),
        _check("Display name", METER_NAME, meter.display_name, "Only the name in Stripe's dashboard differs."),
    ]


def check_price(price: MeteredPrice | None, meter: Meter | None) -> list[Check]:
    """Expected beside actual for the metered price."""
    if price is None:
        return [
            Check(
                "Price",
                "1¢ per unit, metered",
                "missing",
                "Usage is counted but has no price: it would be invoiced at $0.",
            )
        ]
    meter_id = meter.id if meter else "no meter"
    return [
        _check("Currency", USD, price.currency, "Customers would be charged in another currency."),
        _check(
            "Unit amount",
            f"{UNIT_AMOUNT_CENTS}¢",
            f"{price.unit_amount}¢",
            "Stripe's invoices differ from our ledger by this factor.",
        ),
        _check("Usage type", "metered", price.usage_type, "Stripe would charge a fixed amount instead of usage."),
        _check("Meter", meter_id, price.meter_id or "none", "The price counts another meter's usage, or none."),
        _check(
            "State",
            "active",
            "active" if price.active else "archived",
            "New subscriptions can't use an archived price.",
        ),
        _product(price),
    ]


def _archived(meter: Meter) -> str:
    if meter.archived_ms is None:
        return "Usage goes to no meter: Stripe refuses it, and it waits here."
    since = datetime.fromtimestamp(meter.archived_ms // 1000, UTC)
    return f"Usage since {since:%d %b %H:%M} UTC goes to no meter: Stripe refuses it, and it waits here."


def _product(price: MeteredPrice) -> Check:
    if price.product_active or price.product_name != PRODUCT_NAME:
        return _check("Product", PRODUCT_NAME, price.product_name, "Invoices name another product.")
    archived = f"{price.product_name} (archived)"
    return _check("Product", PRODUCT_NAME, archived, "New subscriptions can't use an archived product's price.")


def _check(what: str, expected: str, actual: str, consequence: str) -> Check:
    return Check(what, expected, actual, "" if actual == expected else consequence)
