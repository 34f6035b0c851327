"""From exec to a window that can be worked with: the Overview's figures and events painted, every sign of life known.

Beside the first window of a program that shows what it has stored; on a virtual screen, with a million users.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from tests.bench.figures import Figure, Skipped, in_turns
from tests.bench.peers import missing
from tests.bench.programs import APPEARS_WITHIN_S, found_inside, home, peer
from tests.bench.start_peers import mapped_ms
from tests.bench.x11 import Screen
from tests.screens import private_screen

OTHER = "vorta"
FLOOR = (
    "every sign of life needs what it looks at: 1,237 modules are imported until then (`-X importtime`), of which our "
    "own 372 take 31 % of the time, SQLAlchemy 13, keyring with its metadata reader and D-Bus 15, the HTTP clients of "
    "stripe and httpx 12, stripe 7. The first frame comes before all of them (decision 5); vorta's window shows no "
    "state of a server."
)


def run() -> list[Figure | Skipped]:
    if absent := missing("Xvfb", OTHER):
        return [Skipped("", absent)]
    with private_screen() as display, Screen(display) as screen, home({"DISPLAY": display}) as env:
        env["QT_QPA_PLATFORM"] = "xcb"
        ours, theirs = in_turns([lambda: _ready_ms(env), lambda: mapped_ms(screen, peer(OTHER, env), env)])
    return [Figure("", ours, theirs, 1.0, peer=f"{OTHER}'s first window", floor=FLOOR)]


def _ready_ms(env: Mapping[str, str]) -> float:
    started_ns = time.monotonic_ns()
    return float(found_inside("tests.bench.ready", env) - started_ns) / 1e6


async def inside(session: Any) -> int:
    """The time when all is painted that is waited for."""
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
