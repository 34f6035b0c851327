"""Telling windows that something changed, from whichever thread it changed on."""

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """What a view may want to read again.

    Args:
        topic: "users", "balances", "events", "checkouts", "outbox", "usage", "activity", "health", "listener",
            "backfill", "tariff", "tickets", "presence", "cli", "live", "safety", or "database" when it can't be
            written or can again.
        user_id: The user it is about, when it is about one.
    """

    topic: str
    user_id: int | None = None


Listener = Callable[[Change], None]


class Changes:
    """Hands each change to every subscriber, on the publisher's thread. Subscribers must be quick and not raise."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Start listening; call the answer to stop."""
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def publish(self, *changes: Change) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for change in changes:
            for listener in listeners:
                listener(change)
