"""Three consoles and two servers on one PostgreSQL, random work, faults and kills; in the end every cent is right.

    scripts/soak operators --minutes 10 --seed 1

Operators register, adjust, make and close links, refund, answer tickets, set prices; customers run shots and pay. A
part of the calls to Stripe fails, events are delivered to both servers, doubled and out of order, and every few seconds
one of the five processes is killed or frozen, or loses its connections to the database.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.databases import private_cluster
from tests.soak.around_operators.team import Team

FAULTS = (429, 500, "reset")
SHARE = 0.02


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with private_cluster() as cluster, tempfile.TemporaryDirectory(prefix="soak-") as folder:
        wrong = soak(cluster, Path(folder), seconds=asked.minutes * 60, seed=asked.seed, drain_s=420, report=print)
    for each in wrong:
        print(f"WRONG: {each}")
    return 1 if wrong else 0


def soak(
    cluster: str,
    folder: Path,
    *,
    seconds: float,
    seed: int,
    drain_s: float,
    report: Callable[[str], object],
    kill_every_s: float = 4.0,
) -> list[str]:
    """Work for so long, then come to rest; what is wrong then, in sentences.

    Args:
        drain_s: How long what a killed process was sending may take; 0 leaves it unsent.
    """
    chance = random.Random(seed)
    with Team(cluster, folder, seed) as team:
        for number, status in enumerate(FAULTS):
            team.control("faults", status=status, share=SHARE, path="^/v1/", seed=seed * 10 + number)
        team.control("delivery", duplicate=1, shuffle=True)
        done = Counter[str]()
        for _ in range(max(1, round(seconds / kill_every_s))):
            team.work_for(kill_every_s)
            done[team.trouble(chance)] += 1
        team.control("faults", status=None)
        team.control("delivery", duplicate=0, shuffle=False)
        wrong = team.come_to_rest(drain_s)
        report(f"{seconds / 60:.1f} minutes, seed {seed}; " + ", ".join(f"{n} {what}" for what, n in done.items()))
        report(team.figures())
        return wrong + team.wrong(drained=drain_s > 0)


if __name__ == "__main__":
    sys.exit(main())
