"""A repair of meter and price that is armed in Live lets out what its plan says, down to names and amounts."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from bioql_console.domain.live_writes import Outgoing
from bioql_console.services.live_lock import Permit, locked
from bioql_console.services.live_plans import meter_plan
from bioql_console.services.meter_setup import MeterSetup
from tests.money.drifts import DRIFTS, NEVER_RIGHT, wrong_from_the_start
from tests.money.test_invoices_and_links import uses
from tests.money.world import World

# One of each kind of step, then what is never right from the start, whose subscriptions move.
STEPS = ("meter renamed", "meter archived", "lookup key lost", "price archived", "product renamed", "product archived")
MOVES = ("counts events", "five cents", "other product")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "w")
    yield made
    made.close()


class ArmedOnly:
    """At the wire: as the lock is in Live while this plan is armed."""

    def __init__(self, permit: Permit) -> None:
        self._permit = permit
        self.sent: list[Outgoing] = []

    def allow(self, outgoing: Outgoing) -> None:
        if outgoing.reads:
            return
        if not self._permit.take(outgoing):
            raise locked()
        self.sent.append(outgoing)


def otherwise(sent: Outgoing, says: str) -> Outgoing:
    """The same call with one field of another value."""
    form = [(name, f"{value}0" if name == says else value) for name, value in parse_qsl(sent.body)]
    return Outgoing(sent.method, sent.path, sent.key, urlencode(form))


@pytest.mark.parametrize("wrong", [*STEPS, *MOVES])
def test_a_repair_sends_what_its_plan_says_and_nothing_like_it(world: World, wrong: str) -> None:
    if wrong in MOVES:
        wrong_from_the_start(world, **NEVER_RIGHT[wrong])
        uses(world, world.register("ada", "pm_card_visa"), 50)
    else:
        DRIFTS[wrong][0](world)
    plan = meter_plan(MeterSetup(world.stripe, world.database, world.now_ms).inspect(), ())
    armed = ArmedOnly(Permit(plan, "ana", lambda: 0))
    world.stripe.gateway()._traffic._guard = armed
    repaired = world.meter_repair.repair("ana")
    assert (repaired.problem, repaired.left) == (None, ())
    assert armed.sent, "something was to be done"
    for sent in armed.sent:
        (call,) = {call.path: call for call in plan.calls if call.fits(sent)}.values()
        for name in call.says:
            assert not [each for each in plan.calls if each.fits(otherwise(sent, name))], f"{name} may be anything"
        telling = sent.path.endswith(("/deactivate", "/reactivate")) or sent.method == "DELETE"
        assert call.says or telling, f"{sent} may say anything"
