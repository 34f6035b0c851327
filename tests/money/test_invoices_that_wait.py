"""An invoice that the console makes waits until Stripe has counted the usage, and no longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.money.world import World

COUNTED_AFTER_MS = 600_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Ada's usage asks for an invoice; Stripe takes ten minutes to count it."""
    made = World(tmp_path, "w")
    made.control("thresholds", offered=False)
    made.outbox._money._meter_lag_ms = COUNTED_AFTER_MS
    ada = made.register("ada", "pm_card_visa")
    made.usage.record(made.user(ada.id), shots=1_800, backend="ionq_qpu")
    yield made
    made.close()


def minutes_pass(world: World, minutes: int) -> None:
    for _ in range(minutes):
        world.advance(60)
        world.send()


def is_collected_once(world: World) -> bool:
    world.drain()
    world.check_books()
    return (world.collected_cents(), world.net_cents(1)) == (359_000, 0)


def test_it_waits_until_stripe_has_counted_the_usage(world: World) -> None:
    minutes_pass(world, 5)
    assert world.collected_cents() == 0
    world.advance(700)
    assert is_collected_once(world)


def test_to_wait_is_no_try_and_makes_the_pause_after_a_failure_no_longer(world: World) -> None:
    minutes_pass(world, 10)
    world.control("faults", status="reset", path="^/v1/", count=3)
    minutes_pass(world, 1)
    assert world.waiting() == 1
    assert is_collected_once(world)
