"""The one way out to Stripe: measures it, and in Live keeps writes in until they are armed."""

import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

import stripe

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError

TIMEOUT_S = (5, 20)  # to connect, to answer
NETWORK_RETRIES = 2
RATE_LIMIT_RETRIES = 3
LONGEST_RATE_LIMIT_PAUSE_S = 8.0


class WriteGuard(Protocol):
    """Decides whether a request that changes something may leave."""

    def allow(self, method: str, path: str) -> None:
        """Return to let it leave.

        Raises:
            OperatorError: `live.locked`.
        """
        ...


class LockedInLive:
    """Nothing but GET leaves in Live; other environments are free."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def allow(self, method: str, path: str) -> None:
        if self._environment.livemode and method.lower() != "get":
            raise OperatorError(
                "LIVE is locked: this would change something at Stripe.",
                fix="Arm the write in the environment bar first.",
                code="live.locked",
            )


class StripeTraffic:
    """What the last answers told, for the status bar. Read it from any thread."""

    def __init__(self) -> None:
        self.last_ok_ms: int | None = None
        self.latency_ms: int | None = None

    def answered(self, started: float) -> None:
        self.latency_ms = round((time.monotonic() - started) * 1000)
        self.last_ok_ms = time.time_ns() // 1_000_000


class GuardedClient(stripe.RequestsClient):
    """Stripe's own client behind the guard; waits and tries again when Stripe says 429."""

    def __init__(self, guard: WriteGuard, traffic: StripeTraffic) -> None:
        super().__init__(timeout=TIMEOUT_S)
        self._guard = guard
        self._traffic = traffic
        self._pause = threading.Event()  # never set: a sleep that a test can shorten

    def request(  # type: ignore[override]  # as RequestsClient itself overrides it
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        self._guard.allow(method, url)
        started = time.monotonic()
        answer = super().request(method, url, headers, post_data)
        for attempt in range(RATE_LIMIT_RETRIES):
            if answer[1] != 429:
                break
            self._pause.wait(rate_limit_pause_s(answer[2], attempt))
            answer = super().request(method, url, headers, post_data)
        if answer[1] < 500:
            self._traffic.answered(started)
        return answer


def rate_limit_pause_s(headers: Mapping[str, str], attempt: int) -> float:
    """Seconds to wait: what Stripe asks for, or 0.5, 1, 2 …, but never more than 8."""
    asked = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    seconds = int(asked) if asked.isdigit() else 0.5 * 2**attempt
    return min(seconds, LONGEST_RATE_LIMIT_PAUSE_S)
