"""What may be charged in one payment: at least $0.50, at most $999,999.99, never more than is owed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.checkout import AmountRefused, chargeable_cents
from bioql_console.domain.ledger import Balance
from bioql_console.domain.money import LARGEST_CHARGE_CENTS, MICROS_PER_CENT, SMALLEST_CHARGE_CENTS, cents_half_up

CHARGED = [
    (350_000_000, None, 35_000),
    (350_004_999, None, 35_000),
    (350_005_000, None, 35_001),
    (500_000, None, 50),
    (495_000, None, 50),
    (999_999_990_000, None, 99_999_999),
    (999_999_994_999, None, 99_999_999),
    (350_000_000, 500_000, 50),
    (350_000_000, 350_000_000, 35_000),
    (350_004_000, 350_004_999, 35_000),
    (2_000_000_000_000, 999_999_990_000, 99_999_999),
]
REFUSED = [
    (350_000_000, 0, "greater than 0"),
    (350_000_000, -1, "greater than 0"),
    (350_000_000, -350_000_000, "greater than 0"),
    (0, 0, "greater than 0"),
    (0, None, "Nothing is owed"),
    (0, 1_000_000, "Nothing is owed"),
    (4_999, None, "Nothing is owed"),
    (-350_000_000, None, "Nothing is owed"),
    (494_999, None, r"smallest payment of \$0\.50"),
    (350_000_000, 494_999, r"smallest payment of \$0\.50"),
    (350_000_000, 1, r"smallest payment of \$0\.50"),
    (350_000_000, 350_010_000, r"more than is owed \(\$350\.00\)"),
    (999_999_995_000, None, r"largest single payment of \$999,999\.99"),
    (2_000_000_000_000, 1_000_000_000_000, r"largest single payment of \$999,999\.99"),
]


@pytest.mark.parametrize(("owed", "asked", "cents"), CHARGED)
def test_whole_cents_are_charged(owed: int, asked: int | None, cents: int) -> None:
    assert chargeable_cents(Balance(owed), asked) == cents


@pytest.mark.parametrize(("owed", "asked", "words"), REFUSED)
def test_what_cannot_be_charged_says_why(owed: int, asked: int | None, words: str) -> None:
    with pytest.raises(AmountRefused, match=words):
        chargeable_cents(Balance(owed), asked)


def test_credit_is_nothing_to_charge() -> None:
    with pytest.raises(AmountRefused, match="Nothing is owed"):
        chargeable_cents(Balance(0, -5_000_000))


@given(st.integers(0, 2 * 10**12), st.none() | st.integers(-(10**7), 2 * 10**12))
def test_what_is_charged_is_within_the_limits_and_the_debt(owed: int, asked: int | None) -> None:
    try:
        cents = chargeable_cents(Balance(owed), asked)
    except AmountRefused:
        return
    assert SMALLEST_CHARGE_CENTS <= cents <= LARGEST_CHARGE_CENTS
    assert cents <= cents_half_up(owed)
    assert abs(cents * MICROS_PER_CENT - (owed if asked is None else asked)) <= MICROS_PER_CENT // 2
