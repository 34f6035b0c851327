"""The trail of activity is a chain: whatever is changed, dropped or put elsewhere shows."""

from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from bioql_console.domain.activity import Activity, link

TEXT = st.text(max_size=8)
RECORDS = st.builds(
    Activity,
    id=st.just(0),
    at_ms=st.integers(0, 2**50),
    operator=TEXT,
    action=TEXT,
    subject=TEXT,
    before=TEXT,
    after=TEXT,
    reason=TEXT,
)
TRAILS = st.lists(RECORDS, min_size=1, max_size=8)


def chained(records: list[Activity]) -> list[Activity]:
    """The records, each linked to the one before."""
    trail: list[Activity] = []
    for record in records:
        trail.append(replace(record, chain=link(trail[-1].chain if trail else "", record)))
    return trail


def broken_at(trail: list[Activity]) -> int | None:
    previous = ""
    for place, record in enumerate(trail):
        if record.chain != link(previous, record):
            return place
        previous = record.chain
    return None


@given(TRAILS)
def test_an_untouched_trail_holds(records: list[Activity]) -> None:
    trail = chained(records)
    assert broken_at(trail) is None
    assert all(len(record.chain) == 64 for record in trail)


@given(TRAILS, st.data())
def test_a_changed_word_shows_at_its_record(records: list[Activity], data: st.DataObject) -> None:
    trail = chained(records)
    place = data.draw(st.integers(0, len(trail) - 1))
    field = data.draw(st.sampled_from(("operator", "action", "subject", "before", "after", "reason")))
    forged = data.draw(TEXT)
    assume(forged != getattr(trail[place], field))
    changed: dict[str, Any] = {field: forged}
    trail[place] = replace(trail[place], **changed)
    assert broken_at(trail) == place


@given(TRAILS, st.data())
def test_a_forger_who_links_anew_is_caught_at_the_next_record(records: list[Activity], data: st.DataObject) -> None:
    trail = chained(records)
    assume(len(trail) > 1)
    place = data.draw(st.integers(0, len(trail) - 2))
    forged = replace(trail[place], at_ms=trail[place].at_ms + 1)
    trail[place] = replace(forged, chain=link(trail[place - 1].chain if place else "", forged))
    assert broken_at(trail) == place + 1


@given(TRAILS, st.data())
def test_a_missing_or_moved_record_shows(records: list[Activity], data: st.DataObject) -> None:
    trail = chained(records)
    assume(len(trail) > 1)
    place = data.draw(st.integers(0, len(trail) - 2))
    assert broken_at(trail[:place] + trail[place + 1 :]) == place
    trail[place], trail[place + 1] = trail[place + 1], trail[place]
    assert broken_at(trail) is not None


def test_words_cannot_be_shifted_from_one_field_to_the_next() -> None:
    act = Activity(0, 1, "ada", "adjusted", "user 1", "ab", "c")
    assert link("", act) != link("", replace(act, before="a", after="bc"))
    assert link("", act) != link("", replace(act, before='ab","c', after=""))
    assert link("a", act) != link("", replace(act, operator="aada"))


def test_half_a_letter_in_a_name_breaks_nothing() -> None:
    assert len(link("", Activity(0, 1, "\ud800", "did", "something"))) == 64
