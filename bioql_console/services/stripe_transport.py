"""The one way out to Stripe: keeps writes in where they are locked, waits when Stripe asks for it, and measures."""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Outgoing
from bioql_console.services.live_lock import locked
from bioql_console.services.stripe_errors import SlowDown

# Body, status and headers of an HTTP answer, as stripe-python passes them around.
Answer = tuple[Any, int, Mapping[str, str]]

# Many of these are under way side by side: after 429 all of them rest together, which only their caller can see to.
PACED_BY_CALLER = frozenset(("/v1/billing/meter_events",))


class WriteGuard(Protocol):
    """Decides whether a request may leave. Called for each one, from any thread."""

    def allow(self, outgoing: Outgoing) -> None:
        """Return to let it leave.

        Raises:
            OperatorError: `live.*`.
        """
        ...


class LockedInLive:
    """Nothing but GET ever leaves in Live; other environments are free. For keys that are only looked at."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def allow(self, outgoing: Outgoing) -> None:
        if self._environment.livemode and not outgoing.reads:
            raise locked()


class WhileSound:
    """Lets nothing but GET leave for Stripe while the books don't hold.

    Args:
        inner: Decides besides.
    """

    def __init__(self, inner: WriteGuard, require: Callable[[], None]) -> None:
        self._inner = inner
        self._require = require

    def allow(self, outgoing: Outgoing) -> None:
        """Return to let it leave.

        Raises:
            OperatorError: `ledger.unsafe`, and as `inner`.
        """
        if not outgoing.reads:
            self._require()
        # Last, because what was armed counts as sent from now on.
        self._inner.allow(outgoing)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how often to try.

    Args:
        connect_s, read_s: Until Stripe takes the connection, and between two bytes of its answer.
        network_retries: Further tries of stripe-python after a broken connection, 409 or 5xx, with the same key.
        rate_limit_retries: Further tries after 429.
        longest_pause_ms: When Stripe asks for a longer pause than this, the caller is told instead.
    """

    connect_s: float = 5
    read_s: float = 20
    network_retries: int = 2
    rate_limit_retries: int = 3
    longest_pause_ms: int = 8_000


@dataclass(frozen=True, slots=True)
class StripeActivity:
    """What the last good answer told, for the status bar; None before the first.

    Args:
        clock_off_ms: How far this computer's clock is ahead of the answer's date, to the second; None when it has none.
    """

    last_ok_ms: int | None = None
    latency_ms: int | None = None
    clock_off_ms: int | None = None


class StripeTraffic:
    """Passes requests on one by one. Safe to use from several threads.

    Args:
        now_ms: The clock of `StripeActivity.last_ok_ms`.
    """

    def __init__(self, guard: WriteGuard, limits: Limits, now_ms: Callable[[], int]) -> None:
        self.activity = StripeActivity()
        self._guard = guard
        self._limits = limits
        self._now_ms = now_ms
        self._closed = threading.Event()

    def close(self) -> None:
        """End pauses in hand at once. Nothing more is asked."""
        self._closed.set()

    def send(self, outgoing: Outgoing, once: Callable[[], Answer]) -> Answer:
        """The answer to one request; while Stripe says 429, ask again after a pause.

        Args:
            once: Sends the request over the network.

        Raises:
            SlowDown: 429 to one of `PACED_BY_CALLER`.
            OperatorError: `live.*`; `stripe.unreachable` once closed; `stripe.failed` when it was not Stripe.
        """
        if self._closed.is_set():
            raise closing()  # stripe-python would ask again, for a minute
        self._guard.allow(outgoing)
        answer = self._measured(once)
        if answer[1] == 429 and outgoing.path in PACED_BY_CALLER:
            raise SlowDown(asked_pause_ms(answer[2]))
        for tries in range(self._limits.rate_limit_retries):
            pause_ms = rate_limit_pause_ms(answer[2], tries)
            if answer[1] != 429 or pause_ms > self._limits.longest_pause_ms or self._closed.wait(pause_ms / 1000):
                break
            self._guard.allow(outgoing)  # what was armed may be locked again after the pause
            answer = self._measured(once)
        body, status, headers = answer
        if status < 500:
            _require_stripes_words(body, status)
        # The SDK would print this header as a warning of Python's.
        headers.pop("Stripe-Notice", None) if hasattr(headers, "pop") else None
        return answer

    def _measured(self, once: Callable[[], Answer]) -> Answer:
        started_ns = time.monotonic_ns()
        answer = once()
        if answer[1] < 300:
            # One assignment, so that a reader never sees the time of one answer with the latency of another.
            now_ms, took_ms = self._now_ms(), (time.monotonic_ns() - started_ns) // 1_000_000
            self.activity = StripeActivity(now_ms, took_ms, clock_off_ms(answer[2], now_ms - took_ms // 2))
        return answer


def closing() -> OperatorError:
    return OperatorError("The console is closing.", fix="Do it again once it runs.", code="stripe.unreachable")


def clock_off_ms(headers: Mapping[str, str], at_ms: int) -> int | None:
    """How far `at_ms` is ahead of the answer's date."""
    said = {name.lower(): value for name, value in headers.items()}.get("date", "")
    try:
        return at_ms - int(parsedate_to_datetime(said).timestamp()) * 1000
    except (ValueError, TypeError, OverflowError):
        return None


def rate_limit_pause_ms(headers: Mapping[str, str], tries: int) -> int:
    """The pause Stripe asks for, else about 0.5 s, 1 s, 2 s …, spread out so that a crowd doesn't come back at once."""
    return asked_pause_ms(headers) or (500 << tries) * random.randint(80, 120) // 100


def asked_pause_ms(headers: Mapping[str, str]) -> int:
    """The pause Stripe asks for; 0 when it does not say."""
    asked = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return int(asked[:9]) * 1000 if asked.isascii() and asked.isdigit() else 0


def _require_stripes_words(body: Any, status: int) -> None:
    """A proxy or captive portal answers with pages of its own, on which the SDK would stumble."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    fits = isinstance(content, dict) and (status < 300 or isinstance(content.get("error"), dict))
    if not fits:
        raise OperatorError(
            f"What answered (HTTP {status}) was not Stripe, or its answer was cut off.",
            fix="Check the network for a proxy or a sign-in page, then retry.",
            code="stripe.failed",
        )
