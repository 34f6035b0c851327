"""From exec to the first mapped window on a virtual screen: ours on a million users beside other people's programs."""

import time
from collections.abc import Mapping, Sequence
from statistics import median

from tests.bench.figures import Figure, Skipped, in_turns
from tests.bench.peers import missing
from tests.bench.programs import APPEARS_WITHIN_S, PYTHON_PEERS, console, home, peer, running
from tests.bench.x11 import Screen
from tests.screens import private_screen

OTHER = "sqlitebrowser"
FLOOR = (
    "a bare window takes nearly as long: Python with PySide6's libraries and nothing but a QMainWindow is what the "
    "row `start` compares with."
)


def run() -> list[Figure | Skipped]:
    """Beside the median of three programs in Python and Qt, and beside one in C++."""
    if absent := missing("Xvfb", *PYTHON_PEERS, OTHER):
        return [Skipped("", absent)]
    with private_screen() as display, Screen(display) as screen, home({"DISPLAY": display}) as env:
        env["QT_QPA_PLATFORM"] = "xcb"
        commands = [console(), *(peer(name, env) for name in (*PYTHON_PEERS, OTHER))]
        ours, *others, browser = in_turns([lambda c=c: mapped_ms(screen, c, env) for c in commands])  # type: ignore[misc]
    return [
        Figure("in Python", ours, median(others), 0.35, peer=f"median of {', '.join(PYTHON_PEERS)}"),
        Figure("in C++", ours, browser, 1.0, peer=OTHER, floor=FLOOR),
    ]


def mapped_ms(screen: Screen, command: Sequence[str], env: Mapping[str, str]) -> float:
    """How long a program takes to show a window."""
    screen.forget()
    started_ns = time.monotonic_ns()
    with running(command, env):
        return (screen.window_ns(APPEARS_WITHIN_S) - started_ns) / 1e6
