"""Where no webhook arrives, Stripe's own list is followed."""

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.event_coverage import Span
from bioql_console.domain.paging import EventQuery
from bioql_console.services import polling
from bioql_console.services.changes import Changes
from bioql_console.services.event_search import Progress
from bioql_console.services.missed_events import Fetched, MissedEvents
from bioql_console.services.polling import Polling
from tests.money.test_invoices_and_links import uses
from tests.money.world import BACK, World
from tests.waiting import wait_until


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


def brought(missed: MissedEvents) -> list[str]:
    """Types of what a look brings in."""
    found = missed.catch_up()
    assert found is not None
    return [event.type for event in found.events]


def sources(world: World) -> set[str]:
    with world.database.read() as work:
        return {event.source.value for event in work.inbox.page(EventQuery(), None, 100).rows}


def test_a_desktop_without_a_tunnel_hears_of_the_payment(world: World, missed: MissedEvents) -> None:
    user_id = paid_without_a_word(world)
    assert not brought(missed)  # it may still be on its way
    world.advance(10)
    assert "checkout.session.completed" in brought(missed)
    assert world.net_cents(user_id) == 0
    assert sources(world) == {"backfill"}
    assert not brought(missed)


@pytest.mark.fault(
    "Order",
    "an event is delivered and fetched from Stripe's list as well",
    "It is counted once.",
    figure="1 payment fetched and delivered, counted once",
)
def test_what_is_delivered_as_well_is_counted_once(world: World, missed: MissedEvents) -> None:
    user_id = paid_without_a_word(world)
    world.advance(10)
    assert brought(missed)
    world.drain()
    assert world.net_cents(user_id) == 0
    world.check_books()


def test_the_thread_looks_on_start_and_tries_again_after_a_failure(
    world: World, missed: MissedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "FIRST_LOOK_S", 0.01)
    looks: list[bool] = []

    def look(away: bool, **_options: object) -> Fetched:
        looks.append(away)
        if len(looks) == 1:
            raise OperatorError("Stripe can't be reached.", fix="Retry.", code="stripe.unreachable")
        return Fetched(Progress(), (), 0)

    monkeypatch.setattr(missed, "catch_up", look)
    thread = Polling(
        missed,
        world.database,
        world.now_ms,
        enabled=lambda: True,
        hears=lambda: False,
        every_s=0.01,
    )
    thread.start()
    wait_until(lambda: len(looks) >= 4)
    thread.stop()
    assert looks[:4] == [True, True, False, False], "What came while nobody watched is told until it is known."
    assert thread.error is None


def follower(world: World, missed: MissedEvents, *, hears: bool, every_s: float | None = None) -> Polling:
    return Polling(missed, world.database, world.now_ms, enabled=lambda: True, hears=lambda: hears, every_s=every_s)


def watches(world: World) -> list[Span]:
    with world.database.read() as work:
        return work.coverage.watches(0)


def test_somebody_watches_while_webhooks_arrive_or_the_list_is_followed(
    world: World, missed: MissedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "FIRST_LOOK_S", 0.01)
    monkeypatch.setattr(polling, "WATCH_EVERY_S", 0.01)
    deaf = follower(world, missed, hears=False)
    deaf.start()
    wait_until(lambda: not deaf._first)
    deaf.stop()
    assert watches(world) == [], "One look on start is no watching."
    for kind in ({"hears": True}, {"hears": False, "every_s": 0.01}):
        world.advance(3_600)
        watching = follower(world, missed, **kind)  # type: ignore[arg-type]
        before = len(watches(world))
        watching.start()
        wait_until(lambda before=before: len(watches(world)) > before)  # type: ignore[misc]
        watching.stop()
    assert len(watches(world)) == 2


def test_another_console_may_follow_at_once_when_this_one_is_closed(
    world: World, missed: MissedEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "FIRST_LOOK_S", 0.01)
    other = MissedEvents(world.database, world.stripe, Changes(), world.now_ms)
    thread = follower(world, missed, hears=True, every_s=30)
    thread.start()
    wait_until(lambda: not thread._first)
    assert other.catch_up() is None
    thread.stop()
    assert other.catch_up() is not None
