"""Reading the first server's dollars, times and words."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.legacy import (
    LARGEST_MICROS,
    micros_of,
    moment_ms,
    month_span_ms,
    shots_of,
    text_of,
    word_of,
)


@pytest.mark.parametrize(
    ("dollars", "micros"),
    [
        (0.1, 100_000),
        (0.1 + 0.2, 300_000),
        (1e-7, 0),
        (0.0000005, 1),
        (0.0000004999999, 0),
        (2.675, 2_675_000),
        (123_456_789.123456, 123_456_789_123_456),
        (-0.0, 0),
        (3, 3_000_000),
        ("12.50", 12_500_000),
        (" 12.5 ", 12_500_000),
        (".5", 500_000),
        (1e9, LARGEST_MICROS),
    ],
)
def test_dollars_become_exact_micros(dollars: float | str, micros: int) -> None:
    assert micros_of(dollars) == micros


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is missing"),
        ("", "is not a number"),
        ("twelve", "is not a number"),
        ("12,50", "is not a number"),
        ("1e5", "is not a number"),
        ("٣", "is not a number"),
        (b"12", "is not a number"),
        (math.nan, "is not a finite number"),
        (math.inf, "is not a finite number"),
        (-math.inf, "is not a finite number"),
        (-0.01, "is negative"),
        (-3, "is negative"),
        (1e300, "is more than a billion dollars"),
        (10**30, "is more than a billion dollars"),
    ],
)
def test_what_is_no_amount_says_why(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        micros_of(value)  # type: ignore[arg-type]


@given(st.floats(0, 1e9))
def test_no_amount_is_off_by_more_than_half_a_micro(dollars: float) -> None:
    off = Decimal(micros_of(dollars)) / 1_000_000 - Decimal(repr(dollars))
    assert -Decimal("0.0000005") < off <= Decimal("0.0000005")


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-01 00:00:00", 0),
        ("2026-11-02 08:00:00", 1_793_606_400_000),
        ("2026-11-02T08:00:00", 1_793_606_400_000),
        ("2026-11-02T08:00:00.250", 1_793_606_400_250),
        ("2026-11-02 08:00:00.2509", 1_793_606_400_250),
        ("2026-11-02T08:00:00Z", 1_793_606_400_000),
        ("2026-11-02T10:00:00+02:00", 1_793_606_400_000),
        ("2026-11-02", 1_793_577_600_000),
    ],
)
def test_times_without_a_zone_are_utc(text: str, at_ms: int) -> None:
    assert moment_ms(text) == at_ms


@pytest.mark.parametrize(
    "value",
    [None, "", "yesterday", "2026-13-01", 1_793_606_400, b"2026", "1969-12-31 23:59:59", "0001-01-01T00:00+09:00"],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"is missing|is not a time|is before 1970"):
        moment_ms(value)


@pytest.mark.parametrize(("month", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-12", 31), ("9999-12", 31)])
def test_a_month_begins_and_ends(month: str, days: int) -> None:
    first, last = month_span_ms(month)
    assert last - first + 1 == days * 86_400_000
    assert first == moment_ms(f"{month}-01")


@pytest.mark.parametrize("month", [None, "", "2026-13", "2026-1", "11/2026", "1969-12", 202611, "2026-11 "])
def test_what_is_no_month_is_refused(month: object) -> None:
    with pytest.raises(ValueError, match=r"is missing|is not a month"):
        month_span_ms(month)  # type: ignore[arg-type]


def test_shots_are_whole_and_not_negative() -> None:
    assert [shots_of(value) for value in (0, 12, 12.0, "12")] == [0, 12, 12, 12]
    for wrong in (None, -1, 1.5, "many", math.nan, math.inf, 10**18, b"1"):
        with pytest.raises(ValueError, match="is "):
            shots_of(wrong)


def test_texts_are_what_every_database_takes() -> None:
    assert [text_of(value) for value in (None, " a\x00b ", 7, b"\xff")] == ["", "ab", "7", ""]
    assert word_of(" In Progress ") == "in_progress"
