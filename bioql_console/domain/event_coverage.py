"""How far the inbox is known to hold everything that Stripe has, and when nobody was watching."""

from collections.abc import Sequence
from dataclasses import dataclass

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the last looks through Stripe's own list of events found out.

    Args:
        complete_until_ms: Everything that Stripe made up to then is here; None before the first complete look.
        looked_ms: When that was last made sure of.
        kinds: A fingerprint of the event types that were looked for; another one means to look again.
        lost_from_ms, lost_until_ms: A time that Stripe no longer lists and in which events may be missing for good;
            None when there is none.
    """

    complete_until_ms: int | None = None
    looked_ms: int | None = None
    kinds: str = ""
    lost_from_ms: int | None = None
    lost_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A time from one moment to another."""

    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class HourOfEvents:
    """Events that Stripe made within an hour, by how they came here.

    Args:
        at_ms: The hour's start.
        delivered: By webhook, Stripe's command line or replay.
        fetched: From Stripe's own list, because nobody had heard them.
    """

    at_ms: int
    delivered: int
    fetched: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which no console was watching.

    Args:
        closed: Whether a later look through Stripe's list made sure that nothing of it is missing.
        lost: Whether Stripe no longer lists some of it, and nobody has looked at the money since.
        fetched: How many events of it were brought in afterwards.
    """

    span: Span
    closed: bool
    lost: bool
    fetched: int


def gaps(watches: Sequence[Span], since_ms: int, now_ms: int) -> list[Span]:
    """The times between watches, from `since_ms` on; what was before the first watch is not known to be one.

    Args:
        watches: In any order; they may overlap.
    """
    found: list[Span] = []
    watched_until: int | None = None
    for watch in sorted(watches, key=lambda each: each.from_ms):
        if watched_until is not None and watch.from_ms > watched_until:
            found.append(Span(max(since_ms, watched_until), watch.from_ms))
        watched_until = max(watch.until_ms, watched_until or watch.until_ms)
    return [gap for gap in found if since_ms < gap.until_ms <= now_ms]


def judged(found: Sequence[Span], coverage: Coverage, hours: Sequence[HourOfEvents]) -> list[Gap]:
    """What became of each time in which nobody watched."""
    return [_judged(span, coverage, hours) for span in found]


def _judged(span: Span, coverage: Coverage, hours: Sequence[HourOfEvents]) -> Gap:
    lost_from, lost_until = coverage.lost_from_ms, coverage.lost_until_ms
    lost = lost_from is not None and lost_until is not None and span.from_ms < lost_until and lost_from < span.until_ms
    closed = coverage.complete_until_ms is not None and coverage.complete_until_ms >= span.until_ms and not lost
    fetched = sum(hour.fetched for hour in hours if span.from_ms < hour.at_ms + HOUR_MS and hour.at_ms < span.until_ms)
    return Gap(span, closed, lost, fetched)
