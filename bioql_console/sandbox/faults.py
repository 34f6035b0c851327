"""Trouble on demand: answers that fail, connections that break."""

import re
from dataclasses import dataclass

from .errors import StripeError
from .messages import Answer, json_answer


@dataclass
class Fault:
    """The next `left` requests whose path matches go wrong.

    Args:
        status: An HTTP status; "reset": the request is carried out but its answer breaks off; "hang": it is not
            carried out and never answered.
    """

    status: int | str
    path: re.Pattern[str]
    left: int


class Faults:
    """The faults that are waiting to happen. They end with the process."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(self, status: int | str | None, path: str, count: int) -> None:
        """Add a fault; None removes all.

        Raises:
            ValueError: not a status, pattern or count.
        """
        if status is None:
            self.waiting.clear()
            return
        if status not in ("reset", "hang") and not (type(status) is int and 400 <= status <= 599):
            raise ValueError('status must be 400 to 599, "reset", "hang" or null')
        if count < 1:
            raise ValueError("count must be at least 1")
        try:
            self.waiting.append(Fault(status, re.compile(path), count))
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from error

    def take(self, path: str) -> int | str | None:
        """The fault that meets a request to this path."""
        for fault in self.waiting:
            if fault.path.search(path):
                fault.left -= 1
                if not fault.left:
                    self.waiting.remove(fault)
                return fault.status
        return None


def failing_answer(status: int) -> Answer:
    """What Stripe says when it is overloaded or broken."""
    if status == 429:
        error = StripeError("Too many requests (injected by the sandbox).", status=429, code="rate_limit")
        return json_answer(429, {"error": error.body}, {"Stripe-Rate-Limited-Reason": "global-rate"})
    kind = "api_error" if status >= 500 else "invalid_request_error"
    error = StripeError("An error injected by the sandbox.", status=status, kind=kind)
    return json_answer(status, {"error": error.body})
