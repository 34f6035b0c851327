"""Trouble on demand: answers that fail, connections that break."""

import random
import re
from dataclasses import dataclass

from .errors import StripeError
from .messages import Answer, json_answer


@dataclass
class Fault:
    """Requests whose path matches go wrong: the next `left` of them, or a share of all.

    Args:
        status: An HTTP status; "reset": the request is carried out but its answer breaks off; "hang": it is not
            carried out and never answered.
        left: How many are still to go wrong; None: as many as the share says, until the faults are removed.
        share: Which part of the requests goes wrong. Drawn by `dice`, so that a seed gives the same faults again.
        kept: The failure is what Stripe answers to the same idempotency key from then on.
        method: Only requests with this one, e.g. "POST".
    """

    status: int | str
    path: re.Pattern[str]
    left: int | None
    share: float
    dice: random.Random
    kept: bool
    method: str | None

    def meets(self, method: str, path: str) -> bool:
        fits = self.method in (None, method) and self.path.search(path)
        return bool(fits) and (self.share == 1 or self.dice.random() < self.share)


class Faults:
    """The faults that are waiting to happen. They end with the process."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(
        self,
        status: int | str | None,
        path: str,
        count: int,
        share: float | None = None,
        seed: int = 0,
        *,
        kept: bool = False,
        method: str | None = None,
    ) -> None:
        """Add a fault; None removes all.

        Args:
            share: Instead of a count: this part of the requests, until the faults are removed.

        Raises:
            ValueError: not a status, pattern, count or share.
        """
        if status is None:
            self.waiting.clear()
            return
        if status not in ("reset", "hang") and not (type(status) is int and 400 <= status <= 599):
            raise ValueError('status must be 400 to 599, "reset", "hang" or null')
        if count < 1:
            raise ValueError("count must be at least 1")
        if share is not None and not 0 < share <= 1:
            raise ValueError("share must be more than 0 and at most 1")
        if kept and not (type(status) is int and status >= 500):
            raise ValueError("only a status of 500 or more is kept for its idempotency key")
        try:
            pattern = re.compile(path)
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from error
        left = count if share is None else None
        self.waiting.append(Fault(status, pattern, left, share or 1, random.Random(seed), kept, method))

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that meets a request. The first one that fits does."""
        for fault in self.waiting:
            if fault.meets(method, path):
                if fault.left is not None:
                    fault.left -= 1
                    if not fault.left:
                        self.waiting.remove(fault)
                return fault
        return None


def failing_answer(status: int) -> Answer:
    """What Stripe says when it is overloaded or broken."""
    if status == 429:
        error = StripeError("Too many requests (injected by the sandbox).", status=429, code="rate_limit")
        return json_answer(429, {"error": error.body}, {"Stripe-Rate-Limited-Reason": "global-rate"})
    kind = "api_error" if status >= 500 else "invalid_request_error"
    error = StripeError("An error injected by the sandbox.", status=status, kind=kind)
    return json_answer(status, {"error": error.body})
