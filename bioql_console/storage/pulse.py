"""A database server that is frozen answers nothing and breaks nothing: who waits for it would wait for ever.

The network can't tell: the kernel below a stopped process goes on acknowledging. A statement may also just be slow. So
when one takes long, the server is asked for a new connection; only where that is not answered in time is the wait cut.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, event

LOOK_EVERY_S = 5.0
# libpq's smallest is 2.
ANSWERS_WITHIN_S = 5


class Pulse:
    """Watches an engine's connections on a thread of its own, from the first connection until it is stopped.

    Args:
        connect: Makes a new connection to the same server: (seconds to wait).
    """

    def __init__(self, engine: Engine, connect: Callable[[int], Any]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._watched: set[Any] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        event.listen(engine, "connect", self._made)
        event.listen(engine, "close", self._closed)
        event.listen(engine, "close_detached", self._closed)
        event.listen(engine, "engine_disposed", lambda _engine: self.stop())

    def stop(self) -> None:
        self._stopped.set()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(1)

    def _made(self, raw: Any, _entry: object) -> None:
        with self._lock:
            self._watched.add(raw)
            if self._thread is None:
                self._stopped.clear()
                self._thread = threading.Thread(target=self._watch, name="database-pulse", daemon=True)
                self._thread.start()

    def _closed(self, raw: Any, *_: object) -> None:
        with self._lock:
            self._watched.discard(raw)

    def _watch(self) -> None:
        waited: set[Any] = set()
        while not self._stopped.wait(LOOK_EVERY_S):
            with self._lock:
                waiting = {raw for raw in self._watched if _waits(raw)}
            if waiting & waited and not self._beats():
                for raw in waiting & waited:
                    _cut(raw)
            waited = waiting

    def _beats(self) -> bool:
        """Whether the server still answers a newcomer, were it only with a refusal."""
        from psycopg.errors import ConnectionTimeout

        try:
            self._connect(ANSWERS_WITHIN_S).close()
        except ConnectionTimeout:
            return False
        except Exception:  # it is gone or refuses: then nobody waits for ever
            return True
        return True


def _waits(raw: Any) -> bool:
    from psycopg.pq import TransactionStatus

    return not raw.closed and raw.pgconn.transaction_status == TransactionStatus.ACTIVE


def _cut(raw: Any) -> None:
    """End the wait as if the server had hung up; only the thread that waits may do more to its connection."""
    from psycopg import Error

    with suppress(OSError, Error), socket.socket(fileno=os.dup(raw.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)
