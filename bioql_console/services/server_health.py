"""Asking a BioQL server how it is, and saying what the answer means."""

import json
import time
from dataclasses import dataclass
from typing import Any

from bioql_console.services.authorities import authorities

TIMEOUT_S = 4.0
LARGEST_ANSWER = 64_000
# Older servers don't mention their database.
DATABASE_WELL = ("", "connected")
UNSAFE = "unsafe"
RESTART = "Restart it with the keychain's secrets on the Server page."


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One look at `/health`. None means that the server does not say.

    Args:
        words: What it means, one sentence.
        cure: The one next step; empty when all is well.
    """

    url: str
    reachable: bool
    checked_ms: int
    latency_ms: int | None = None
    stripe_enabled: bool | None = None
    webhooks_enabled: bool | None = None
    version: str = ""
    database: str = ""
    books: str = ""
    words: str = ""
    cure: str = ""

    @property
    def healthy(self) -> bool:
        """Reachable, and nothing it says of itself is off."""
        flags = (self.stripe_enabled, self.webhooks_enabled)
        return self.reachable and False not in flags and self.database in DATABASE_WELL and self.books != UNSAFE


def check(url: str, timeout_s: float = TIMEOUT_S) -> HealthReport:
    """Ask the server at `url`, with or without `/health` at its end. Never raises."""
    import httpx

    address = url.rstrip("/")
    address = address if address.endswith("/health") else f"{address}/health"
    started = time.monotonic()
    now_ms = time.time_ns() // 1_000_000
    try:
        with (
            httpx.Client(timeout=timeout_s, trust_env=False, verify=authorities()) as client,
            client.stream("GET", address, headers={"ngrok-skip-browser-warning": "true"}) as answer,
        ):
            body = _read(answer, started + timeout_s)
    except (httpx.TimeoutException, TimeoutError):
        return _unreachable(url, now_ms, f"The server does not answer within {timeout_s:g} s.")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):  # the last for a host name that can be none
        return _unreachable(url, now_ms, "No server answers at this address.")
    latency_ms = round((time.monotonic() - started) * 1000)
    found = _object(body)
    if answer.status_code != 200 or found is None:
        words = f"Something else answers there ({answer.status_code}), or the server is broken."
        return _unreachable(url, now_ms, words)
    return _understood(url, now_ms, latency_ms, found)


def _read(answer: Any, deadline: float) -> bytes:
    """The start of an answer. One that trickles, or never ends, must not hold us."""
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            break
        if time.monotonic() > deadline:
            raise TimeoutError
    return body


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "status" in found else None


def _unreachable(url: str, now_ms: int, words: str) -> HealthReport:
    cure = "Start it on the Server page, or check its address in Settings."
    return HealthReport(url, False, now_ms, words=words, cure=cure)


def _understood(url: str, now_ms: int, latency_ms: int, found: dict[str, Any]) -> HealthReport:
    stripe_enabled = _flag(found.get("stripe_enabled"))
    webhooks_enabled = _flag(found.get("stripe_webhooks_enabled"))
    database = str(found.get("database", ""))[:60]
    books = str(found.get("books", ""))[:60]
    words, cure = "The server is healthy.", ""
    if stripe_enabled is False:
        words = "It was started without its Stripe credentials: customers can't pay and usage isn't reported."
        cure = RESTART
    elif webhooks_enabled is False:
        words = "It was started without its webhook secret: payments are made but not noticed."
        cure = RESTART
    elif database not in DATABASE_WELL:
        words = f"The server answers, but says of its database: {database}. Nothing is recorded meanwhile."
        cure = "Look at its log, mend the database, then restart it."
    elif books == UNSAFE:
        words = "The server found its books broken: it stores events, but posts and sends nothing."
        cure = "Run `bioql-console verify` there, restore a backup or mend the entry, then check again in the window."
    elif stripe_enabled is None:
        words, cure = "The server answers, but does not say whether Stripe is on.", "Update the server."
    return HealthReport(
        url=url,
        reachable=True,
        checked_ms=now_ms,
        latency_ms=latency_ms,
        stripe_enabled=stripe_enabled,
        webhooks_enabled=webhooks_enabled,
        version=str(found.get("version", ""))[:60],
        database=database,
        books=books,
        words=words,
        cure=cure,
    )


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
