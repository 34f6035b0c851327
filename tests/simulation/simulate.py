"""`simulate(seed, events)`: one life, told by a seed, on one thread and a clock of its own, in a moment."""

import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.simulation.ambiguity import SaidAsNumber
from tests.simulation.chance import Chance
from tests.simulation.invariants import Violation
from tests.simulation.life import Life
from tests.simulation.plan import Plan, plan
from tests.simulation.universe import Universe

MEMORY = Path("/dev/shm")
_numbers = itertools.count()


@dataclass(frozen=True)
class Lived:
    """How a life went.

    Args:
        violation: The promise that was broken; None when all held.
        days: Simulated.
        open_end: Whether it ended early, at a number that only Stripe can explain.
    """

    plan: Plan
    violation: Violation | None
    days: float
    open_end: bool = False


def simulate(seed: int, events: int = 100, tell: Callable[[str], None] = lambda _line: None) -> Lived:
    """Live what a seed stands for."""
    return play(plan(seed, events), tell)


def play(life: Plan, tell: Callable[[str], None] = lambda _line: None) -> Lived:
    """Live a plan. The same plan is always lived the same way."""
    folder = _place() / str(next(_numbers))
    folder.mkdir()
    chance, violation, open_end = Chance(), None, False
    with chance.everywhere():
        chance.begin(f"{life.seed}/beginning")
        universe = Universe(folder, life, chance, tell)
        began_ms = universe.now_ms()
        try:
            Life(universe).live()
        except Violation as found:
            violation = found
        except SaidAsNumber:
            open_end = True
        except Exception as surprise:
            violation = Violation("no surprise", f"{type(surprise).__name__}: {surprise}")
            violation.__cause__ = surprise
        finally:
            days = (universe.now_ms() - began_ms) / 86_400_000
            universe.close()
            shutil.rmtree(folder)
    return Lived(life, violation, days, open_end)


@cache
def _place() -> Path:
    """In memory, where there is such a place: thousands of ledgers are made there. Gone with the process."""
    made = tempfile.TemporaryDirectory(prefix="simulation-", dir=MEMORY if MEMORY.is_dir() else None)
    _kept.append(made)
    return Path(made.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []
