"""What a bench finds out: ours beside a reference, and the goal for their ratio."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One comparison.

    Attributes:
        name: What was measured, such as "start, offscreen".
        ours: Our figure, in `unit`.
        reference: The same, measured in the same run, of the thing we compare with.
        goal: The ratio ours / reference that is allowed at most; at least, when `more_is_better`.
    """

    name: str
    ours: float
    reference: float
    goal: float
    unit: str = "ms"
    more_is_better: bool = False

    @property
    def ratio(self) -> float:
        """Ours divided by the reference."""
        return self.ours / self.reference

    @property
    def met(self) -> bool:
        """Is the ratio on the right side of the goal?"""
        return self.ratio >= self.goal if self.more_is_better else self.ratio <= self.goal

    def as_json(self) -> dict[str, str | float | bool]:
        """For other programs: the fields by name, the ratio and whether the goal is met."""
        return {
            "name": self.name,
            "ours": round(self.ours, 3),
            "reference": round(self.reference, 3),
            "unit": self.unit,
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
            "met": self.met,
        }


def interleaved(ours: Callable[[], float], reference: Callable[[], float], rounds: int = 9) -> tuple[float, float]:
    """Medians of both, measured in turns so that a busy machine slows both; the first round only warms up."""
    pairs = [(reference(), ours()) for _ in range(rounds + 1)][1:]
    return median(pair[1] for pair in pairs), median(pair[0] for pair in pairs)
