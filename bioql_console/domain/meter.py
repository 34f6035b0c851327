"""The Billing Meter and the metered price: what we expect, what Stripe has, and what a difference means."""

from dataclasses import dataclass

EVENT_NAME = "quantum_shot"
METER_NAME = "BioQL Quantum Shots Usage"
PRODUCT_NAME = "BioQL Quantum Computing"
PRICE_LOOKUP_KEY = "bioql_quantum_shot_usd"
UNIT_AMOUNT_CENTS = 1
CUSTOMER_KEY = "stripe_customer_id"
VALUE_KEY = "value"


@dataclass(frozen=True, slots=True)
class Meter:
    """A billing meter as Stripe has it."""

    id: str
    display_name: str
    event_name: str
    aggregation: str
    customer_key: str
    value_key: str
    active: bool


@dataclass(frozen=True, slots=True)
class MeteredPrice:
    """A price as Stripe has it. `unit_amount` is in cents, kept as text because Stripe allows fractions."""

    id: str
    product_name: str
    lookup_key: str
    currency: str
    unit_amount: str
    usage_type: str
    meter_id: str
    active: bool


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
        _check(
            "State", "active", "active" if meter.active else "archived", "Stripe refuses usage for an archived meter."
        ),
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
        _check("Currency", "usd", price.currency, "Customers would be charged in another currency."),
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
        _check("Product", PRODUCT_NAME, price.product_name, "Invoices name another product."),
    ]


def _check(what: str, expected: str, actual: str, consequence: str) -> Check:
    return Check(what, expected, actual, "" if actual == expected else consequence)
