"""The window of the soak in a process of its own, with an operator who looks around in it all the time.

Prints its server's address as JSON, waits for a line, then prints its signs every few seconds; a SIGTERM ends it in
order.
"""

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtWidgets import QApplication

from bioql_console.domain.environment import Environment
from bioql_console.gui import start_options
from bioql_console.gui_options import GuiOptions
from bioql_console.thread_caches import begin_without
from bioql_console.ui.hand import Hand
from bioql_console.ui.session import Session
from bioql_console.ui.start import start
from tests.soak.around_window.heap import heap

PAGES = ("overview", "users", "payments", "webhooks", "meter", "activity", "balances", "server")
TICK_S = 0.02
LOOKS_AT_A_PAGE_S = 3.0
SAYS_EVERY_S = 5.0


class Lateness:
    """How much later than asked the window's loop comes back to a task, in milliseconds."""

    def __init__(self) -> None:
        self._found: list[float] = []

    async def watch(self) -> None:
        while True:
            asked = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            self._found.append((time.monotonic() - asked) * 1000)

    def take(self) -> dict[str, float]:
        """Median, 99 % and worst since the last time."""
        found, self._found = sorted(self._found) or [0.0], []
        share = {"late_median_ms": 0.5, "late_p99_ms": 0.99, "late_worst_ms": 1.0}
        return {name: round(found[min(int(len(found) * part), len(found) - 1)], 1) for name, part in share.items()}


async def script(session: Session) -> None:
    """Start the server, then look around until the window is to be closed."""
    console = session.console
    assert console is not None, session.window.notice.what.text()
    ended = asyncio.Event()
    session.window.close_asked.connect(ended.set)
    await console.workers.probe.run(console.server.start)
    print(json.dumps({"url": console.server.url, "webhook_url": console.server.webhook_url}), flush=True)
    await console.workers.probe.run(sys.stdin.readline)
    await console.workers.stripe.run(console.meter.create_missing, "soak")
    lateness = Lateness()
    tasks = [asyncio.ensure_future(work) for work in (lateness.watch(), look_around(Hand(session.window)))]
    try:
        while not ended.is_set():
            failed = [task for task in tasks if task.done()]
            for task in failed:
                task.result()
            print(json.dumps(signs() | lateness.take()), flush=True)
            try:
                await asyncio.wait_for(ended.wait(), SAYS_EVERY_S)
            except TimeoutError:
                continue
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def look_around(hand: Hand) -> None:
    """Page after page, now and then looking for somebody and opening what is found."""
    for turn, page in enumerate(itertools.cycle(PAGES)):
        await hand.open_page(page)
        if page == "users":
            users: Any = hand.window.page("users")
            await hand.write(users.search, f"Customer {turn // len(PAGES) % 10}")
            if users.table.model().rowCount():
                await hand.choose_row(users.table)
        await asyncio.sleep(LOOKS_AT_A_PAGE_S)


def signs() -> dict[str, float]:
    """What must not grow in a window that is looked at all day.

    QObjects are not looked for by `findChildren`: it would make a Python object for each, which outlives it where Qt
    alone deletes it, as the document inside a label. The look itself would be the growth.
    """
    return {
        "widgets": len(QApplication.allWidgets()),
        "qt_wrappers": len(shiboken6.getAllValidWrappers()),
        "none_references": sys.getrefcount(None),
        "python_blocks": sys.getallocatedblocks(),
        "waits_for_others_ms": sys.getswitchinterval() * 1000,
        **heap(),
    }


def main() -> int:
    begin_without()
    data_dir, stripe_at = Path(sys.argv[1]), sys.argv[2]
    options = start_options(GuiOptions(data_dir, "test"), {Environment.TEST: stripe_at})
    return start(options._replace(script=script))


if __name__ == "__main__":
    sys.exit(main())
