"""Whatever was missed, and whatever goes wrong while it is fetched: each event is applied once, in Stripe's order.

HISTORIES=2000 in the environment plays more of them.
"""

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bioql_console.domain.paging import EventQuery
from bioql_console.domain.webhooks import EventState
from bioql_console.services import event_search, stripe_checkout
from tests.money.desks import Desk, Killed, month, opened
from tests.money.test_collected_once import MEMORY
from tests.money.world import World


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield made
    shutil.rmtree(made)


FAULTS = st.dictionaries(st.integers(1, 60), st.sampled_from((429, 500, 503, "reset")), max_size=4)
ENDS = st.lists(st.tuples(FAULTS, st.integers(0, 12) | st.just(10**9)), max_size=5)


@pytest.mark.timeout(3_600)
@settings(
    max_examples=int(os.environ.get("HISTORIES", "12")),
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    data=st.data(),
    heard=st.sets(st.integers(0, 60)),
    later=st.sets(st.integers(0, 60)),
    ends=ENDS,
    sizes=st.tuples(st.integers(2, 6), st.integers(1, 7), st.integers(2, 12)),
)
def test_each_event_is_applied_once_in_stripes_order(
    folder: Path,
    data: st.DataObject,
    heard: set[int],
    later: set[int],
    ends: list[tuple[dict[int, int | str], int]],
    sizes: tuple[int, int, int],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module, name, size in zip(
            (stripe_checkout, event_search, event_search), ("PAGE", "BATCH", "MOST_HELD"), sizes, strict=True
        ):
            patch.setattr(module, name, size)
        for desk in opened(folder):
            world = desk.world
            user_id = month(world)
            bodies = world.pending_events()
            order = data.draw(st.permutations([body for n, body in enumerate(bodies) if n in heard]))
            deliver(world, list(order))
            delivered = set(desk.here())
            for faults, writes in ends:
                desk.way.faults, desk.way.asked, desk.store.writes = dict(faults), 0, writes
                try:
                    desk.fetch()
                except Killed:
                    desk.start()
            # What a webhook brings late, while nothing else goes on.
            late = [body for n, body in enumerate(bodies) if n in later]
            desk.way.faults, desk.store.writes = {}, 10**9
            deliver(world, late)
            delivered |= {json.loads(body)["id"] for body in late}
            found = desk.fetch()
            assert (found.problem, found.left) == (None, 0)
            check(desk, user_id, delivered)


def deliver(world: World, bodies: list[bytes]) -> None:
    if bodies:
        world.deliver(bodies)


def check(desk: Desk, user_id: int, delivered: set[str]) -> None:
    world, at_stripe = desk.world, desk.at_stripe()
    here = desk.here()
    assert len(here) == len(set(here))
    assert {event["id"] for event in at_stripe} <= set(here)
    place = {event_id: number for number, event_id in enumerate(here)}
    fetched = [event for event in at_stripe if event["id"] not in delivered]
    ours = sorted(fetched, key=lambda event: place[event["id"]])
    assert [event["created"] for event in ours] == sorted(event["created"] for event in ours)
    for _, events in itertools.groupby(sorted(fetched, key=object_id), key=object_id):
        told = [event["id"] for event in events]
        assert told == sorted(told, key=lambda event_id: place[event_id]), "Of one object, in Stripe's own order."
    with world.database.read() as work:
        assert work.inbox.counts().get(EventState.RECEIVED, 0) == 0
        rows = work.inbox.page(EventQuery(), None, 500).rows
    assert {row.id for row in rows if row.state is EventState.QUARANTINED} == set()
    world.drain()
    world.check_books()
    assert world.cash_cents() == world.collected_cents()
    assert world.net_cents(user_id) == world.stripe_position_cents(world.user(user_id))


def object_id(event: dict[str, Any]) -> str:
    return str(event["data"]["object"]["id"])
