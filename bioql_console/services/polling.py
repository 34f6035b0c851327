"""Following Stripe where no webhook arrives."""

import threading
from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.services.missed_events import KEPT_MS, MissedEvents

# Each look goes back this far, so that events that Stripe lists late are found by the next one.
OVERLAP_MS = 3_600_000
FIRST_LOOK_S = 2.0
LONGEST_PAUSE_S = 300.0


class Polling:
    """Looks through Stripe's list on start and then every so often, on a thread of its own.

    With it the ledger follows Stripe on a desktop behind a firewall, without a tunnel and without Stripe's command
    line. What is delivered as well is counted once.

    Args:
        every_s: Pause between two looks; None to look on start only.
    """

    def __init__(self, missed: MissedEvents, enabled: Callable[[], bool], every_s: float | None) -> None:
        self._missed = missed
        self._enabled = enabled
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="polling", daemon=True)
        self.error: OperatorError | None = None
        """Why the last look failed; None when it did not."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        pause_s, span_ms = FIRST_LOOK_S, KEPT_MS
        while not self._stop.wait(pause_s):
            if self._look(span_ms):
                if self._every_s is None:
                    return
                pause_s, span_ms = self._every_s, OVERLAP_MS
            else:
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _look(self, span_ms: int) -> bool:
        try:
            if not self._enabled():
                return False
            self._missed.poll_last(span_ms)
        except OperatorError as error:
            self.error = error
            return False
        self.error = None
        return True
