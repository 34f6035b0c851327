"""Times in which nobody watched, and what became of them."""

from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.event_coverage import HOUR_MS, Coverage, Gap, HourOfEvents, Span, gaps, judged

SPANS = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 20)).map(lambda two: Span(two[0], two[0] + two[1])))


@given(watches=SPANS, since=st.integers(0, 60))
def test_a_moment_is_watched_or_in_a_gap(watches: list[Span], since: int) -> None:
    found = gaps(watches, since, 200)
    began = min((watch.from_ms for watch in watches), default=200)
    ended = max((watch.until_ms for watch in watches), default=0)
    for moment in range(max(since, began), ended):
        watched = any(watch.from_ms <= moment < watch.until_ms for watch in watches)
        missed = any(gap.from_ms <= moment < gap.until_ms for gap in found)
        assert watched != missed


def test_nothing_is_said_of_the_time_before_the_first_watch() -> None:
    assert gaps([Span(50, 60)], 0, 100) == []
    assert gaps([], 0, 100) == []


def test_a_gap_is_closed_by_a_later_complete_look_and_not_when_some_of_it_is_lost() -> None:
    gap = Span(10 * HOUR_MS, 12 * HOUR_MS)
    hours = [HourOfEvents(9 * HOUR_MS, 0, 5), HourOfEvents(11 * HOUR_MS, 1, 2)]
    assert judged([gap], Coverage(), hours) == [Gap(gap, closed=False, lost=False, fetched=2)]
    assert judged([gap], Coverage(11 * HOUR_MS), hours)[0].closed is False
    assert judged([gap], Coverage(12 * HOUR_MS), hours) == [Gap(gap, closed=True, lost=False, fetched=2)]
    lost = Coverage(20 * HOUR_MS, lost_from_ms=9 * HOUR_MS, lost_until_ms=11 * HOUR_MS)
    assert judged([gap], lost, hours) == [Gap(gap, closed=False, lost=True, fetched=2)]
