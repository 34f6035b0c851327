"""Who delivers a webhook is acknowledged before what is stored is applied; applying never stands still for that."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bioql_console.services.event_intake import STORM_EVENTS, STORM_S, InboxWriter
from bioql_console.services.right_of_way import LEAST_SHARE, LOOK_AGAIN_S, BehindIntake


class Clock:
    """Time passes only while somebody rests or writes."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.rested_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def rest(self, seconds: float) -> None:
        self.now_s += seconds
        self.rested_s += seconds


class Ledger:
    """A store of which a write takes ten milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.writes = 0

    @contextmanager
    def write(self) -> Iterator[Any]:
        self.writes += 1
        yield self
        self._clock.now_s += 0.01


def write(behind: BehindIntake) -> None:
    with behind.write():
        pass


def test_in_a_storm_applying_has_its_part_of_the_time_and_no_more() -> None:
    clock = Clock()
    store: Any = Ledger(clock)
    behind = BehindIntake(store, lambda: True, clock, clock.rest)
    began_s = clock.now_s
    for _ in range(50):
        write(behind)
    assert store.writes == 50
    assert 50 * 0.01 / (clock.now_s - began_s) == pytest.approx(LEAST_SHARE, rel=0.05)


def test_applying_waits_for_nobody_when_nothing_comes() -> None:
    clock = Clock()
    store: Any = Ledger(clock)
    behind = BehindIntake(store, lambda: False, clock, clock.rest)
    for _ in range(50):
        write(behind)
    assert clock.rested_s == 0


def test_applying_goes_on_soon_after_a_storm() -> None:
    clock = Clock()
    store: Any = Ledger(clock)
    storm_ends_s = clock.now_s + 0.05
    behind = BehindIntake(store, lambda: clock.now_s < storm_ends_s, clock, clock.rest)
    write(behind)
    write(behind)
    assert clock.rested_s <= 0.05 + LOOK_AGAIN_S


def test_a_writer_is_busy_while_more_events_come_than_anybody_applies() -> None:
    clock = Clock()
    waiting = type("Waiting", (), {"set_running_or_notify_cancel": lambda _: False})
    store: Any = None
    writer = InboxWriter(store, clock_s=clock)
    event: Any = None
    for _ in range(STORM_EVENTS):
        writer.put([(event, waiting())])
    writer.close()  # all are taken from the queue; nobody waits
    assert writer.busy
    clock.now_s += STORM_S
    assert not writer.busy
