"""Process start to first painted frame: the full window beside a bare QMainWindow, offscreen and on a virtual screen.

Bytecode is compiled (scripts/setup); each start is a fresh process; the demo data is there already.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench.figures import Figure, interleaved
from tests.screens import private_screen, screen_missing

GOAL = 1.5
ROOT = Path(__file__).resolve().parents[2]

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


# What the installed `bioql-console` script does.
START = "import sys; from bioql_console.__main__ import main; sys.exit(main())"


def run() -> list[Figure]:
    """The start on each platform that is here."""
    figures = [_compare("offscreen", {"QT_QPA_PLATFORM": "offscreen"})]
    if screen_missing() is None:
        with private_screen() as display:
            figures.append(_compare("xcb", {"QT_QPA_PLATFORM": "xcb", "DISPLAY": display}))
    return figures


def _compare(name: str, platform: dict[str, str]) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        home = {"HOME": folder, "XDG_RUNTIME_DIR": folder, "BIOQL_CONSOLE_EXIT_AFTER_PAINT": "1"}
        left_out = {"DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"}
        env = {name: value for name, value in os.environ.items() if name not in left_out} | home | platform
        console = [sys.executable, "-c", START]
        data = ["--data-dir", f"{folder}/data"]
        subprocess.run([*console, "demo", *data], env=env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        ours = partial(_first_paint_ms, [*console, "gui", *data], env)
        bare = partial(_first_paint_ms, [sys.executable, "-c", BARE_WINDOW], env)
        return Figure(name, *interleaved(ours, bare), goal=GOAL)


def _first_paint_ms(command: Sequence[str], env: dict[str, str]) -> float:
    started_ns = time.monotonic_ns()  # one clock for all processes of the machine
    done = subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    found = re.search(r"^first-paint (\d+)$", done.stdout, re.MULTILINE)
    if not found:
        raise RuntimeError(f"{command[0]} did not say when it painted:\n{done.stdout}\n{done.stderr}")
    return (int(found[1]) - started_ns) / 1e6
