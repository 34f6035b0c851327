"""A server whose clock is set from outside while it runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


class Clock:
    """The clock of a child process, which can be set while it runs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    def set(self, ahead_s: int) -> None:
        self._file.write_text(f"{ahead_s:+d}s\n")

    @property
    def env(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # The file is read once a second.
            "FAKETIME_CACHE_DURATION": "1",
            # Waiting threads would hang otherwise.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@contextmanager
def serving(
    data_dir: Path, clock: Clock, program: Sequence[str] = ("bioql_console",), *options: str, **env: str
) -> Iterator[dict[str, Any]]:
    """`serve`, in the Sandbox unless `options` say otherwise; it must end well and soon."""
    ready = data_dir / "ready.json"
    command = [sys.executable, "-m", *program, "serve", "--port", "0", *(options or ("--env", "sandbox"))]
    command += ["--data-dir", str(data_dir), "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **clock.env, **env})
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 40)
        assert process.poll() is None, "it ended at once"
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        try:
            assert process.wait(25) == 0
        finally:
            process.kill()
