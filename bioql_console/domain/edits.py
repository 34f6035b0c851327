"""Edits that two operators begin at the same time: who saves second is asked, and nothing is written over unseen."""

from bioql_console.domain.activity import Activity
from bioql_console.domain.errors import OperatorError

MINUTE_MS = 60_000
UNITS = (
    (24 * 60 * MINUTE_MS, "a day", "days"),
    (60 * MINUTE_MS, "an hour", "hours"),
    (MINUTE_MS, "a minute", "minutes"),
)


class Conflict(OperatorError):
    """Somebody else saved first. Nothing was changed.

    Args:
        subject: What it is about, in words.
        change: The change that came first, as the activity trail has it; None when it has none.
        theirs, mine: What stands there now, and what was to be written.
        version: Naming it writes over theirs, unless somebody was faster again.
    """

    def __init__(
        self, subject: str, change: Activity | None, *, theirs: str, mine: str, version: int, now_ms: int
    ) -> None:
        self.change, self.theirs, self.mine, self.version = change, theirs, mine, version
        self.subject = subject
        self.by = change.operator if change else "somebody else"
        self.when = ago(now_ms - change.at_ms) if change else "meanwhile"
        super().__init__(
            f"{subject} was changed by {self.by} {self.when}; nothing was written over.",
            fix="Look at it again, then decide.",
            code="edit.changed",
        )

    @property
    def did(self) -> str:
        """What the other one did, e.g. "changed plan: free → pro"."""
        if self.change is None:
            return ""
        values = " → ".join(value for value in (self.change.before, self.change.after) if value)
        return f"{self.change.action}: {values}" if values else self.change.action


def ago(length_ms: int) -> str:
    """How long ago, roughly."""
    for size, one, many in UNITS:
        if length_ms >= size:
            number = length_ms // size
            return f"{one} ago" if number == 1 else f"{number} {many} ago"
    return "a moment ago"
