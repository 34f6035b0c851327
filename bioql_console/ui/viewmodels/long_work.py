"""Work that takes a while, on a thread of its own, so that the pages go on reading: how far it is, and ending it."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from bioql_console.services.worker import Worker

R = TypeVar("R")
# A bar that moves more often than this is no better.
SHOW_EVERY_S = 0.05


class LongWork:
    """One piece of work after the other.

    Args:
        name: Of the thread.
        show: Told 0–1 and words, a few times a second, on that thread.
    """

    def __init__(self, name: str, show: Callable[[float, str], object]) -> None:
        self._name, self._show = name, show
        self._worker = Worker(name)
        self._stop = threading.Event()
        self._said_at = 0.0

    def begin(self) -> threading.Event:
        """What is begun now ends once the answer is set; what was under way before does no more when asked to end."""
        self._stop = threading.Event()
        return self._stop

    async def run(self, work: Callable[[], R]) -> R:
        """The answer of the work, or its exception."""
        return await self._worker.run(work)

    def progress(self, done: int, total: int, words: str) -> None:
        """Called by the work, as often as it likes."""
        now = time.monotonic()
        if now - self._said_at >= SHOW_EVERY_S:
            self._said_at = now
            self._show(done / max(1, total), words)

    def stop(self) -> None:
        """Ask what is under way to end."""
        self._stop.set()

    def close(self) -> None:
        """End for good, without waiting for it."""
        self.stop()
        threading.Thread(target=self._worker.close, name=f"{self._name}-end", daemon=True).start()
