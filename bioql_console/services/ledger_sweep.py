"""Verifying the whole ledger in the background, a little at a time, over and over again."""

import threading
import time
from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.verification import Place
from bioql_console.services.book_safety import BookSafety
from bioql_console.services.bugs import note_bug
from bioql_console.services.ports import Store

FIRST_S = 2.0
EVERY_S = 1_800.0
RETRY_S = 30.0
# A step takes about so long, and nine times as long is rested after it: a tenth of one processor at most.
STEP_MS = 20
RESTS = 9
FEWEST_ROWS, MOST_ROWS = 50, 50_000


class LedgerSweep:
    """A thread that walks through the books. Each step is a transaction of its own that reads one moment.

    Args:
        first_s, every_s: Until the first walk begins, and between the end of one and the next.
    """

    def __init__(
        self,
        store: Store,
        safety: BookSafety,
        now_ms: Callable[[], int],
        *,
        first_s: float = FIRST_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._safety = safety
        self._now_ms = now_ms
        self._first_s, self._every_s = first_s, every_s
        self._rows = FEWEST_ROWS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-sweep", daemon=True)
        self.whole_ms: int | None = None
        """When everything had been looked at for the last time; None before the first time."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the step in hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        pause_s = self._first_s
        while not self._stop.wait(pause_s):
            try:
                pause_s = self._every_s if self.walk() else 0.0
            except OperatorError:
                pause_s = RETRY_S  # the database is out of reach; the status bar shows it
            except Exception as bug:
                note_bug(bug)
                pause_s = self._every_s

    def walk(self) -> bool:
        """Look at everything once, and stop posting as soon as something is broken; False when told to end.

        Raises:
            OperatorError: `db.*`.
        """
        place: Place | None = Place()
        while place is not None:
            began_ns = time.monotonic_ns()
            with self._store.read() as work:
                step = work.verifier.step(place, self._rows)
            if step.differences:
                self._safety.stop(step.differences)
            took_ms = (time.monotonic_ns() - began_ns) // 1_000_000
            self._pace(took_ms)
            place = step.next
            if self._stop.wait(took_ms * RESTS / 1000):
                return False
        self.whole_ms = self._now_ms()
        return True

    def _pace(self, took_ms: int) -> None:
        """More rows in the next step when this one was quick, fewer when it was slow."""
        if took_ms * 2 < STEP_MS:
            self._rows = min(MOST_ROWS, self._rows * 2)
        elif took_ms > STEP_MS * 2:
            self._rows = max(FEWEST_ROWS, self._rows // 2)
