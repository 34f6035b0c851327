"""Where no webhook arrives, Stripe's own list is followed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import EventQuery
from bioql_console.services import polling
from bioql_console.services.changes import Changes
from bioql_console.services.missed_events import MissedEvents
from bioql_console.services.polling import Polling
from tests.money.test_invoices_and_links import uses
from tests.money.world import BACK, World
from tests.waiting import wait_until


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path, "w", tmp_path_factory.getbasetemp())
    yield made
    made.close()


@pytest.fixture
def missed(world: World) -> MissedEvents:
    return MissedEvents(world.database, world.stripe, Changes(), world.now_ms, world.applier.apply_waiting)


def paid_without_a_word(world: World) -> int:
    """A link is paid and no event is delivered; the user's id."""
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 360)
    world.send()
    assert world.pay(world.links.open(ada.id, **BACK).url) == 303  # type: ignore[arg-type]
    return ada.id


def sources(world: World) -> set[str]:
    with world.database.read() as work:
        return {event.source.value for event in work.inbox.page(EventQuery(), None, 100).rows}


def test_a_desktop_without_a_tunnel_hears_of_the_payment(world: World, missed: MissedEvents) -> None:
    user_id = paid_without_a_word(world)
    assert missed.poll_last(polling.OVERLAP_MS) == 0  # it may still be on its way
    world.advance(10)
    assert missed.poll_last(polling.OVERLAP_MS) > 0
    assert world.net_cents(user_id) == 0
    assert sources(world) == {"backfill"}
    assert missed.poll_last(polling.OVERLAP_MS) == 0


def test_what_is_delivered_as_well_is_counted_once(world: World, missed: MissedEvents) -> None:
    user_id = paid_without_a_word(world)
    world.advance(10)
    missed.poll_last(polling.OVERLAP_MS)
    world.drain()
    assert world.net_cents(user_id) == 0
    world.check_books()


def test_fetching_tells_how_far_it_is_and_can_be_ended(world: World, missed: MissedEvents) -> None:
    paid_without_a_word(world)
    world.advance(600)
    told: list[tuple[int, int]] = []
    ended = missed.fetch("ana", lambda *progress: told.append(progress), cancelled=lambda: True)
    assert (ended.looked_at, ended.events, told) == (0, (), [])
    found = missed.fetch("ana", lambda *progress: told.append(progress))
    assert told[-1] == (found.looked_at, len(found.events))
    assert "checkout.session.completed" in {event.type for event in found.events}


def test_the_thread_looks_on_start_and_tries_again_after_a_failure(
    world: World, missed: MissedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "FIRST_LOOK_S", 0.01)
    looks: list[int] = []

    def look(span_ms: int) -> int:
        looks.append(span_ms)
        if len(looks) == 1:
            raise OperatorError("Stripe can't be reached.", fix="Retry.", code="stripe.unreachable")
        return 0

    monkeypatch.setattr(missed, "poll_last", look)
    thread = Polling(missed, lambda: True, every_s=0.01)
    thread.start()
    wait_until(lambda: len(looks) >= 4)
    thread.stop()
    month, hour = 30 * 86_400_000, 3_600_000
    assert looks[:4] == [month, month, hour, hour]
    assert thread.error is None
