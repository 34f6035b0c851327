"""Whatever happens to a call and however late it is asked again, what it does is done once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bioql_console.domain.errors import OperatorError
from tests.gateway.deeds import DEEDS, WITHIN_A_DAY, Deed
from tests.gateway.lab import Lab

LATER_S = 25 * 3_600
TIMES = 3


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.close()


def until_done(deed: Deed, lab: Lab, pause_s: int) -> None:
    for _ in range(TIMES + 2):
        try:
            deed.act()
        except OperatorError:
            lab.advance(pause_s)
        else:
            return
    pytest.fail("it is never done")


@pytest.mark.fault(
    "Stripe",
    "Stripe repeats an earlier failure for an idempotency key",
    "It is done under the next key.",
    figure="19 kinds of call, each done once",
)
@pytest.mark.parametrize("make", [*DEEDS, *WITHIN_A_DAY])
def test_a_failure_that_stripe_repeats_keeps_nothing_from_being_done(lab: Lab, make: Callable[[Lab], Deed]) -> None:
    deed = make(lab)
    lab.control("faults", status=500, method="POST", path=deed.path, kept=True)
    until_done(deed, lab, pause_s=5)
    assert not lab.sandbox.app._faults.waiting
    assert deed.count() == 1


@pytest.mark.fault(
    "Stripe",
    "the answer to any write is lost and it is asked again at once",
    "It was done once.",
    figure="19 kinds of call, 3 answers lost of each, done once",
)
@pytest.mark.parametrize("make", [*DEEDS, *WITHIN_A_DAY])
def test_answers_are_lost_and_it_is_asked_again_at_once(lab: Lab, make: Callable[[Lab], Deed]) -> None:
    deed = make(lab)
    lab.control("faults", status="reset", method="POST", path=deed.path, count=TIMES)
    until_done(deed, lab, pause_s=5)
    assert deed.count() == 1


@pytest.mark.fault(
    "Stripe",
    "the answer is lost and it is asked again when Stripe has forgotten the idempotency key",
    "It was done once.",
    figure="16 kinds of call, 3 answers lost of each, 25 hours between the tries, done once",
)
@pytest.mark.parametrize("make", DEEDS)
def test_answers_are_lost_and_it_is_asked_again_when_stripe_forgot_the_key(
    lab: Lab, make: Callable[[Lab], Deed]
) -> None:
    deed = make(lab)
    lab.control("faults", status="reset", method="POST", path=deed.path, count=TIMES)
    until_done(deed, lab, pause_s=LATER_S)
    assert deed.count() == 1
    lab.advance(LATER_S)
    deed.act()
    assert deed.count() == 1
