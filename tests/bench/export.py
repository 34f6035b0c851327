"""Everybody who owes, as the Balances page exports it, beside a plain loop of sqlite3 and csv over the same SQL.

Of a ledger with 100,000 users; each round is a process of its own, which tells its time and the most memory it took.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.big_ledger import BEGAN_MS, DAY_MS, big_ledger
from tests.bench.figures import Figure, in_turns

USERS, FEWER = 100_000, 10_000
GOAL, MOST_MEMORY = 0.4, 1.2
ROUNDS = 5
AS_OF_MS, TERMS_DAYS = BEGAN_MS + 150 * DAY_MS, 30

OURS = """
from bioql_console.domain.ageing import AgeingQuery
from bioql_console.services.csv_export import write_csv
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.ui.viewmodels.balances import HEADER, _lines
from tests.heard import heard
database = Database(sqlite_url(Path(source)), lambda: as_of)
with heard(database) as said:
    began = time.monotonic()
    with database.read() as work:
        written = write_csv(Path(target), HEADER, _lines(work.receivables.each_aged(as_of, terms, AgeingQuery()), []))
    took_s = time.monotonic() - began
asked = next(each for each in said if "postings" in each)
database.close()
"""
PLAIN = """
asked = Path(target + ".sql").read_text()
began = time.monotonic()
with open(target, "w", newline="", encoding="utf-8") as file:
    writer, written = csv.writer(file), 0
    for user_id, name, _customer, _expires_ms, *buckets in sqlite3.connect(source).execute(asked):
        writer.writerow([user_id, name, *(f"{each / 1e6:.2f}" for each in buckets), f"{sum(buckets) / 1e6:.2f}"])
        written += 1
    file.flush()
    os.fsync(file.fileno())
took_s = time.monotonic() - began
"""
AROUND = """
import csv, json, os, sqlite3, sys, time
from pathlib import Path
source, target, as_of, terms = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
{work}
# Of this program alone; what `getrusage` tells counts the one that started it.
most = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
print(json.dumps({{"per_s": written / took_s, "most_mib": most / 1024, "asked": asked}}))
"""


def run() -> list[Figure]:
    """Rows a second, and the memory for a hundred thousand beside that for a tenth of them."""
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "balances.csv"
        most, few = _measured(OURS, USERS, target), _measured(OURS, FEWER, target)
        Path(f"{target}.sql").write_text(str(most["asked"]), encoding="utf-8")
        ours, plain = in_turns(
            [lambda: _measured(OURS, USERS, target)["per_s"], lambda: _measured(PLAIN, USERS, target)["per_s"]],
            ROUNDS,
        )
    return [
        Figure("rows a second", ours, plain, GOAL, "/s", more_is_better=True, peer="a loop of sqlite3 and csv"),
        Figure("memory", most["most_mib"], few["most_mib"], MOST_MEMORY, "MiB", peer="a tenth of the rows"),
    ]


def _measured(work: str, users: int, target: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", AROUND.format(work=work), str(big_ledger(users)), str(target)]
    done = subprocess.run([*command, str(AS_OF_MS), str(TERMS_DAYS)], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
