"""The answer of `verify`: whether the books hold, and where they don't."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be.

    Args:
        what: One sentence with the figures.
        cure: The one next step.
    """

    what: str
    cure: str = ""
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything recomputed from the postings."""

    users: int
    entries: int
    owed_micros: int
    credit_micros: int
    differences: tuple[Difference, ...] = field(default=())

    @property
    def ok(self) -> bool:
        return not self.differences
