"""What a shot costs: the price of its time, an exact name before a pattern."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.prices import DEFAULT_PRICES_MICROS, Price, PriceList, UnknownBackend, normal_backend

PRICES = PriceList(
    (
        Price("ibm_*", 3, 0),
        Price("ibm_*", 4, 100),
        Price("ibm_t*", 5, 100),
        Price("ibm_torino", 9, 200),
        Price("simulator", 1, 0),
        Price("later", 7, 500),
    )
)


@pytest.mark.parametrize(
    ("backend", "at_ms", "micros"),
    [
        ("ibm_kyiv", 0, 3),
        ("ibm_kyiv", 99, 3),
        ("ibm_kyiv", 100, 4),
        ("ibm_torino", 100, 5),
        ("ibm_torino", 200, 9),
        ("  IBM Torino ", 200, 9),
        ("ibm-torino", 200, 9),
        ("SIMULATOR", 10**15, 1),
    ],
)
def test_a_shot_costs_what_was_in_force(backend: str, at_ms: int, micros: int) -> None:
    assert PRICES.micros_per_shot(backend, at_ms) == micros


@pytest.mark.parametrize(
    ("backend", "at_ms"), [("abacus", 5), ("", 5), ("ibm", 5), ("later", 499), ("simulator2", 5), ("simulator", -1)]
)
def test_a_backend_without_a_price_is_never_free(backend: str, at_ms: int) -> None:
    with pytest.raises(UnknownBackend):
        PRICES.micros_per_shot(backend, at_ms)


@given(st.text(max_size=20))
def test_one_spelling_per_backend(name: str) -> None:
    assert normal_backend(normal_backend(name)) == normal_backend(name)


@given(st.integers(0, 1_000), st.integers(0, 1_000), st.permutations(PRICES.prices))
def test_a_price_set_for_later_leaves_the_past_alone(at_ms: int, ahead: int, prices: list[Price]) -> None:
    """And the order in which prices were stored does not matter."""
    now = PRICES.micros_per_shot("ibm_torino", at_ms)
    more = PriceList((*prices, Price("ibm_torino", 99, at_ms + ahead + 1)))
    assert more.micros_per_shot("ibm_torino", at_ms) == now


def test_first_list_covers_the_backends_sold() -> None:
    prices = PriceList(tuple(Price(pattern, micros, 0) for pattern, micros in DEFAULT_PRICES_MICROS.items()))
    assert prices.micros_per_shot("simulator", 1) == 10_000
    assert prices.micros_per_shot("ibm_torino", 1) == 3_000_000
    assert all(type(price.micros_per_shot) is int and price.micros_per_shot > 0 for price in prices.prices)
