"""From a long life that breaks a promise to a short one that breaks the same."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.simulation.plan import Step
from tests.simulation.simulate import Lived, play

Steps = tuple[Step, ...]


def shortest(lived: Lived, most_lives: int = 400) -> Lived:
    """The same broken promise with steps, then troubles left out as long as it stays broken (delta debugging)."""
    assert lived.violation is not None
    name, lives, best = lived.violation.name, 0, lived

    def breaks(steps: Sequence[Step]) -> bool:
        nonlocal lives, best
        lives += 1
        if lives > most_lives:
            return False
        again = play(replace(lived.plan, steps=tuple(steps)))
        if again.violation is None or again.violation.name != name:
            return False
        best = again
        return True

    _fewest(lived.plan.steps, breaks)
    _calmest(best.plan.steps, breaks)
    return best


def _fewest(steps: Steps, breaks: Callable[[Sequence[Step]], bool]) -> None:
    """Leave out parts, large ones first."""
    size = len(steps) // 2
    while size:
        first = 0
        while first < len(steps):
            shorter = steps[:first] + steps[first + size :]
            if breaks(shorter):
                steps = shorter
            else:
                first += size
        size //= 2


def _calmest(steps: Steps, breaks: Callable[[Sequence[Step]], bool]) -> None:
    """Leave out troubles one by one."""
    for number, step in enumerate(steps):
        for trouble in step.troubles:
            left = tuple(each for each in steps[number].troubles if each is not trouble)
            calmer = (*steps[:number], replace(steps[number], troubles=left), *steps[number + 1 :])
            if breaks(calmer):
                steps = calmer
