"""Requests made by hypothesis against a real `serve`: no failure of ours, no growing memory, books that balance."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bioql_console.services.signature import sign
from tests.attacks.conftest import OFTEN
from tests.attacks.requests import Pieces, conversations
from tests.attacks.target import Target, serving
from tests.attacks.volleys import Figures, fire

REQUESTS = 100_000
MOST_GROWTH_KIB = 32 * 1024
BATCHES_A_ROUND = 100


class Broken(Exception):
    """A promise does not hold. The message says which."""


def attack(target: Target, count: int, first_seed: int) -> tuple[Figures, list[int]]:
    """Send at least so many requests. Returns what came back, and the memory in KiB after each round."""
    figures = Figures()
    memory: list[int] = []
    secret = target.ready["webhook_secret"]

    @settings(
        max_examples=BATCHES_A_ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(conversations(lambda body: sign(body, secret, target.now_ms())), min_size=4, max_size=10))
    def volley(batch: list[tuple[int, Pieces]]) -> None:
        fire(target, batch, figures)

    while figures.requests < count:
        seed(first_seed + len(memory))(volley)()
        memory.append(target.memory_kib())
        print(f"{figures.requests:>9,} requests, {memory[-1] // 1024} MiB", flush=True)
        for failure in figures.failures[:3]:
            print(f"  answered {failure.statuses}: {failure.pieces}")
        if figures.failures:
            raise Broken(f"{len(figures.failures)} connections got an answer of 500 or more")
        target.is_well()
    return figures, memory


def growth_kib(memory: list[int]) -> int:
    """How much more the last third of a run takes than the second; the first warms up."""
    third = max(1, len(memory) // 3)
    return max(memory[-third:]) - max(memory[third : 2 * third] or memory)


@pytest.mark.fault(
    "Requests",
    "100,000 requests made by hypothesis: nearly right, damaged, in pieces, some with valid keys and signatures",
    "No answer of 500 or more, no mistake in the log, memory stays flat, and the books balance.",
    figure="102,807 requests in 718 s: none of 500 or more, memory 96 to 103 MiB",
)
def main() -> int:
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--requests", type=int, default=REQUESTS, help=f"how many at least ({REQUESTS:,})")
    reading.add_argument("--seed", type=int, default=1, help="other seeds make other requests")
    asked = reading.parse_args()
    limits = {"requests_per_second": OFTEN, "wrong_keys_per_minute": OFTEN, "registrations_per_minute": OFTEN}
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), **limits) as target:
        try:
            figures, memory = attack(target, asked.requests, asked.seed)
            if (grown := growth_kib(memory)) > MOST_GROWTH_KIB:
                raise Broken(f"memory grew by {grown // 1024} MiB")
            verify = [sys.executable, "-m", "bioql_console", "verify", "--data-dir", str(target.data_dir)]
            done = subprocess.run(verify, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Broken(f"the books do not balance: {done.stdout}")
        except (Broken, AssertionError) as broken:
            print(f"BROKEN: {broken}\n{target.log()[-5_000:]}")
            return 1
    answered = ", ".join(f"{status}: {times:,}" for status, times in sorted(figures.statuses.items()))
    print(f"{figures.requests:,} requests on {figures.connections:,} connections in {time.monotonic() - began_s:.0f} s")
    print(f"answers {answered}; none of 500 or more, no mistake in the log, the books balance")
    print(f"memory {memory[0] // 1024} MiB after the first round, {memory[-1] // 1024} MiB at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
