"""Everybody's debts by age as of a past day, among a million users, beside the same SQL in SQLite's own shell."""

import subprocess
import time
from statistics import median

from bioql_console.storage.database import Database, sqlite_url
from tests.bench.big_ledger import BEGAN_MS, DAY_MS, LAST_MS, big_ledger
from tests.bench.figures import Figure, Skipped
from tests.bench.peers import missing
from tests.heard import heard

AS_OF_MS = BEGAN_MS + 150 * DAY_MS
TERMS_DAYS = 30
ROUNDS = 5
GOAL = 1.2


def run() -> list[Figure | Skipped]:
    """Seconds until the page has its sums and its rows; the shell writes its rows nowhere."""
    if why := missing("sqlite3"):
        return [Skipped("as of a past day", why)]
    path = str(big_ledger())
    database = Database(sqlite_url(big_ledger()), lambda: LAST_MS)

    def ours() -> float:
        began = time.monotonic()
        with database.read() as work:
            work.receivables.ageing(AS_OF_MS, TERMS_DAYS)
        return time.monotonic() - began

    def shell() -> float:
        began = time.monotonic()
        subprocess.run(["sqlite3", "-bail", path, asked], check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - began

    try:
        with heard(database) as said:
            ours()  # finds out what is asked, and warms both up
        asked = next(statement for statement in reversed(said) if "postings" in statement)
        pairs = [(ours(), shell()) for _ in range(ROUNDS)]
    finally:
        database.close()
    taken, beside = (median(column) for column in zip(*pairs, strict=True))
    return [Figure("as of a past day", taken, beside, goal=GOAL, unit="s", peer="the same SQL in sqlite3's shell")]
