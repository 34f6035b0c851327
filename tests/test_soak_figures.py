"""What a soak says of memory: growth that stays is found below the noise, and a peak is no growth."""

import random

import pytest

from tests.soak.around_window.processes import floors, slope

EVERY_S, FLOOR_OF_S = 5, 120


def an_hour(kept_mib: float, seed: int) -> list[tuple[float, float]]:
    """A process of 180 MiB that needs up to 15 more for moments and keeps `kept_mib` in an hour."""
    dice = random.Random(seed)
    return [(at, 180 + kept_mib * at / 3600 + 15 * dice.random() ** 3) for at in range(0, 3600, EVERY_S)]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kept_mib", [0.0, 2.0])
def test_what_is_kept_is_found_below_what_comes_and_goes(kept_mib: float, seed: int) -> None:
    found = slope(floors(an_hour(kept_mib, seed), FLOOR_OF_S)) * 3600
    assert found == pytest.approx(kept_mib, abs=0.5)


def test_a_peak_in_the_last_minutes_is_no_growth() -> None:
    peaked = [(at, mib + (40 if at > 3300 else 0)) for at, mib in an_hour(0.0, 1)]
    assert slope(floors(peaked, FLOOR_OF_S)) * 3600 == pytest.approx(0, abs=0.5)


def test_nothing_is_said_of_a_single_look() -> None:
    assert slope(floors([(0, 180.0)], FLOOR_OF_S)) == 0
