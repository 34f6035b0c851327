"""Import of a users.db through the command line, beside a plain loop that writes the same rows.

10,000 users, 200,000 runs, 20,000 months and 5,000 invoices; BIOQL_BENCH_USERS changes the number of users, and the
rest with it. The loop copies the finished ledger row by row into a file with the same tables, indexes and triggers, so
that both write the same; it converts, checks and backs up nothing.
"""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from statistics import median

from bioql_console.storage.bulk import CACHE_KIB
from tests.bench.figures import Figure, in_turns
from tests.legacy_files import make_file

USERS = int(os.environ.get("BIOQL_BENCH_USERS", "10000"))
RUNS_EACH = 20
MONTHS = ("2026-09", "2026-10")
ROUNDS = 5
GOAL, MOST_MEMORY = 0.4, 1.3
# What SQLite may keep of the ledger while importing; a small import doesn't fill it.
CACHE_MIB = CACHE_KIB / 1024
PEER = f"a tenth of the rows, and SQLite's {CACHE_MIB:.0f} MiB"


def run() -> list[Figure]:
    """Rows a second, and memory beside what a small file takes and the cache that a large one fills."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = _make(folder / "users.db", USERS)
        _, little_mib = _import(_make(folder / "small.db", USERS // 10), folder / "small")
        rounds = count(1)
        most_mib: list[float] = []

        def ours() -> float:
            data = folder / f"data{next(rounds)}"
            took_s, mib = _import(source, data)
            most_mib.append(mib)
            return _rows(_ledger(data)) / took_s

        def plain() -> float:
            number = next(rounds)
            ledger = _ledger(folder / f"data{number - 1}")
            began = time.monotonic()
            _rewrite(ledger, folder / f"copy{number}.db")
            return _rows(ledger) / (time.monotonic() - began)

        imported, rewritten = in_turns([ours, plain], ROUNDS, warm_up=False)
    return [
        Figure("rows a second", imported, rewritten, GOAL, "/s", more_is_better=True, peer="a loop of the same"),
        Figure("memory", median(most_mib), little_mib + CACHE_MIB, MOST_MEMORY, "MiB", peer=PEER),
    ]


def _ledger(data: Path) -> Path:
    (found,) = data.glob("**/bioql.db")
    return found


def _tables(file: sqlite3.Connection) -> list[str]:
    """Those with rows of their own; the search index's are its triggers' work."""
    found = file.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'users_search%'")
    return [name for (name,) in found if not name.startswith("sqlite_")]


def _rows(ledger: Path) -> int:
    with closing(sqlite3.connect(ledger)) as file:
        return sum(file.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _tables(file))


def _import(source: Path, data: Path) -> tuple[float, float]:
    """Seconds and the most memory of a process that imports."""
    measure = (
        "import sys; from bioql_console.cli import run_command; code = run_command(); "
        "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0], file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", measure, "import", str(source), "--data-dir", str(data), "--json"]
    started = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.monotonic() - started, int(done.stderr.split()[-1]) / 1024


def _rewrite(ledger: Path, target: Path) -> None:
    """Table by table, row by row, as anybody would write it."""
    with closing(sqlite3.connect(ledger)) as read, closing(sqlite3.connect(target)) as written:
        written.execute("PRAGMA journal_mode = WAL")
        words = read.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'users_search\\_%' ESCAPE '\\'"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type = 'trigger', type = 'index'"
        )
        for (made,) in words.fetchall():
            written.execute(made)
        for table in _tables(read):
            rows = read.execute(f"SELECT * FROM {table}")
            marks = ", ".join("?" * len(rows.description))
            written.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        written.commit()


def _make(path: Path, users: int) -> Path:
    make_file(path, {})
    chance = random.Random(1)
    with closing(sqlite3.connect(path)) as file, file:
        file.executemany(
            "INSERT INTO users (id, email, name, api_key, tier, balance, stripe_customer_id, created_at) "
            "VALUES (?, ?, ?, ?, 'free', ?, ?, '2026-08-01 10:00:00')",
            (
                (n, f"user{n}@uni.example", f"User {n}", f"bioql_fake_{n}", chance.randint(0, 1000) / 100, f"cus_{n}")
                for n in range(1, users + 1)
            ),
        )
        file.executemany(
            "INSERT INTO usage_logs (user_id, api_key, shots, backend, cost, timestamp) VALUES (?, ?, ?, ?, ?, ?)",
            _runs(chance, users),
        )
        file.execute(
            "INSERT INTO monthly_quotas (user_id, month, total_cost) "
            "SELECT user_id, substr(timestamp, 1, 7), sum(cost) FROM usage_logs GROUP BY 1, 2"
        )
        file.execute(
            "INSERT INTO stripe_invoices (user_id, stripe_invoice_id, amount, status, created_at, paid_at) "
            "SELECT user_id, 'in_' || id, total_cost, 'paid', '2026-10-05 10:00:00', '2026-10-06 10:00:00' "
            "FROM monthly_quotas WHERE id % 4 = 0"
        )
    return path


def _runs(chance: random.Random, users: int) -> Iterator[tuple[object, ...]]:
    for _ in range(users * RUNS_EACH):
        user, shots = chance.randint(1, users), chance.randint(1, 2_000)
        backend, each = chance.choice((("simulator", 0.01), ("aws_tn1", 0.02), ("ibm_torino", 3.0)))
        day, hour, minute = chance.randint(1, 28), chance.randint(0, 23), chance.randint(0, 59)
        at = f"{chance.choice(MONTHS)}-{day:02} {hour:02}:{minute:02}:07"
        yield user, f"bioql_fake_{user}", shots, backend, shots * each, at
