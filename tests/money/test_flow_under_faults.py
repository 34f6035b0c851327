"""The flow ends the same, to the cent and to the object, when a fifth of the calls to Stripe fail."""

from pathlib import Path
from typing import Any

import pytest

from tests.money.faulty_flow import FAULTS, Flow, outcome
from tests.money.world import World

SHARE = 0.2


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    world = World(tmp_path_factory.mktemp("undisturbed"), "w", tmp_path_factory.getbasetemp())
    Flow(world).play()
    world.check_books()
    found = outcome(world)
    world.close()
    return found


def play(world: World, faults: list[dict[str, object]], seed: int, retries: int) -> Flow:
    flow = Flow(world, retries)
    for number, fault in enumerate(faults):
        world.control("faults", share=SHARE / len(faults), seed=seed * 100 + number, path="^/v1/", **fault)
    flow.play()
    return flow


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [*FAULTS, "all"])
def test_the_flow_ends_the_same(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, undisturbed: dict[str, Any], name: str, seed: int
) -> None:
    world = World(tmp_path, "w", tmp_path_factory.getbasetemp())
    flow = play(world, list(FAULTS.values()) if name == "all" else [FAULTS[name]], seed)
    assert len(flow.way.met) > 5
    world.check_books()
    assert outcome(world) == undisturbed
    world.close()
