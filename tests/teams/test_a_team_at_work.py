"""Ten seconds of `scripts/soak operators`: a whole team on one PostgreSQL, under faults and kills."""

from pathlib import Path

import pytest

from tests.soak.operators import soak


@pytest.mark.postgresql
@pytest.mark.fault(
    "PostgreSQL",
    "three consoles and two servers work on one database while calls fail and processes are killed, frozen or cut off",
    "Every acknowledged run and payment is in the books once, nothing exists twice at Stripe, no edit is written over, "
    "and books and Stripe agree to the cent once every event is delivered.",
    figure="10 minutes: 79 kills, 40 freezes, 31 cut connections; 1,333 deeds, 1,178 runs, 1,462 events, nothing wrong",
)
@pytest.mark.timeout(240)
def test_three_consoles_and_two_servers_keep_one_set_of_books(cluster: str, tmp_path: Path) -> None:
    figures: list[str] = []
    wrong = soak(cluster, tmp_path, seconds=10, seed=3, drain_s=0, report=figures.append, kill_every_s=2.5)
    assert wrong == [], figures
