"""Amounts: read, written, rounded and compared without losing a micro."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.money import (
    MICROS_PER_CENT,
    MICROS_PER_UNIT,
    Money,
    cents_half_up,
    json_dollars,
    micros_from_json,
    plain_dollars,
)

ANY_MICROS = st.integers(-(10**18) + 1, 10**18 - 1)
LARGEST_KEPT = 2**63 - 1


@pytest.mark.parametrize(
    ("micros", "cents"),
    [(0, 0), (4_999, 0), (5_000, 1), (14_999, 1), (15_000, 2), (-4_999, 0), (-5_000, -1), (350_000_000, 35_000)],
)
def test_halves_are_rounded_away_from_zero(micros: int, cents: int) -> None:
    assert cents_half_up(micros) == cents


@given(ANY_MICROS)
def test_rounding_is_never_off_by_more_than_half_a_cent(micros: int) -> None:
    cents = cents_half_up(micros)
    assert type(cents) is int
    assert abs(Fraction(micros, MICROS_PER_CENT) - cents) <= Fraction(1, 2)
    assert cents_half_up(-micros) == -cents, "a debt and its mirror image round alike"


@given(ANY_MICROS, ANY_MICROS)
def test_rounding_keeps_the_order(one: int, other: int) -> None:
    smaller, larger = sorted((one, other))
    assert cents_half_up(smaller) <= cents_half_up(larger)


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (0, 0),
        (-0.0, 0),
        (350, 350_000_000),
        (0.1, 100_000),
        (-1.5, -1_500_000),
        (0.000001, 1),
        (999_999.99, 999_999_990_000),
        (Decimal("12.345678"), 12_345_678),
        (Decimal("1.50" + "0" * 60), 1_500_000),
        (999_999_999_999, 999_999_999_999_000_000),
    ],
)
def test_dollars_are_read_exactly(value: object, micros: int) -> None:
    assert micros_from_json(value) == micros


REFUSED = {
    "truth": True,
    "untruth": False,
    "text": "1",
    "nothing": None,
    "list": [1],
    "no number": float("nan"),
    "endless": float("inf"),
    "endless debt": float("-inf"),
    "quiet no number": Decimal("NaN"),
    "loud no number": Decimal("sNaN"),
    "a tenth of a micro": 0.0000001,
    "the sum of 0.1 and 0.2": 0.1 + 0.2,
    "a micro's dust": Decimal("1.000000" + "0" * 30 + "1"),
    "nearly nothing": 1e-300,
    "a trillion": 10**12,
    "more than a ledger holds": 9_300_000_000_000,
    "a short text, a giant number": Decimal("1e999999"),
    "a long number": 10**400,
    "very large": 1e300,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_amount_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"amount|NaN"):
        micros_from_json(REFUSED[name])


@given(ANY_MICROS)
def test_every_micro_survives_json_read_with_decimals(micros: int) -> None:
    text = f"{Decimal(micros) / MICROS_PER_UNIT:f}"
    assert micros_from_json(json.loads(text, parse_float=Decimal)) == micros


@given(st.integers(-(10**12), 10**12))
def test_cents_survive_the_floats_of_deployed_clients(cents: int) -> None:
    answered = json.loads(json.dumps(json_dollars(cents * MICROS_PER_CENT)))
    assert micros_from_json(answered) == cents * MICROS_PER_CENT


@given(
    st.integers() | st.floats() | st.decimals() | st.text() | st.booleans() | st.none() | st.lists(st.integers()),
)
def test_whatever_comes_is_an_amount_that_fits_or_a_refusal(value: object) -> None:
    try:
        micros = micros_from_json(value)
    except ValueError:
        return
    assert type(micros) is int
    assert abs(micros) <= LARGEST_KEPT
    assert not isinstance(value, str)


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (12_345, "$0.012345"),
        (500_000, "$0.50"),
        (350_000_000, "$350.00"),
        (-1_234_560_000, "−$1,234.56"),
        (999_999_990_000, "$999,999.99"),
    ],
)
def test_amounts_in_words(micros: int, words: str) -> None:
    assert plain_dollars(micros) == words


@given(ANY_MICROS)
def test_words_tell_the_whole_amount(micros: int) -> None:
    digits = plain_dollars(micros).replace("−", "-").replace("$", "").replace(",", "")
    assert Decimal(digits) * MICROS_PER_UNIT == micros


@given(ANY_MICROS, ANY_MICROS)
def test_amounts_add_and_subtract(one: int, other: int) -> None:
    assert Money(one) + Money(other) - Money(other) == Money(one)
    assert Money(one) - Money(other) == -(Money(other) - Money(one))
    assert str(Money(one)) == plain_dollars(one)


def test_currencies_do_not_mix() -> None:
    assert Money.from_cents(150, "eur") == Money(1_500_000, "eur")
    for mix in (Money.__add__, Money.__sub__):
        with pytest.raises(ValueError, match="usd and eur"):
            mix(Money(1), Money(1, "eur"))
