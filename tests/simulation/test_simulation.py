"""Lives told by seeds keep every promise, are lived the same way each time, and become short when they break one.

`scripts/soak simulation --seeds 10000` lives many more of them.
"""

import subprocess
import sys

import pytest

from tests.simulation.bugs import BUGS, Bug
from tests.simulation.invariants import INVARIANTS
from tests.simulation.plan import Plan, Step, Trouble, plan
from tests.simulation.shrink import shortest
from tests.simulation.simulate import Lived, play, simulate
from tests.sources import ROOT

pytestmark = pytest.mark.timeout(600)
EVENTS = 60
# A bug that the recorded seed does not show any more, since plans are drawn otherwise now, is looked for in these.
MORE_SEEDS = 40


@pytest.mark.fault(
    "Crash",
    "the console is killed between any two commits or requests, while the disk fails, answers are lost and events come "
    "late, twice, in any order or never",
    "Books balance after every commit, what was acknowledged is stored, and once everything has arrived a dollar is "
    "collected once and the meter has counted what was used, to the cent.",
    figure="1,000,000 events in 10,000 lives, 272,000 simulated days: no promise broken; five of 7,000 lives before "
    "them showed two mistakes, which are mended",
)
@pytest.mark.parametrize("seed", range(1, 6))
def test_every_promise_holds(seed: int) -> None:
    lived = simulate(seed, EVENTS)
    assert lived.violation is None, f"{lived.violation}\nscripts/soak simulation --seed {seed} --events {EVENTS}"


def test_a_seed_is_lived_the_same_way_in_another_process() -> None:
    told: list[str] = []
    simulate(3, 25, told.append)
    command = [sys.executable, "-m", "tests.soak.simulation", "--seed", "3", "--events", "25"]
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert again.stdout.splitlines()[1:-1] == told


def test_each_promise_is_broken_by_a_planted_bug() -> None:
    assert {bug.breaks[0] for bug in BUGS} == set(INVARIANTS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_planted_bug_is_found(bug: Bug) -> None:
    lived = first_broken(bug)
    assert lived is not None, f"{bug.name} breaks no promise that is watched"
    assert lived.violation is not None
    assert lived.violation.name in bug.breaks, lived.violation


def first_broken(bug: Bug) -> Lived | None:
    for shown_by in (bug.shown_by, *range(MORE_SEEDS)):
        with pytest.MonkeyPatch.context() as patch:
            bug.plant(patch)
            lived = play(shown_by if isinstance(shown_by, Plan) else plan(shown_by, EVENTS))
        if lived.violation is not None:
            return lived
    return None


def test_a_broken_promise_becomes_a_short_story() -> None:
    bug = next(each for each in BUGS if each.name == "marked as sent before it is")
    first = first_broken(bug)
    assert first is not None
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        lived = shortest(first)
        assert len(lived.plan.steps) <= 3
        story: list[str] = []
        assert str(play(lived.plan, story.append).violation) == str(lived.violation)
    assert "at the end everything arrives" in story


# What simulations found in the product, as short as it became.
FOUND = {
    "a disk that failed had a credit note refused for good": Plan(
        seed=1053,
        cards=(None,),
        thresholds=False,
        consoles=1,
        retries=0,
        in_order=False,
        steps=(
            Step(3, "uses much", 34508),
            Step(5, "uses", 36192),
            Step(6, "everything arrives", 0),
            Step(9, "adjusts", 63468),
            Step(62, "console sends", 42884, (Trouble("commit", 3, "disk fails"),)),
        ),
    ),
    "usage right after the registration was collected by nobody where the clock is slow": Plan(
        seed=11,
        cards=("pm_card_chargeCustomerFail",),
        thresholds=True,
        consoles=1,
        retries=0,
        in_order=False,
        steps=(Step(25, "clock steps", 17757), Step(27, "uses", 20134)),
    ),
    "what a bank debit was to pay of an invoice, written off meanwhile, was credited as well": Plan(
        seed=25,
        cards=("pm_card_chargeCustomerFail",),
        thresholds=False,
        consoles=2,
        retries=2,
        in_order=False,
        steps=(
            Step(7, "uses", 38518),
            Step(10, "uses", 7401),
            Step(18, "uses", 27779),
            Step(50, "asks for a link", 14012),
            Step(51, "uses", 36073),
            Step(53, "uses", 7801),
            Step(57, "everything arrives", 0),
            Step(58, "pays by a bank that bounces", 30791),
            Step(71, "hours pass", 751),
            Step(74, "writes an invoice off", 25493),
        ),
    ),
    "usage that a report did not name was given up while what it named was sent again": Plan(
        seed=43,
        cards=("pm_card_chargeCustomerFail",),
        thresholds=False,
        consoles=1,
        retries=0,
        in_order=False,
        steps=(
            Step(30, "meter refuses usage", 41721),
            Step(31, "meter refuses usage", 54439),
            Step(35, "uses", 44436),
            Step(36, "uses", 57540),
            Step(67, "uses", 41419),
            Step(69, "uses much", 50599),
            Step(73, "meter refuses usage", 59153),
            Step(76, "uses much", 622),
            Step(81, "meter refuses usage", 36750),
            Step(84, "uses much", 36387),
        ),
    ),
    "a console that slept before it sent called usage refused that was sent meanwhile": Plan(
        seed=6203,
        cards=("pm_card_chargeCustomerFail",),
        thresholds=True,
        consoles=1,
        retries=0,
        in_order=True,
        steps=(
            Step(67, "month ends", 1959),
            Step(89, "uses much", 23033),
            Step(
                94, "console sends", 8041, (Trouble("request", 1, "meanwhile before", Step(94, "minutes pass", 60952)),)
            ),
        ),
        together=20,
    ),
    "two reports waited for each other to name what both of them had only counted": Plan(
        seed=331,
        cards=("pm_card_visa", None),
        thresholds=True,
        consoles=1,
        retries=0,
        in_order=False,
        steps=(
            Step(2, "everything arrives", 26960),
            Step(7, "meter refuses usage", 51965),
            Step(8, "uses", 26798),
            Step(9, "console sends", 26487),
            Step(10, "uses", 20144),
            Step(18, "asks for a link", 28560),
            Step(45, "uses much", 40112),
            Step(50, "meter refuses usage", 62420),
            Step(51, "meter refuses usage", 10996),
            Step(56, "uses", 2827),
            Step(57, "uses much", 11830),
            Step(79, "meter refuses usage", 37564),
            Step(81, "uses", 52587),
            Step(86, "uses", 36046),
            Step(87, "minutes pass", 60841),
            Step(88, "a delivery is lost", 15422),
            Step(89, "meter refuses usage", 31467),
            Step(90, "meter refuses usage", 37186),
        ),
    ),
}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND.keys())
def test_what_was_found_stays_mended(found: Plan) -> None:
    lived = play(found)
    assert (lived.violation, lived.open_end) == (None, False)
