"""Books that don't hold are not posted to any more: what was found, and the refusal that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.verification import Difference, Mend

UNSAFE = "ledger.unsafe"


@dataclass(frozen=True, slots=True)
class Breach:
    """A difference that was found while the console runs, and that stops posting until it is lifted."""

    found_ms: int
    difference: Difference


def unsafe(breaches: Sequence[Difference]) -> OperatorError:
    """The refusal of everything that posts or moves money."""
    more = f" (and {len(breaches) - 1:,} more)" if len(breaches) > 1 else ""
    return OperatorError(
        f"The books don't hold, so nothing is posted or sent: {breaches[0].what}{more}",
        fix="Restore a backup or mend the entry, then press Check again at the top of the window.",
        code=UNSAFE,
    )


def can_be_mended_here(breaches: Sequence[Breach]) -> bool:
    """Whether the postings can be trusted, so that recounting and reversing make everything good."""
    return bool(breaches) and all(each.difference.mend in (Mend.RECOUNT, Mend.REVERSE) for each in breaches)
