"""Everybody's debts by age as of a past day, among a million users, beside the same SQL in SQLite's own shell."""

import subprocess
import time
from statistics import median

from sqlalchemy import event

from bioql_console.storage.database import Database, sqlite_url
from tests.bench.big_ledger import BEGAN_MS, DAY_MS, LAST_MS, big_ledger
from tests.bench.figures import Figure, Skipped
from tests.bench.peers import missing

AS_OF_MS = BEGAN_MS + 150 * DAY_MS
TERMS_DAYS = 30
ROUNDS = 2
GOAL = 1.2


def run() -> list[Figure | Skipped]:
    """Seconds until the page has its sums and its rows; the shell writes its rows nowhere."""
    if why := missing("sqlite3"):
        return [Skipped("as of a past day", why)]
    path = str(big_ledger())
    database = Database(sqlite_url(big_ledger()), lambda: LAST_MS)
    sent: list[tuple[str, tuple[object, ...]]] = []

    def hear(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_rest: object) -> None:
        if "postings" in statement:
            sent.append((statement, values))

    def ours() -> float:
        began = time.monotonic()
        with database.read() as work:
            work.receivables.ageing(AS_OF_MS, TERMS_DAYS)
        return time.monotonic() - began

    def shell() -> float:
        words, values = sent[-1]
        lines = [".bail on", *(f".parameter set ?{n} {_quoted(each)}" for n, each in enumerate(values, 1)), f"{words};"]
        began = time.monotonic()
        subprocess.run(["sqlite3", path], input="\n".join(lines), text=True, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - began

    event.listen(database._engine, "before_cursor_execute", hear)
    try:
        ours()  # finds out what is sent, and warms both up
        pairs = [(ours(), shell()) for _ in range(ROUNDS)]
    finally:
        database.close()
    taken, beside = (median(column) for column in zip(*pairs, strict=True))
    return [Figure("as of a past day", taken, beside, goal=GOAL, unit="s", peer="the same SQL in sqlite3's shell")]


def _quoted(value: object) -> str:
    return f"\"'{value}'\"" if isinstance(value, str) else str(value)
