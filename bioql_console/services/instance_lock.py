"""One window or server at a time on a data folder."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from bioql_console.domain.errors import OperatorError


class InstanceLock:
    """Held by whoever writes; readers such as `verify` don't need it. The system frees it when its holder dies.

    Args:
        what: Who we are, for the one who comes second: "window", "serve", …
    """

    def __init__(self, data_dir: Path, what: str) -> None:
        self._lock = FileLock(data_dir / "console.lock", mode=0o600)
        self._holder = data_dir / "console.lock.json"
        self._what = what

    def acquire(self) -> None:
        """Raises OperatorError `instance.running`, which names the holder."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise OperatorError(
                f"{self._words()} is using this data folder already.",
                fix="Use that one, end it, or start with another --data-dir.",
                code="instance.running",
            ) from error
        holder = {"what": self._what, "pid": os.getpid(), "host": socket.gethostname(), "since": int(time.time())}
        with os.fdopen(os.open(self._holder, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(holder, file)

    def release(self) -> None:
        if self._lock.is_locked:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    def _words(self) -> str:
        try:
            holder = json.loads(self._holder.read_text())
            return f"Another {holder['what']} (process {holder['pid']} on {holder['host']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "Another window or server"

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
