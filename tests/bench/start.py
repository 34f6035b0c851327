"""Process start to first painted frame: the full window on a million users beside a bare QMainWindow.

Offscreen and on a virtual screen; each start is a fresh process, which restores the environment of the last one.
"""

import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from tests.bench.figures import Figure, Skipped, in_turns
from tests.bench.peers import missing
from tests.bench.programs import ROOT, console, home
from tests.screens import private_screen

GOAL, ROUNDS = 1.3, 9
FLOOR = (
    "beyond a bare window's 157 ms of processor time ours takes 115: Qt's namespace of enumerations 30, first text 7, "
    "style and font 12, 54 widgets 22 and their first paint 17, imports of our own code the rest (decision 26); 16 "
    "more to begin anew without malloc's caches for each thread (decision 22)."
)
BARE_WINDOW = """
import time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

class Window(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        QTimer.singleShot(0, self, painted)

def painted():
    print("first-paint", time.monotonic_ns(), flush=True)
    application.exit()

application = QApplication([])
window = Window()
window.resize(1280, 800)
window.show()
application.exec()
"""


def run() -> list[Figure | Skipped]:
    """The start on each platform that is here."""
    figures: list[Figure | Skipped] = [_compare("offscreen", {"QT_QPA_PLATFORM": "offscreen"})]
    if absent := missing("Xvfb"):
        return [*figures, Skipped("xcb", absent)]
    with private_screen() as display:
        return [*figures, _compare("xcb", {"QT_QPA_PLATFORM": "xcb", "DISPLAY": display})]


def _compare(name: str, platform: Mapping[str, str]) -> Figure:
    with home(platform) as env:
        env["BIOQL_CONSOLE_EXIT_AFTER_PAINT"] = "1"
        ours, bare = in_turns(
            [
                lambda: _first_paint_ms(console(), env),
                lambda: _first_paint_ms([sys.executable, "-c", BARE_WINDOW], env),
            ],
            ROUNDS,
        )
    return Figure(name, ours, bare, GOAL, peer="a bare QMainWindow", floor=FLOOR)


def _first_paint_ms(command: Sequence[str], env: Mapping[str, str]) -> float:
    started_ns = time.monotonic_ns()  # one clock for all processes of the machine
    done = subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    found = re.search(r"^first-paint (\d+)$", done.stdout, re.MULTILINE)
    if not found:
        raise RuntimeError(f"{command[0]} did not say when it painted:\n{done.stdout}\n{done.stderr}")
    return (int(found[1]) - started_ns) / 1e6
