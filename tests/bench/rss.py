"""What our window holds in memory three seconds after it came to the screen, with a million users; beside vorta."""

import time
from collections.abc import Mapping, Sequence

from tests.bench.figures import Figure, Skipped, in_turns
from tests.bench.peers import missing
from tests.bench.programs import APPEARS_WITHIN_S, console, home, memory_mib, peer, running
from tests.bench.x11 import Screen
from tests.screens import private_screen

OTHER, AFTER_S = "vorta", 3.0
FLOOR = (
    "what is imported takes all that the goal allows: Python and Qt on xcb with its loop 65 MiB, SQLAlchemy 24, "
    "Stripe's library with the HTTP clients it imports 20, our own code with Starlette, uvicorn, keyring and "
    "cryptography 40 (resident size before and after each import); a ledger adds up to 7 MiB of pages and statements."
)


def run() -> list[Figure | Skipped]:
    if absent := missing("Xvfb", OTHER):
        return [Skipped("", absent)]
    with private_screen() as display, Screen(display) as screen, home({"DISPLAY": display}) as env:
        env["QT_QPA_PLATFORM"] = "xcb"
        ours, theirs = in_turns(
            [lambda: _held_mib(screen, console(), env), lambda: _held_mib(screen, peer(OTHER, env), env)], warm_up=False
        )
    return [Figure("", ours, theirs, 0.6, "MiB", peer=OTHER, floor=FLOOR)]


def _held_mib(screen: Screen, command: Sequence[str], env: Mapping[str, str]) -> float:
    screen.forget()
    with running(command, env) as process:
        screen.window_ns(APPEARS_WITHIN_S)
        time.sleep(AFTER_S)
        return memory_mib(process.pid)
