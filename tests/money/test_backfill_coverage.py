"""Up to when everything that Stripe lists is here, who makes sure of it, and what Stripe no longer lists."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bioql_console.services import missed_events
from bioql_console.services.changes import Changes
from bioql_console.services.event_decisions import DECISIONS
from bioql_console.services.missed_events import MissedEvents
from tests.money.desks import Desk, many, month, opened
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


def coverage(desk: Desk) -> Any:
    with desk.world.database.read() as work:
        return work.coverage.get()


def test_a_later_look_begins_where_the_last_one_was_complete(desk: Desk) -> None:
    many(desk.world, 250, desk.world.now_ms() // 1000 - 20 * DAY, apart_s=3_600)
    first = desk.missed.catch_up()
    assert first is not None
    assert len(first.events) == 250
    desk.start()
    desk.world.advance(DAY)
    again = desk.missed.catch_up()
    assert again is not None
    assert again.looked_at < 5
    assert 0 <= desk.world.now_ms() - missed_events.POLL_GRACE_MS - coverage(desk).complete_until_ms < 60_000


def test_new_sorts_of_events_are_looked_for_in_all_that_stripe_has(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.missed.catch_up()
    desk.world.advance(DAY)
    monkeypatch.setattr("bioql_console.services.event_feed.DECISIONS", {**DECISIONS, "charge.expired": None})
    look = desk.missed.catch_up()
    assert look is not None
    assert 0 <= desk.world.now_ms() - missed_events.KEPT_MS - look.since_ms < 60_000


def test_a_month_away_is_said_to_be_beyond_stripes_list(desk: Desk) -> None:
    world = desk.world
    desk.missed.catch_up()
    last_ms = coverage(desk).complete_until_ms
    month(world)
    world.advance(40 * DAY)
    desk.start()
    desk.missed.catch_up()
    found = coverage(desk)
    assert found.lost_from_ms == last_ms
    assert 0 <= world.now_ms() - missed_events.KEPT_MS - found.lost_until_ms < 60_000
    desk.missed.catch_up()
    assert coverage(desk).lost_from_ms == last_ms, "It stays until somebody has looked at the money."
    desk.missed.reconciled("ana", "Compared with Stripe's payments")
    assert coverage(desk).lost_from_ms is None


def test_a_ledger_that_begins_now_has_lost_nothing(desk: Desk) -> None:
    desk.missed.catch_up()
    assert coverage(desk).lost_from_ms is None


def test_of_two_consoles_one_looks_until_it_is_gone(desk: Desk) -> None:
    other = MissedEvents(desk.world.database, desk.world.stripe, Changes(), desk.world.now_ms)
    assert desk.missed.catch_up(claim_ms=90_000) is not None
    assert other.catch_up(claim_ms=90_000) is None
    desk.world.advance(60)
    assert desk.missed.catch_up(claim_ms=90_000) is not None
    desk.world.advance(60)
    assert other.catch_up(claim_ms=90_000) is None
    desk.world.advance(60)
    assert other.catch_up(claim_ms=90_000) is not None
    other.stop_following()
    assert desk.missed.catch_up(claim_ms=90_000) is not None


def test_a_clock_that_was_ahead_hides_nothing(desk: Desk) -> None:
    right = desk.world.now_ms
    desk.missed._now_ms = lambda: right() + 30 * DAY * 1_000
    desk.missed.catch_up()
    assert coverage(desk).complete_until_ms > right() + 29 * DAY * 1_000
    desk.missed._now_ms = right
    many(desk.world, 3, right() // 1_000 - DAY)
    found = desk.missed.catch_up()
    assert found is not None
    assert len(found.events) == 3
    assert coverage(desk).complete_until_ms <= right()
