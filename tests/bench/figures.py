"""What a bench finds out: ours beside a reference, and the goal for their ratio."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One comparison.

    Attributes:
        name: What was measured within the bench, such as "offscreen".
        ours: Our figure, in `unit`.
        reference: The same, measured in the same run, of the thing we compare with; or the limit itself.
        goal: The ratio ours / reference that is allowed at most; at least, when `more_is_better`.
        peer: What we compare with, such as "vorta"; "limit" when the reference is one.
        floor: Why it can't be better, and the profile that shows it. Said where the goal is missed.
    """

    name: str
    ours: float
    reference: float
    goal: float
    unit: str = "ms"
    more_is_better: bool = False
    peer: str = ""
    floor: str = ""

    @property
    def ratio(self) -> float:
        """Ours divided by the reference."""
        return self.ours / self.reference if self.reference else float("inf")

    @property
    def met(self) -> bool:
        """Is the ratio on the right side of the goal?"""
        return self.ratio >= self.goal if self.more_is_better else self.ratio <= self.goal

    @property
    def margin(self) -> float:
        """How many times better than the goal; below one where it is missed."""
        return self.ratio / self.goal if self.more_is_better else self.goal / self.ratio if self.ratio else float("inf")

    def as_json(self, bench: str) -> dict[str, Any]:
        """For other programs: the bench, the fields by name, the ratio and whether the goal is met."""
        return {
            "name": bench,
            "what": self.name,
            "ours": round(self.ours, 4),
            "reference": round(self.reference, 4),
            "unit": self.unit,
            "peer": self.peer,
            "ratio": round(self.ratio, 4),
            "goal": self.goal,
            "more_is_better": self.more_is_better,
            "met": self.met,
        }


@dataclass(frozen=True)
class Skipped:
    """A comparison that could not be made here; `why` says what is missing and how to get it."""

    name: str
    why: str

    def as_json(self, bench: str) -> dict[str, Any]:
        return {
            "name": bench,
            "what": self.name,
            "ours": None,
            "reference": None,
            "ratio": None,
            "goal": None,
            "met": False,
            "skipped": self.why,
        }


def interleaved(ours: Callable[[], float], reference: Callable[[], float], rounds: int = 9) -> tuple[float, float]:
    """Medians of both, measured in turns so that a busy machine slows both; the first round only warms up."""
    first, second = in_turns([ours, reference], rounds)
    return first, second


def in_turns(sides: list[Callable[[], float]], rounds: int = 5, *, warm_up: bool = True) -> list[float]:
    """The median of each side, all measured in turns."""
    if warm_up:
        for side in sides:
            side()
    taken = [[side() for side in sides] for _ in range(rounds)]
    return [median(column) for column in zip(*taken, strict=True)]
