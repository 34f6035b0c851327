"""What a soak says: growth that stays is found below the noise, a peak is no growth, and a miss is called one."""

import random

import pytest

from tests.soak.around_window.customers import Counted
from tests.soak.around_window.processes import floors, slope
from tests.soak.around_window.record import MOST_PER_HOUR, Record

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


STEADY = {
    **{f"window_{kind}_mib": 180.0 for kind in ("kept", "own", "rss")},
    **{"heap_used_mib": 60.0, "heap_free_mib": 5.0, "sqlite_mib": 8.0, "ledger_connections": 8.0, "window_cpu_s": 1.0},
    **{"fds": 150.0, "threads": 44.0, "widgets": 830.0, "qt_wrappers": 1530.0, "none_references": 107_000.0},
    **{"python_blocks": 925_000.0, "late_p99_ms": 9.0},
}


def judged(minutes: int, books: tuple[str, ...] = (), **per_hour: float) -> Record:
    """A run in which some signs grow by so much an hour, and the others stay."""
    record = Record({"window": 0}, minutes * 60)
    for at_s in range(0, minutes * 60 + 1, EVERY_S):
        grown = {name: STEADY[name] + each * at_s / 3600 for name, each in per_hour.items()}
        record.samples.append(STEADY | grown | {"at_s": float(at_s)})
    record.count(Counted())
    record.judge(list(books))
    return record


def test_an_hour_in_which_nothing_grows_keeps_every_promise() -> None:
    record = judged(60, window_kept_mib=0.5, none_references=5_000)
    assert record.wrongs == []
    assert not [line for line in record.report() if "MISSED" in line or "not judged" in line]


@pytest.mark.parametrize(
    ("name", "per_hour"), [("window_kept_mib", 1.5), *((n, 2 * m) for n, m in MOST_PER_HOUR.items())]
)
def test_what_grows_is_a_promise_missed(name: str, per_hour: float) -> None:
    record = judged(60, (), **{name: per_hour})
    assert len(record.wrongs) == 1
    assert [line for line in record.report() if line.startswith("MISSED: ")] == [f"MISSED: {record.wrongs[0]}"]


def test_references_that_are_lost_are_a_promise_missed_soon_and_late() -> None:
    assert len(judged(5, none_references=-400_000).wrongs) == 1
    assert len(judged(60, none_references=-25_000).wrongs) == 2


def test_sqlite_may_fill_its_caches_and_no_more() -> None:
    assert judged(60, window_own_mib=7, sqlite_mib=7).wrongs == []
    assert judged(60, window_own_mib=9, sqlite_mib=9).wrongs == ["SQLite holds 17.0 MiB for 8 connections."]


def test_a_short_run_says_that_growth_was_not_judged_and_cents_always_are() -> None:
    record = judged(5, ("User 1 owes 3 cents too much.",), window_kept_mib=500)
    assert record.wrongs == ["User 1 owes 3 cents too much."]
    assert "not judged: what grows an hour, since that takes 30 minutes" in record.report()
