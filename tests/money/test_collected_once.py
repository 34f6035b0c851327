"""A dollar is collected once, whatever happens and in whatever order it is heard of.

HISTORIES=2000 in the environment plays more of them.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from tests.money.histories import METER_HISTORIES, History, Life
from tests.money.world import World

names = itertools.count()
MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A thousand ledgers are made here; in memory, where there is such a place."""
    made = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.mark.timeout(3_600)
@settings(
    max_examples=int(os.environ.get("HISTORIES", "40")),
    deadline=None,
    phases=set(Phase) - {Phase.explain},  # it traces every line, for minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=METER_HISTORIES)
@example(  # a bank debit that was heard of after the invoice was queued
    history=History(None, False, (("uses much", 480), ("pays by bank", 0), ("uses much", 22), ("paid by hand", 0)), 0)
)
@example(  # a debt was lowered while the console's own invoice was open
    history=History(None, False, (("uses much", 1005), ("hours pass", 0), ("adjusted", 0), ("paid by hand", 0)), 0)
)
@example(  # and while a bank debit was on its way as well
    history=History(
        None,
        False,
        (("uses much", 1005), ("pays by bank", 0), ("pays by link", 0), ("adjusted", 0), ("paid by hand", 0)),
        0,
    )
)
def test_a_dollar_is_collected_once(folder: Path, history: History) -> None:
    place = folder / str(next(names))
    place.mkdir()
    world = World(place, "w")
    life = Life(world, history)
    try:
        life.play()
        check(world, life)
        for _ in range(2):
            life._month_ends(0)
            life.rest()
        check(world, life)
    finally:
        life.close()
        world.close()
        shutil.rmtree(place)


def check(world: World, life: Life) -> None:
    user = world.user(life.user.id)
    world.check_books()
    assert len(world.objects("checkout.session", status="open")) <= 1, "one open page per balance"
    assert world.cash_cents() == world.collected_cents(), "the cash in our books is the cash at Stripe"
    assert life.account.twice_cents == 0, "nothing was collected that was not owed"
    with world.database.read() as work:
        on_its_way = work.checkouts.processing_cents(user.id)
    owed = life.account.owed_cents - world.written_off_cents() + on_its_way
    assert world.net_cents(user.id) == owed, "our books say what happened"
    if user.stripe_subscription_id:
        position = world.stripe_position_cents(user) + world.left_to_links_cents(user.id)
        assert position == world.net_cents(user.id), "Stripe will collect what our books say is owed"
