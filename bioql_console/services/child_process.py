"""A program we start, with what it prints, and the end of it: asked first, then made to."""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from bioql_console.services.redaction import redacted

TAIL_LINES = 500
LARGEST_LOG = 2_000_000
LAST_WORDS_S = 1.0


class ChildProcess:
    """A running program and its helpers, in a process group of their own.

    Args:
        environment: All of it; nothing of ours reaches the child by itself.
        log_file: Its output is appended here, redacted.
        on_end: Called on a thread of its own once it and the helpers that share its output have ended.
        hear: Called on that thread with each line as it was printed, secrets and all; says whether to keep it.

    Raises:
        OSError: it can't be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: str,
        environment: Mapping[str, str],
        log_file: Path,
        on_end: Callable[[], None],
        hear: Callable[[str], bool] = lambda _line: True,
    ) -> None:
        self._hear = hear
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._process = subprocess.Popen(
            list(command),
            cwd=folder or None,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(log_file, on_end), name="child-output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def tail(self, lines: int = TAIL_LINES) -> list[str]:
        """Its last output, redacted."""
        return list(self._tail)[-lines:]

    def last_words(self) -> str:
        """The last line of a child that ended."""
        self._reader.join(LAST_WORDS_S)
        return next((line for line in reversed(self.tail()) if line), "It printed nothing.")

    def stop(self, seconds: float) -> None:
        """End it and its helpers; whoever is left after `seconds` is killed."""
        if not self._reader.is_alive():
            return
        self._signal(signal.SIGTERM)
        self._reader.join(seconds)
        if self._reader.is_alive():
            self._tail.append(f"It did not end within {seconds:g} s and was killed.")
            self._signal(signal.SIGKILL)
            self._reader.join(seconds)

    def _read(self, log_file: Path, on_end: Callable[[], None]) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output, _Log(log_file) as log:
            for raw in output:
                printed = raw.decode("utf-8", "replace").rstrip()
                if not self._hear(printed):
                    continue
                line = redacted(printed)
                self._tail.append(line)
                log.write(line)
        self._process.wait()
        on_end()

    def _signal(self, number: signal.Signals) -> None:
        """To the whole group, since many servers start helpers. It may be gone already."""
        with suppress(ProcessLookupError):
            if self.exit_code is not None and _exists(self.pid):
                return  # its number was given to somebody else
            os.killpg(self.pid, number)


class _Log:
    """A private file for lines, as long as the disk takes them: the child must not have to wait for it."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            if path.exists() and path.stat().st_size > LARGEST_LOG:
                path.replace(path.with_name(path.name + ".1"))
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, line: str) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.write(self._descriptor, line.encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
