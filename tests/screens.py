"""A virtual X screen for tests that need the xcb platform."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


def screen_missing() -> str | None:
    """Why there can be no virtual screen here, or None."""
    return None if shutil.which("Xvfb") else "Xvfb is not installed (Debian package xvfb)"


@contextmanager
def private_screen(size: str = "1600x1000x24") -> Iterator[str]:
    """Start Xvfb on a free display number; yields the value for DISPLAY, such as ":7"."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"],
        pass_fds=[writing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading, encoding="ascii") as number:
            display = number.readline().strip()
        if not display:
            raise RuntimeError(f"Xvfb did not start, exit code {server.wait(5)}")
        yield f":{display}"
    finally:
        server.terminate()
        server.wait(5)
