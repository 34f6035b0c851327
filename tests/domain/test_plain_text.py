"""Whatever somebody typed is made fit to be shown beside other things."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bioql_console.domain.plain_text import (
    FIRST,
    LAST,
    LONGEST,
    LONGEST_BLOCK,
    LONGEST_LINE,
    in_line,
    in_short_lines,
    isolated,
    shown,
)

ANYTHING = st.text(st.characters(codec=None)) | st.text(st.sampled_from("a\n\r\t\0\x1b\u202e\u2066\u2068\u2069א$1"))
STEERING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200e\u200f\u061c")


def depth_never_negative(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == FIRST) - (letter == LAST)
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.fault(
    "Text",
    "Names with controls of writing direction, terminal escapes, null bytes or halves of letters",
    "Each is shown as a mark, so that nothing beside it is reordered, hidden or run; the rest stays as it was typed.",
    figure="100 random texts, in 4 shapes each",
)
@given(ANYTHING)
@example("\u202egnp.exe")
@example("\x1b]0;owned\x07\x1b[2J")
@example(f"Ada{LAST}{LAST} owes{FIRST}")
def test_nothing_steers_what_is_beside_it(text: str) -> None:
    for made in (shown(text), in_line(text), isolated(text), in_short_lines(text)):
        assert not STEERING & set(made)
        assert all(letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs") for letter in made)
        assert depth_never_negative(made)
        made.encode()
    assert "\n" not in in_line(text) + isolated(text)
    assert shown(shown(text)) == shown(text), "once is enough"


@given(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=200).filter(lambda text: text.isprintable()))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert shown(text) == in_line(text) == text
    assert isolated(text).strip(FIRST + LAST) == text


def test_name_from_right_to_left_is_kept_apart() -> None:
    assert isolated("שלום") == f"{FIRST}שלום{LAST}"
    assert isolated("محمد") == f"{FIRST}محمد{LAST}"
    assert isolated("Ada") == "Ada"
    assert shown(f"{isolated('שלום')} owes $35.00") == f"{FIRST}שלום{LAST} owes $35.00", "our own marks stay"


def test_endless_text_is_cut_off() -> None:
    endless = "x" * 1_000_000
    assert len(shown(endless)) == LONGEST + 1
    assert len(in_line(endless)) == LONGEST_LINE + 1
    read = in_short_lines(endless)
    assert read.replace("\n", "") == endless, "where it is to be read, nothing is left out"
    assert max(map(len, read.split("\n"))) == LONGEST_BLOCK
