"""Running tests in a child whose network has nothing but loopback: what they start can't reach anybody."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.sources import ROOT

REPORTS = "BIOQL_CONSOLE_PEER_REPORTS"
"""Set in the child: the file that takes its reports, one a line."""
TIMEOUT_S = 240


def is_apart() -> bool:
    """Whether this is the child."""
    return REPORTS in os.environ


@cache
def way_apart() -> tuple[str, ...]:
    """The command that runs another one in a network of its own; empty where the system does not let us."""
    unshare = shutil.which("unshare")
    ways = [(unshare, "-n")] if os.geteuid() == 0 else []
    ways += [(unshare, "-rn")]
    for way in ways if unshare else []:
        if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:  # type: ignore[list-item]
            return way  # type: ignore[return-value]
    return ()


def loopback_up() -> None:
    """Let a new network's programs reach each other; `ip` need not be there."""
    import fcntl
    import socket
    import struct

    get_flags, set_flags, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, get_flags, asked))
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", flags | up))


class Child:
    """All tests of this folder, run once in a child; what it reported of each."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self.reports: dict[str, list[Any]] = {}
        written = folder / "reports.jsonl"
        done = subprocess.run(
            [*way_apart(), sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *names],
            cwd=ROOT,
            env={**os.environ, REPORTS: str(written)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        self.said = done.stdout[-4_000:] + done.stderr[-4_000:]
        for line in written.read_text().splitlines() if written.exists() else []:
            report = json.loads(line)
            if isinstance(report["longrepr"], list):  # JSON knows no tuples; a skip's place and reason are one
                report["longrepr"] = tuple(report["longrepr"])
            self.reports.setdefault(report["nodeid"], []).append(report)
