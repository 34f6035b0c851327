"""Lives by the thousand: `scripts/soak simulation --seeds 10000 --events 100`, or one, told: `--seed 7`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.shrink import shortest
from tests.simulation.simulate import Lived, play, simulate

AT_ONCE = 20
MOST_OPEN_ENDS = 0.01


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _read(arguments)
    return _tell(asked) if asked.seed is not None else _many(asked)


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="scripts/soak simulation", description=__doc__)
    reader.add_argument("--seeds", type=int, default=1_000, help="how many lives")
    reader.add_argument("--first", type=int, default=0, help="the first seed")
    reader.add_argument("--events", type=int, default=100, help="events of each life")
    reader.add_argument("--minutes", type=float, default=1e9, help="begin no life after so many minutes")
    reader.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    reader.add_argument("--seed", type=int, help="tell this one life, and make it short if a promise breaks")
    return reader.parse_args(arguments)


def _tell(asked: argparse.Namespace) -> int:
    lived = simulate(asked.seed, asked.events)
    if lived.violation is not None:
        lived = shortest(lived)
    print(lived.plan.words())
    play(lived.plan, print)
    print(lived.violation or f"All promises hold over {lived.days:.0f} days.")
    return 1 if lived.violation else 0


def _many(asked: argparse.Namespace) -> int:
    began_s, seeds, days, broken, open_ends = time.monotonic(), 0, 0.0, 0, 0
    parts = [range(first, min(first + AT_ONCE, asked.first + asked.seeds)) for first in
             range(asked.first, asked.first + asked.seeds, AT_ONCE)]  # fmt: skip
    with ProcessPoolExecutor(asked.processes) as pool:
        deadline_s = time.time() + asked.minutes * 60
        work = [(part, asked.events, deadline_s) for part in parts]
        for lives in pool.map(_lives, work):
            for lived in lives:
                seeds, days, broken = seeds + 1, days + lived.days, broken + (lived.violation is not None)
                open_ends += lived.open_end
                if lived.violation is not None:
                    print(f"seed {lived.plan.seed}: {lived.violation}", flush=True)
            if sys.stderr.isatty():
                print(f"\r{seeds:,} seeds", end="", file=sys.stderr)
    took_s = time.monotonic() - began_s
    events = seeds * asked.events
    print(
        f"{events:,} events in {seeds:,} lives of {days:,.0f} days together, {broken} broken promises, "
        f"{open_ends} ended at usage that nobody can name; "
        f"{took_s / 60:,.1f} minutes, {events / max(took_s, 1e-9):,.0f} events a second"
    )
    return 1 if broken or not seeds or open_ends > seeds * MOST_OPEN_ENDS else 0


def _lives(work: tuple[range, int, float]) -> list[Lived]:
    seeds, events, deadline_s = work
    return [simulate(seed, events) for seed in seeds if time.time() < deadline_s]


if __name__ == "__main__":
    sys.exit(main())
