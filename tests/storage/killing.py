"""Programs that die in the middle of something."""

import signal
import subprocess
import sys


def kills_itself(program: str, *words: object) -> None:
    """Run a program that ends by kill -9 of its own; it did.

    Args:
        program: Its text.
        words: What it finds in `sys.argv`.
    """
    command = [sys.executable, "-c", program, *map(str, words)]
    died = subprocess.run(command, timeout=50, check=False)
    assert died.returncode == -signal.SIGKILL
