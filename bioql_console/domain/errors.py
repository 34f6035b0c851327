"""Failures that an operator can act on."""

from dataclasses import dataclass


class OperatorError(Exception):
    """A failure caused by the world, not by us, phrased for the person at the screen.

    Args:
        what: What happened or did not happen, one sentence in the operator's words. Never holds a secret.
        fix: The one next thing to do, one sentence.
        code: Stable identifier for logs, tests and the manual, e.g. "stripe.unreachable".
    """

    def __init__(self, what: str, *, fix: str, code: str) -> None:
        super().__init__(f"{code}: {what}")
        self.what = what
        self.fix = fix
        self.code = code

    def sentence(self) -> str:
        """Both sentences, for a terminal or a log line."""
        return f"{self.what} {self.fix}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure that lasts.

    Args:
        since_ms: When it was met first.
    """

    error: OperatorError
    since_ms: int
