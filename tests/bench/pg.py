"""A team's PostgreSQL: storing webhooks beside SQLite, two servers beside one, and how soon a window shows it all.

Both databases sync to the disk. The second of two servers is stopped while one works alone, so both share each moment.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median, quantiles

from bioql_console.domain.users import Plan
from bioql_console.domain.webhooks import EventSource, EventState, ReceivedEvent
from bioql_console.services.event_intake import InboxWriter, parse
from bioql_console.storage.database import Database, sqlite_url
from tests.bench.figures import Figure, interleaved
from tests.databases import fresh_database, private_cluster
from tests.waiting import wait_until

STORED, ROUNDS = 1_000, 7
APPLIED, TURNS = 300, 3
# Where one has the machine's cores at work already, a second has nothing to add; it must cost nothing either.
SHARED = 0.8
CHANGES = 200
FLOOR = (
    "the server alone takes 19 µs an event for one statement of 1,000 rows (EXPLAIN ANALYZE; six indexes), SQLite "
    "is done with everything in 23; encoding and sending take 6 more, the rest is handing over and two synced commits."
)
# As changes of people come: one by one, none in the pause after another.
REST_S = 0.15
numbers = count(1)


def run() -> list[Figure]:
    """The figures, each on a server of its own."""
    with tempfile.TemporaryDirectory() as name, private_cluster(prepare=_synced) as cluster:
        folder = Path(name)
        figures = [_storing(cluster, folder), _two_servers(cluster, folder)]
        shown_ms = sorted(_until_shown(cluster, folder))
        tail = quantiles(shown_ms, n=100)[-1]
        return [
            *figures,
            Figure("commit to repaint elsewhere, median", median(shown_ms), 1, 20),
            Figure("commit to repaint elsewhere, p99", tail, 1_000, 1),
        ]


def _synced(_data: Path) -> Sequence[str]:
    return "-c", "fsync=on"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# --- storing


def _storing(cluster: str, folder: Path) -> Figure:
    """Webhooks a second, from receipt to commit, as many at once as come."""
    with ExitStack() as stack:
        writers = []
        for url in (fresh_database(cluster), sqlite_url(folder / "inbox.db")):
            database = Database(url, now_ms)
            stack.callback(database.close)
            database.open(folder / "backups")
            writers.append(InboxWriter(database))
            stack.callback(writers[-1].close)
        ours, reference = interleaved(lambda: _stored(writers[0]), lambda: _stored(writers[1]), ROUNDS)
    return Figure("webhooks stored, beside SQLite", ours, reference, 0.5, "/s", more_is_better=True, floor=FLOOR)


def _stored(writer: InboxWriter) -> float:
    events = [_of_nobody() for _ in range(STORED)]
    began = time.monotonic()
    for stored in [writer.submit(event) for event in events]:
        stored.result(60)
    return STORED / (time.monotonic() - began)


def _of_nobody() -> ReceivedEvent:
    number = next(numbers)
    thing = {"id": f"price_{number}", "object": "price", "active": True, "metadata": {}}
    event = {"id": f"evt_{number}", "object": "event", "type": "price.updated", "created": now_ms() // 1000}
    return parse(json.dumps(event | {"livemode": False, "data": {"object": thing}}).encode(), "", EventSource.HTTP, 1)


# --- applying by servers


def _two_servers(cluster: str, folder: Path) -> Figure:
    """Events a second that leave one inbox."""
    url = fresh_database(cluster)
    database = Database(url, now_ms)
    database.open(folder / "backups")
    with _serving(folder / "one", url), _serving(folder / "two", url) as second:

        def alone() -> float:
            second.send_signal(signal.SIGSTOP)
            try:
                return _applied(database)
            finally:
                second.send_signal(signal.SIGCONT)

        both, one = interleaved(lambda: _applied(database), alone, TURNS)
    database.close()
    return Figure("events applied, two servers beside one", both, one, SHARED, "/s", more_is_better=True)


def _applied(database: Database) -> float:
    events = [_of_nobody() for _ in range(APPLIED)]
    began = time.monotonic()
    with database.write() as work:
        work.inbox.add(events)
        work.commit()
    wait_until(lambda: _waiting(database) == 0, 120)
    return APPLIED / (time.monotonic() - began)


def _waiting(database: Database) -> int:
    with database.read() as work:
        return work.inbox.counts().get(EventState.RECEIVED, 0)


@contextmanager
def _serving(data_dir: Path, url: str) -> "Iterator[subprocess.Popen[bytes]]":
    data_dir.mkdir()
    ready = data_dir / "ready.json"
    command = [sys.executable, "-m", "bioql_console", "serve", "--env", "sandbox", "--port", "0", "--database", url]
    process = subprocess.Popen(
        [*command, "--data-dir", str(data_dir), "--ready-file", str(ready), "--secrets", "env"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(ready.exists, 60)
        yield process
    finally:
        process.terminate()
        process.wait(30)


# --- showing


def _until_shown(cluster: str, folder: Path) -> list[float]:
    """Milliseconds from a commit of another process to the repaint of what it changed, in a window in front."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication
    from qasync import QEventLoop

    application = QApplication.instance() or QApplication([])
    loop = QEventLoop(application)
    asyncio.set_event_loop(loop)
    with loop:
        found: list[float] = loop.run_until_complete(_watched(fresh_database(cluster), folder / "window"))
    return found


async def _watched(url: str, data_dir: Path) -> list[float]:
    from PySide6.QtCore import QEvent, QObject

    from tests.stories.windows import open_window

    class Painted(QObject):
        """When the label was painted with the text that is waited for."""

        def __init__(self, label: object, wanted: Callable[[], str]) -> None:
            super().__init__()
            self.at_ns = 0
            self._label, self._wanted = label, wanted

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Paint and self._wanted() in self._label.text() and not self.at_ns:  # type: ignore[attr-defined]
                self.at_ns = time.monotonic_ns()
            return False

    data_dir.mkdir()
    took: list[float] = []
    async with open_window(data_dir, users=1, database=url) as desk:
        await desk.hand.until(lambda: desk.console.listening(), "it listens", 30)
        panel = await desk.show_jane()
        theirs = Database(url, now_ms)
        plan = [Plan.PRO]
        painted = Painted(panel.who, lambda: plan[0].value)
        panel.who.installEventFilter(painted)
        committed_ns = [0]

        def change() -> None:
            with theirs.write() as work:
                work.users.set_plan(1, plan[0])
                work.commit()
            committed_ns[0] = time.monotonic_ns()

        for number in range(CHANGES):
            plan[0] = (Plan.ENTERPRISE, Plan.PRO)[number % 2]
            painted.at_ns = 0
            thread = threading.Thread(target=change)
            thread.start()
            await desk.hand.until(lambda: painted.at_ns, "it shows", 10)
            thread.join()
            took.append((painted.at_ns - committed_ns[0]) / 1e6)
            await desk.hand.until(partial(_is_past, time.monotonic() + REST_S), "the burst is over")
        theirs.close()
    return took


def _is_past(at_s: float) -> bool:
    return time.monotonic() > at_s
