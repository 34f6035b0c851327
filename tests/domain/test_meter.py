"""What Stripe's meter and price must look like, and what each difference means for the money."""

from dataclasses import replace
from typing import Any

import pytest

from bioql_console.domain.meter import Check, Meter, MeteredPrice, check_meter, check_price

METER = Meter("mtr_1", "BioQL Quantum Shots Usage", "quantum_shot", "sum", "stripe_customer_id", "value", True)
PRICE = MeteredPrice(
    "price_1", "BioQL Quantum Computing", "bioql_quantum_shot_usd", "usd", "1", "metered", "mtr_1", True
)


def differing(checks: list[Check]) -> list[tuple[str, str | None]]:
    return [(check.what, check.actual) for check in checks if not check.agrees]


def test_what_is_as_expected_raises_no_alarm() -> None:
    checks = [*check_meter(METER), *check_price(PRICE, METER)]
    assert differing(checks) == []
    assert not any(check.consequence for check in checks)


@pytest.mark.parametrize(
    ("changed", "what", "actual"),
    [
        ({"event_name": "shots"}, "Event name", "shots"),
        ({"aggregation": "count"}, "Aggregation", "count"),
        ({"customer_key": "customer"}, "Customer key", "customer"),
        ({"value_key": "shots"}, "Value key", "shots"),
        ({"active": False}, "State", "archived"),
        ({"display_name": "Shots"}, "Display name", "Shots"),
    ],
)
def test_each_difference_of_the_meter_is_one_line(changed: dict[str, Any], what: str, actual: str) -> None:
    checks = check_meter(replace(METER, **changed))
    assert differing(checks) == [(what, actual)]
    assert [bool(check.consequence) for check in checks] == [not check.agrees for check in checks]


@pytest.mark.parametrize(
    ("changed", "what", "actual"),
    [
        ({"currency": "eur"}, "Currency", "eur"),
        ({"unit_amount": "2"}, "Unit amount", "2¢"),
        ({"unit_amount": "0.1"}, "Unit amount", "0.1¢"),
        ({"usage_type": "licensed"}, "Usage type", "licensed"),
        ({"meter_id": "mtr_2"}, "Meter", "mtr_2"),
        ({"meter_id": ""}, "Meter", "none"),
        ({"active": False}, "State", "archived"),
        ({"product_name": "Another"}, "Product", "Another"),
    ],
)
def test_each_difference_of_the_price_is_one_line(changed: dict[str, Any], what: str, actual: str) -> None:
    checks = check_price(replace(PRICE, **changed), METER)
    assert differing(checks) == [(what, actual)]
    assert [bool(check.consequence) for check in checks] == [not check.agrees for check in checks]


def test_what_is_missing_says_what_it_costs() -> None:
    (meter,), (price,) = check_meter(None), check_price(None, METER)
    assert (meter.agrees, price.agrees) == (False, False)
    assert "invoice nothing" in meter.consequence
    assert "$0" in price.consequence
    assert ("Meter", "mtr_1") in differing(check_price(PRICE, None)), "a price without its meter counts nothing"
