"""The fast lane of the outbox: many usage events side by side, at a steady pace, resting as a whole when asked to."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.outbox import Message
from bioql_console.services.usage_meter import UsageEvent, UsageMeter

# Stripe takes 1,000 meter events a second in Live; half of it leaves room for other programs on the account.
MOST_PER_S = 500
WIDTH = 8


@dataclass(slots=True)
class Sent:
    """What became of a batch.

    Attributes:
        failed: Tried, with no or no final answer; `wall` is the failure that stopped the lane, if one did.
        untouched: Not tried at all.
    """

    accepted: list[Message] = field(default_factory=list)
    refused: list[tuple[Message, OperatorError]] = field(default_factory=list)
    failed: list[tuple[Message, OperatorError]] = field(default_factory=list)
    untouched: list[Message] = field(default_factory=list)
    wall: OperatorError | None = None


class Pace:
    """At most so many a second, evenly. For several threads."""

    def __init__(self, per_s: float) -> None:
        self._apart_s = 1 / per_s
        self._lock = threading.Lock()
        self._next_s = 0.0

    def wait(self, stop: threading.Event) -> None:
        """Return when it is the caller's turn."""
        with self._lock:
            now_s = time.monotonic()
            turn_s = max(self._next_s, now_s)
            self._next_s = turn_s + self._apart_s
        if turn_s > now_s:
            stop.wait(turn_s - now_s)


class UsageLane:
    """Reports usage by a few threads. One failure that the next event would meet as well stops them all.

    Args:
        passes: Whether a failure is such a one; any other is about the one event.
        width: Threads; with 1 everything is done by the caller.
    """

    def __init__(
        self,
        meter: UsageMeter,
        passes: Callable[[OperatorError], bool],
        *,
        width: int = WIDTH,
        per_s: float = MOST_PER_S,
    ) -> None:
        self._meter = meter
        self._passes = passes
        self._width = width
        self._pace = Pace(per_s)
        self._closed = threading.Event()
        self._pool: ThreadPoolExecutor | None = None

    def send(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Sent:
        """Report them. What is not begun before `in_time` says no stays untouched."""
        sent = Sent()
        if not messages:
            return sent
        lock, waiting = threading.Lock(), iter(messages)

        def work() -> None:
            while True:
                with lock:
                    message = next(waiting, None) if sent.wall is None and in_time() else None
                if message is None:
                    return
                self._one(message, sent, lock)

        if self._width == 1:
            work()
        else:
            lanes = min(self._width, len(messages))
            for lane in [self._threads().submit(work) for _ in range(lanes)]:
                lane.result()
        sent.untouched += list(waiting)
        return sent

    def _one(self, message: Message, sent: Sent, lock: threading.Lock) -> None:
        self._pace.wait(self._closed)
        event = UsageEvent(
            message.identifier,
            message.stripe_customer_id,
            message.value,
            message.occurred_ms,
            message.extra,
            message.attempts + 1,
        )
        if self._closed.is_set() or sent.wall is not None:
            with lock:
                sent.untouched.append(message)
            return
        try:
            self._meter.report(event)
        except OperatorError as error:
            with lock:
                if self._passes(error):
                    sent.failed.append((message, error))
                    sent.wall = sent.wall or error
                else:
                    sent.refused.append((message, error))
        else:
            with lock:
                sent.accepted.append(message)

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            # The threads stay, and with them their connections.
            self._pool = ThreadPoolExecutor(self._width, thread_name_prefix="outbox-usage")
        return self._pool

    def close(self) -> None:
        """End after the events in hand."""
        self._closed.set()
        if self._pool is not None:
            self._pool.shutdown(wait=True)
