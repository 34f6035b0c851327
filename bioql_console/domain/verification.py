"""The answer of `verify`: whether the books hold, and where they don't."""

from dataclasses import dataclass, field
from enum import Enum


class Mend(Enum):
    """What makes a difference good."""

    RESTORE = "restore"
    """A backup: the books themselves were changed, and nothing in them says how they were."""
    RECOUNT = "recount"
    """The postings: only what was added up from them is wrong."""
    REVERSE = "reverse"
    """A reversal of the entry that is too many."""
    REPLAY = "replay"
    """Applying an event once more."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be.

    Args:
        what: One sentence with the figures.
        cure: The one next step.
        entry_id: The journal entry that is too many, where it is one.
    """

    what: str
    cure: str = ""
    user_id: int | None = None
    mend: Mend = Mend.RESTORE
    entry_id: int | None = None


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


@dataclass(frozen=True, slots=True)
class Place:
    """How far checking in steps has come: in which kind of rows, and after which id."""

    walk: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What one step found.

    Args:
        next: Where to go on; None at the end.
    """

    differences: tuple[Difference, ...]
    next: Place | None
