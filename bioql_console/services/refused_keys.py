"""Remembering which unknown API keys are used, without letting whoever uses them keep the database busy."""

import threading
from collections import Counter
from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.users import ApiKey
from bioql_console.services.ports import Store

WRITE_EVERY_MS = 5_000
MOST_WAITING = 200


class RefusedKeys:
    """Gathers refusals and writes them now and then; safe from several threads."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._waiting: Counter[str] = Counter()
        self._written_ms = 0

    def note(self, api_key: str) -> None:
        """Somebody used this key and nobody has it. Blocks for a moment every few seconds."""
        hint = ApiKey.of(api_key).hint
        now_ms = self._now_ms()
        with self._lock:
            if hint in self._waiting or len(self._waiting) < MOST_WAITING:
                self._waiting[hint] += 1
            if 0 <= now_ms - self._written_ms < WRITE_EVERY_MS:
                return
            counts, self._waiting, self._written_ms = self._waiting, Counter(), now_ms
        self._write(counts, now_ms)

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            counts, self._waiting = self._waiting, Counter()
        self._write(counts, self._now_ms())

    def _write(self, counts: Counter[str], now_ms: int) -> None:
        if not counts:
            return
        try:
            with self._store.write() as work:
                work.refused_keys.add(counts, now_ms)
                work.commit()
        except OperatorError:
            return  # a hint for operators is not worth failing a request for
