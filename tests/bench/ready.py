"""From exec to a window that can be worked with: the Overview's figures and events painted, every sign of life known.

Beside the first window of a program that shows what it has stored; on a virtual screen, with a million users.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.figures import Figure, Skipped, in_turns
from tests.bench.peers import missing
from tests.bench.programs import APPEARS_WITHIN_S, data_dir, home, peer, running
from tests.bench.start_peers import mapped_ms
from tests.bench.x11 import Screen
from tests.screens import private_screen

OTHER = "vorta"
OURS = """
import sys, time
from bioql_console.gui import start, start_options
from bioql_console.gui_options import parse

async def script(session):
    from tests.bench.ready import until_ready
    print("ready", await until_ready(session), flush=True)

options = start_options(parse(["gui", "--data-dir", sys.argv[1]]))
sys.exit(start(options._replace(script=script)))
"""


def run() -> list[Figure | Skipped]:
    if absent := missing("Xvfb", OTHER):
        return [Skipped("", absent)]
    with private_screen() as display, Screen(display) as screen, home({"DISPLAY": display}) as env:
        env["QT_QPA_PLATFORM"] = "xcb"
        ours, theirs = in_turns([lambda: _ready_ms(env), lambda: mapped_ms(screen, peer(OTHER, env), env)])
    return [Figure("", ours, theirs, 1.0, peer=f"{OTHER}'s first window")]


def _ready_ms(env: Mapping[str, str]) -> float:
    started_ns = time.monotonic_ns()
    with running([sys.executable, "-c", OURS, str(data_dir())], env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready "):
                return (int(line.split()[1]) - started_ns) / 1e6
    raise RuntimeError("our window did not become ready")


async def until_ready(session: Any) -> int:
    """Runs in our window: the time when all is painted that is waited for."""
    import asyncio

    window = session.window
    page, deadline = window.page("overview"), time.monotonic() + APPEARS_WITHIN_S
    while time.monotonic() < deadline:
        known = all(sign.state != "unknown" for sign in window.vitals.signs.values())
        figures = page.outstanding.figure.text().startswith("$")
        if known and figures and page.binding.events.model().rowCount():
            window.repaint()
            return time.monotonic_ns()
        await asyncio.sleep(0.002)
    raise TimeoutError([sign.words for sign in window.vitals.signs.values()])
