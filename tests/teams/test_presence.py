"""Who looks at the same customer is shown, and forgotten when they go, with or without a word."""

from collections.abc import Callable
from typing import Any

import pytest

from bioql_console.services.changes import Changes
from bioql_console.services.team import FORGOTTEN_AFTER_MS, MOST_WINDOWS, Colleague, Team
from bioql_console.storage.database import Database
from tests.teams.feeds import listening
from tests.waiting import wait_until

ADA, GRACE = Colleague("ada", "lab-1"), Colleague("grace", "lab-2")


class Clock:
    ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def team(clock: Clock, host: str, say: Callable[[Any], bool]) -> Team:
    return Team(Changes(), clock, host, say)


@pytest.mark.postgresql
def test_two_windows_at_one_customer_see_each_other(join: Callable[[], Database], clock: Clock) -> None:
    first, second = join(), join()
    with listening(first) as here, listening(second) as there:
        adas = team(clock, "lab-1", here.feed.say)
        graces = team(clock, "lab-2", there.feed.say)
        here.feed._noted, there.feed._noted = adas.hear, graces.hear
        adas.look_at("user 7", "ada")
        graces.look_at("user 7", "grace")
        wait_until(lambda: adas.others_at("user 7") == [GRACE])
        # She came later, so Ada's window said once more where it is.
        wait_until(lambda: graces.others_at("user 7") == [ADA])
        graces.look_at("user 8", "grace")
        wait_until(lambda: adas.others_at("user 7") == [])
        graces.leave()
        wait_until(lambda: adas.others_at("user 8") == [])


@pytest.fixture
def pair(clock: Clock) -> tuple[Team, Team]:
    """Two windows that hear each other at once."""
    windows: list[Team] = []

    def saying(number: int) -> Callable[[Any], bool]:
        def say(note: Any) -> bool:
            windows[1 - number].hear({**note, "writer": f"window {number}"})
            return True

        return say

    windows += [team(clock, "lab-1", saying(0)), team(clock, "lab-2", saying(1))]
    return windows[0], windows[1]


def test_a_window_that_ends_without_a_word_is_forgotten(pair: tuple[Team, Team], clock: Clock) -> None:
    adas, graces = pair
    graces.look_at("user 7", "grace")
    clock.ms += FORGOTTEN_AFTER_MS - 1
    assert adas.others_at("user 7") == [GRACE]
    graces.look_at("user 7", "grace")
    clock.ms += FORGOTTEN_AFTER_MS - 1
    assert adas.others_at("user 7") == [GRACE], "it had said it again"
    clock.ms += 1
    assert adas.others_at("user 7") == []
    told: list[object] = []
    adas._changes.subscribe(told.append)
    adas.look_at("user 1", "ada")
    assert [getattr(change, "topic", "") for change in told] == ["presence"]
    assert adas._windows == {}


@pytest.mark.parametrize(
    "note", [{}, {"writer": 5, "at": "user 7"}, {"writer": "x"}, {"writer": "x", "at": ["user 7"]}, {"at": "user 7"}]
)
def test_a_note_that_makes_no_sense_is_no_colleague(pair: tuple[Team, Team], note: dict[str, Any]) -> None:
    pair[0].hear(note)
    assert pair[0].others_at("user 7") == []


def test_whoever_floods_fills_no_memory(pair: tuple[Team, Team]) -> None:
    for number in range(1_000):
        pair[0].hear({"writer": str(number), "at": "user 7", "operator": "x" * 10_000, "host": "h"})
    assert len(pair[0]._windows) == MOST_WINDOWS
    assert all(len(each.operator) <= 60 for each in pair[0].others_at("user 7"))
