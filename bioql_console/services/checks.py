"""What a check of the console's surroundings answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the doctor's report.

    Args:
        id: Stable name, e.g. "keychain".
        ok: None when it can't be known, e.g. because an earlier check failed.
        what: One sentence that says how it is.
        cure: The one next step; empty when all is well.
        subject: What to look for where the cure is done, e.g. the beginning of a key.
    """

    id: str
    ok: bool | None
    what: str
    cure: str = ""
    subject: str = ""
