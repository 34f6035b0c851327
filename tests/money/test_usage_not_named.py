"""Usage that Stripe's reports count and don't name: found by the meter's totals, or said as a number."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.domain.outbox import MessageState
from bioql_console.domain.users import User
from bioql_console.sandbox.resources import meter_errors as at_stripe
from tests.money.test_meter_errors import metered_cents, settles, usage, used_cents, uses
from tests.money.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "w")
    yield made
    made.close()


@pytest.fixture
def ada(world: World) -> User:
    return world.register("ada", "pm_card_visa")


def test_what_a_report_does_not_name_is_found_by_the_meter_or_said_as_a_number(world: World, ada: User) -> None:
    world.control("meter_validation", samples=3)
    world.control("meter_errors", code="archived_meter", count=7)
    bob = world.register("bob", "pm_card_visa")
    uses(world, ada, 1, 2, 3, 4, 5)
    uses(world, bob, 6, 7, 8)
    settles(world)
    with world.database.read() as work:
        (report,) = work.error_reports.recent(5)
    assert report.words == "Stripe counted 7, named 3; 7 found here."
    assert len(usage(world, MessageState.REFUSED)) == 7
    world.corrections.send_again([message.id for message in usage(world, MessageState.REFUSED)], "ana")
    settles(world)
    assert metered_cents(world, ada) == 3_000
    assert metered_cents(world, bob) == 4_200


def test_where_several_answers_fit_nothing_is_guessed(world: World, ada: User) -> None:
    world.control("meter_validation", samples=0)
    uses(world, ada, 1, 4)
    world.send()
    world.control("meter_errors", code="archived_meter", count=2)
    uses(world, ada, 2, 3)
    settles(world)
    with world.database.read() as work:
        (report,) = work.error_reports.recent(5)
    assert report.words == "Stripe counted 2, named 0; 0 found here.", "5 could be 2 + 3 or 1 + 4"
    assert usage(world, MessageState.REFUSED) == []


@pytest.mark.parametrize(
    ("taken", "refused"),
    [
        pytest.param((1, 2), (3, 4), id="7 is 3 + 4: of the other answer, 1 + 2 + 4, there are three"),
        pytest.param(tuple(range(1, 40)), (47,), id="many runs in one minute, of which one is lacking"),
    ],
)
def test_how_many_a_report_counts_tells_which_they_are(
    world: World, ada: User, taken: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    world.control("meter_validation", samples=0)
    uses(world, ada, *taken)
    world.send()
    world.control("meter_errors", code="archived_meter", count=len(refused))
    keys = uses(world, ada, *refused)
    settles(world)
    assert usage(world, MessageState.REFUSED) == [], "as long as more may come, the count is not trusted"
    is_patient(world)
    assert [message.key for message in usage(world, MessageState.REFUSED)] == keys
    world.corrections.send_again([message.id for message in usage(world, MessageState.REFUSED)], "ana")
    settles(world)
    assert metered_cents(world, ada) == used_cents(world, ada)


def is_patient(world: World) -> None:
    """Hours pass, in which the totals are looked at again."""
    for _ in range(18):
        world.advance(15 * 60)
        world.send()


def test_several_minutes_share_what_a_report_counts(world: World, ada: User) -> None:
    """In the first minute two runs are lacking or three, in the second one or three: five in all are one answer."""
    world.control("meter_validation", samples=0)
    for taken, refused in (((1, 2), (3, 4)), ((6,), (1, 2, 3))):
        uses(world, ada, *taken)
        world.send()
        world.control("meter_errors", code="archived_meter", count=len(refused))
        uses(world, ada, *refused)
        world.send()
        world.advance(60)
    settles(world)
    is_patient(world)
    lacking = usage(world, MessageState.REFUSED)
    assert sum(message.value for message in lacking) == used_cents(world, ada) - metered_cents(world, ada)
    assert len(lacking) == 5


def test_what_is_lacking_where_nobody_can_tell_is_not_taken_for_somebody_elses(world: World, ada: User) -> None:
    """7 is 3 + 4 or 1 + 2 + 4. That three are counted in all says nothing while one of them is among too many."""
    world.control("meter_validation", samples=0)
    uses(world, ada, 1, 2)
    world.send()
    world.control("meter_errors", code="archived_meter", count=2)
    uses(world, ada, 3, 4)
    world.send()
    world.advance(60)
    bob = world.register("bob", "pm_card_visa")
    uses(world, bob, *range(1, 120))
    world.send()
    world.control("meter_errors", code="archived_meter", count=1)
    uses(world, bob, 121)
    settles(world)
    is_patient(world)
    assert usage(world, MessageState.REFUSED) == []


def test_a_report_that_comes_late_is_waited_for(world: World, ada: User) -> None:
    """One is counted, and 7 is lacking: that is no 7 as long as 3 and 4 may still be named."""
    events = []
    world.control("meter_validation", samples=0)
    uses(world, ada, 7)
    world.send()
    for samples, shots in ((0, 3), (5, 4)):
        world.control("meter_validation", samples=samples)
        world.control("meter_errors", code="archived_meter", count=1)
        uses(world, ada, shots)
        world.send()
        world.advance(at_stripe.WINDOW_S + 1)
        events.append(world.pending_events())
    for coming in events:
        assert usage(world, MessageState.REFUSED) == []
        world.deliver(coming)
        world.send()  # it is fetched
        world.send()  # and what it does not name is looked for
    settles(world)
    is_patient(world)
    assert [message.value for message in usage(world, MessageState.REFUSED)] == [600, 800]
