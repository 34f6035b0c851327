"""Numbers as people read them, exact to the cent."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QLocale

from bioql_console.domain.money import cents_half_up
from bioql_console.ui import formats
from bioql_console.ui.widgets.fields import parse_dollars

DAY = 86_400_000


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = QLocale()
    formats.choose_locale("en")
    yield
    QLocale.setDefault(before)


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (350_000_000, "$350.00"),
        (0, "$0.00"),
        (-9_900_000, "−$9.90"),
        (1_234_567_890_000, "$1,234,567.89"),
        (5_000, "$0.01"),
        (4_999, "$0.00"),
        (-5_000, "−$0.01"),
    ],
)
def test_dollars(micros: int, shown: str) -> None:
    assert formats.dollars(micros) == shown


def test_signs_dashes_and_every_digit() -> None:
    assert formats.signed_dollars(300_000_000) == "+$300.00"
    assert formats.dollars_or_dash(0) == "—"
    assert formats.exact_dollars(12_345) == "$0.012345"
    assert formats.exact_dollars(1_500_000) == "$1.50"
    assert formats.plain_amount(-1_234_500_000) == "-1234.50"


def test_spanish_numbers() -> None:
    formats.choose_locale("es")
    assert formats.dollars(1_234_567_890_000) == "$1.234.567,89"


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_what_is_shown_is_what_is_typed(micros: int) -> None:
    assert parse_dollars(formats.dollars(micros)) == cents_half_up(micros) * 10_000


@pytest.mark.parametrize("text", ["", "abc", "1.234", "1e5", "--5", "$", "12,34.5.6", "٣", "9" * 30])
def test_what_is_no_amount_in_cents_is_refused(text: str) -> None:
    assert parse_dollars(text) is None


def test_times() -> None:
    assert formats.ago(0, 500) == "just now"
    assert formats.ago(0, 3_000) == "3 seconds ago"
    assert formats.ago(0, DAY) == "1 day ago"
    assert formats.short_ago(None, DAY) == "—"
    assert formats.short_ago(0, 28 * DAY) == "28 d"
    assert formats.countdown(24 * 3_600_000 - 1) == "23 h 59 min"
    assert formats.countdown(32_000) == "0:32"
    assert formats.countdown(-5) == "0:00"
    assert formats.plural(1, "user", "users") == "1 user"
    assert formats.plural(12_480, "user", "users") == "12,480 users"
