"""Following Stripe where no webhook arrives."""

import math
import threading
import time
from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.services.bugs import note_bug
from bioql_console.services.missed_events import MissedEvents
from bioql_console.services.ports import Store

FIRST_LOOK_S = 2.0
LONGEST_PAUSE_S = 300.0
# While another console looks, or there is no key yet.
IDLE_PAUSE_S = 30.0
NEVER_S = math.inf
# How often it is noted that somebody watches; after a longer pause, e.g. of a sleeping computer, nobody did.
WATCH_EVERY_S = 60.0
LONGEST_WATCH_PAUSE_MS = 150_000
# A console that follows Stripe's list keeps others from it for so long beyond its own pause.
CLAIM_MARGIN_MS = 60_000


class Polling:
    """Looks through Stripe's list on start and then every so often, on a thread of its own.

    With it the ledger follows Stripe on a desktop behind a firewall, without a tunnel and without Stripe's command
    line. What is delivered as well is counted once. Of several consoles on one database, one looks.

    Args:
        enabled: Whether there is a key to look with.
        hears: Whether webhooks can arrive.
        every_s: Pause between two looks; None to look on start only.
    """

    def __init__(
        self,
        missed: MissedEvents,
        store: Store,
        now_ms: Callable[[], int],
        *,
        enabled: Callable[[], bool],
        hears: Callable[[], bool],
        every_s: float | None,
    ) -> None:
        self._missed = missed
        self._store, self._now_ms = store, now_ms
        self._enabled, self._hears = enabled, hears
        self._every_s = every_s
        self._first = True
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
        pause_s, look_at = FIRST_LOOK_S, _monotonic() + FIRST_LOOK_S
        while not self._stop.wait(min(WATCH_EVERY_S, max(0.0, look_at - _monotonic()))):
            if _monotonic() >= look_at:
                pause_s = self._look(pause_s)
                look_at = _monotonic() + pause_s
            self._note_watch()
        self._end()

    def _look(self, pause_s: float) -> float:
        """Look, and say when to look again: after a failure later and later."""
        try:
            if not self._enabled():
                return IDLE_PAUSE_S
            claim_ms = int((self._every_s or 0) * 1000) + CLAIM_MARGIN_MS
            found = self._missed.catch_up(away=self._first, claim_ms=claim_ms, cancelled=self._stop.is_set)
        except OperatorError as error:
            self.error = error
            return min(pause_s * 2, LONGEST_PAUSE_S)
        except Exception as bug:
            note_bug(bug)
            return min(pause_s * 2, LONGEST_PAUSE_S)
        self.error = None
        if found is None:
            return IDLE_PAUSE_S
        self._first = False
        return NEVER_S if self._every_s is None else self._every_s

    def _note_watch(self) -> None:
        """Somebody watches: webhooks can arrive, or Stripe's list is followed."""
        follows = self._every_s is not None and not self._first and self.error is None
        if not (follows or self._hears()):
            return
        try:
            with self._store.write() as work:
                work.coverage.watched(self._now_ms(), LONGEST_WATCH_PAUSE_MS)
                work.commit()
        except OperatorError as error:
            self.error = error

    def _end(self) -> None:
        """Tell until when this console watched, and let another one follow the list."""
        self._note_watch()
        try:
            self._missed.stop_following()
        except OperatorError as error:
            self.error = error


def _monotonic() -> float:
    return time.monotonic()
