"""What the open window costs while nobody touches it: processor time, and how often its threads wake up.

A small ledger, since a large one is walked through in the background at a pace of its own (decision 16), which ends.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure, Skipped
from tests.bench.peers import missing
from tests.bench.programs import START, home, running
from tests.screens import private_screen

SETTLES_S, WATCHED_S = 15.0, 60.0
MOST_PERCENT, MOST_WAKE_UPS = 0.3, 5.0
FLOOR = (
    "of 5.7 a second (`wake_ups_by_thread`), 1.3 look at other writers of the file, since SQLite has no messages, "
    "1.2 are the window's and 0.3 its screen's; 1.2 ask server and Stripe, 1.3 are the servers that answer, 0.5 "
    "the database's: three looks each 15 s and a heartbeat each 30 over real connections, one after the other."
)


def run() -> list[Figure | Skipped]:
    if absent := missing("Xvfb"):
        return [Skipped("", absent)]
    xcb = {"QT_QPA_PLATFORM": "xcb"}
    with private_screen() as display, home(xcb | {"DISPLAY": display}) as env, tempfile.TemporaryDirectory() as data:
        console = [sys.executable, "-c", START]
        subprocess.run([*console, "demo", "--data-dir", data], env=env, check=True, stdout=subprocess.DEVNULL)
        with running([*console, "gui", "--data-dir", data], env) as window:
            time.sleep(SETTLES_S)
            before, began = _spent(window.pid), time.monotonic()
            time.sleep(WATCHED_S)
            after, took_s = _spent(window.pid), time.monotonic() - began
    percent = (after[0] - before[0]) / os.sysconf("SC_CLK_TCK") / took_s * 100
    wake_ups = (after[1] - before[1]) / took_s
    return [
        Figure("processor", percent, MOST_PERCENT, 1.0, "%", peer="limit", floor=FLOOR),
        Figure("wake-ups", wake_ups, MOST_WAKE_UPS, 1.0, "/s", peer="limit", floor=FLOOR),
    ]


def _spent(pid: int) -> tuple[int, int]:
    """Clock ticks of the process so far, and how often its threads went to sleep by themselves."""
    ticks = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(ticks[11]) + int(ticks[12]), sum(wake_ups_by_thread(pid).values())


def wake_ups_by_thread(pid: int) -> dict[str, int]:
    """For who looks for the thread that wakes up too often."""
    found = {}
    for task in (Path("/proc") / str(pid) / "task").iterdir():
        status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        found[f"{task.name} {status['Name'].strip()}"] = int(status["voluntary_ctxt_switches"])
    return found
