"""More than a few missed events: brought in oldest first, with progress, and gone on with after whatever ended it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.services import event_search
from bioql_console.services.changes import Changes
from bioql_console.services.event_decisions import DECISIONS
from bioql_console.services.event_feed import families
from bioql_console.services.missed_events import Fetched, MissedEvents
from tests.money.desks import Desk, many, opened
from tests.money.test_collected_once import MEMORY
from tests.money.world import DAY


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    yield from opened(folder)


def test_more_than_one_batch_arrives_oldest_first(desk: Desk) -> None:
    many(desk.world, 320, desk.world.now_ms() // 1000 - 5 * DAY)
    found = desk.fetch()
    assert [event.id for event in found.events] == [f"evt_many{count:05d}" for count in range(320)]
    assert desk.here() == [event.id for event in found.events]
    assert (found.progress.missed, found.left, found.problem) == (320, 0, None)


def test_more_than_is_held_at_once_is_fetched_in_rounds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "MOST_HELD", 50)
    many(desk.world, 320, desk.world.now_ms() // 1000 - 5 * DAY)
    found = desk.fetch()
    assert desk.here() == [f"evt_many{count:05d}" for count in range(320)]
    assert (len(found.events), found.progress.missed, found.left) == (320, 320, 0)


def test_progress_is_told_with_the_whole(desk: Desk) -> None:
    many(desk.world, 130, desk.world.now_ms() // 1000 - DAY)
    told: list[event_search.Progress] = []
    desk.fetch(progress=told.append)
    assert told[-1].settled == told[-1].missed == 130
    assert [step.settled for step in told] == sorted(step.settled for step in told)
    assert {step.missed for step in told if step.settled} == {130}, "The whole is known before the first is fetched."


def test_ended_in_the_middle_keeps_what_is_there_and_goes_on_from_it(desk: Desk) -> None:
    many(desk.world, 130, desk.world.now_ms() // 1000 - DAY)
    told: list[int] = []
    ended = desk.fetch(progress=lambda step: told.append(step.settled), cancelled=lambda: bool(told and told[-1] >= 50))
    assert ended.cancelled
    assert len(ended.events) == 50
    assert ended.left == 80
    rest = desk.fetch()
    assert len(rest.events) == 80
    assert desk.here() == [f"evt_many{count:05d}" for count in range(130)]


@pytest.mark.parametrize(("fault", "code"), [(429, "rate_limited"), (500, "failed"), ("reset", "unreachable")])
def test_a_failure_in_the_middle_says_what_is_here_and_a_retry_goes_on(desk: Desk, fault: int | str, code: str) -> None:
    many(desk.world, 130, desk.world.now_ms() // 1000 - DAY)
    desk.way.faults = {90: fault}
    broken = desk.fetch()
    assert broken.problem is not None
    assert broken.problem.code == f"stripe.{code}"
    assert 0 < len(broken.events) < 130
    assert desk.here() == [event.id for event in broken.events]
    assert broken.left == 130 - len(broken.events)
    assert len(desk.fetch().events) == broken.left
    assert desk.here() == [f"evt_many{count:05d}" for count in range(130)]


def test_an_event_that_another_one_answers_for_is_not_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list alone proves nothing, and neither does an answer about something else."""
    many(desk.world, 2, desk.world.now_ms() // 1000 - DAY)
    gateway = desk.world.stripe.gateway()
    honest = gateway.retrieve_event
    monkeypatch.setattr(gateway, "retrieve_event", lambda _event_id: honest("evt_many00001"))
    problem = desk.fetch().problem
    assert problem is not None
    assert "evt_many00000" in problem.what
    assert desk.here() == []


def test_what_stripe_has_forgotten_meanwhile_is_left_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    many(desk.world, 3, desk.world.now_ms() // 1000 - DAY)
    gateway = desk.world.stripe.gateway()
    honest = gateway.retrieve_event
    gone = "evt_nobody_has_this"
    monkeypatch.setattr(
        gateway, "retrieve_event", lambda event_id: honest(gone if event_id == "evt_many00001" else event_id)
    )
    found = desk.fetch()
    assert (found.problem, found.left) == (None, 0)
    assert desk.here() == ["evt_many00000", "evt_many00002"]


def test_two_consoles_at_once_name_each_event_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second fetches everything while the first waits for its first answer."""
    many(desk.world, 60, desk.world.now_ms() // 1000 - DAY)
    other = MissedEvents(desk.world.database, desk.world.stripe, Changes(), desk.world.now_ms)
    both: list[Fetched] = []

    def meanwhile(step: event_search.Progress) -> None:
        if step.missed and not both:
            both.append(other.fetch("ben"))

    both.append(desk.fetch(progress=meanwhile))
    assert [len(one.events) for one in both] == [60, 0]
    assert both[1].left == 0
    assert desk.world.rows("SELECT DISTINCT deliveries FROM inbox") == [(1,)]


def test_types_about_one_object_are_read_from_one_list() -> None:
    groups = families(sorted(DECISIONS), 20)
    assert sorted(kind for group in groups for kind in group) == sorted(DECISIONS)
    assert all(len(group) <= 20 for group in groups)
    for sort in ("invoice", "customer", "charge", "checkout"):
        assert sum(any(kind.startswith(sort) for kind in group) for group in groups) == 1
    big = families([f"a.{number}" for number in range(45)], 20)
    assert [len(group) for group in big] == [20, 20, 5]
