"""One window or server at a time on a data folder."""

import json
import os
import socket
import time
from contextlib import suppress
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
        # Of the process, not of a thread: the window takes it on one thread and may free it on another.
        self._lock = FileLock(data_dir / "console.lock", mode=0o600, thread_local=False)
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
        except OSError as error:
            raise OperatorError(
                f"The data folder can't be written: {error.strerror}.",
                fix="Check its owner and space, or start with another --data-dir.",
                code="instance.folder",
            ) from error
        holder = {"what": self._what, "pid": os.getpid(), "host": socket.gethostname(), "since": int(time.time())}
        # A full disk must not keep anybody out: the note only helps whoever comes second.
        with suppress(OSError):
            descriptor = os.open(self._holder, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(holder, file)

    def release(self) -> None:
        if self._lock.is_locked:
            with suppress(OSError):
                self._holder.unlink()
            self._lock.release()

    def _words(self) -> str:
        try:
            holder = json.loads(self._holder.read_text())
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(holder["since"]))
            return f"Another {holder['what']} (process {holder['pid']} on {holder['host']}, since {since})"
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return "Another window or server"

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
