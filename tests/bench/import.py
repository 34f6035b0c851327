"""Import of a users.db through the command line, beside a plain loop that copies the same rows with sqlite3.

100,000 users, 2 million runs, 200,000 months and 50,000 invoices; BIOQL_BENCH_USERS changes the number of users, and
the rest with it. Each side runs once, in a process of its own: it takes a minute.
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
from pathlib import Path

from tests.bench.figures import Figure
from tests.legacy_files import TABLES, make_file

USERS = int(os.environ.get("BIOQL_BENCH_USERS", "100000"))
RUNS_EACH = 20
MONTHS = ("2026-09", "2026-10")
SLOWEST_S = 60.0
# The copy does a quarter of the work: no postings, no indexes but the unique ones, no conversion, no search index.
GOAL = 10.0


def run() -> list[Figure]:
    """Time against the copy and against a minute, and memory against what a small file takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = _make(folder / "users.db", USERS)
        copied_s = _copy_s(source, folder / "copy.db")
        ours_s, most_mib = _import(source, folder / "data")
        _, little_mib = _import(_make(folder / "small.db", USERS // 10), folder / "small")
    scale = USERS / 100_000
    return [
        Figure("against a copy loop", ours_s, copied_s, goal=GOAL, unit="s"),
        Figure("against a minute", ours_s, SLOWEST_S * scale, goal=1.0, unit="s"),
        Figure("memory against a tenth", most_mib, little_mib, goal=2.0, unit="MiB"),
    ]


def _import(source: Path, data: Path) -> tuple[float, float]:
    """Seconds and the most memory of a process that imports."""
    measure = (
        "import resource, sys; from bioql_console.cli import run_command; code = run_command(); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", measure, "import", str(source), "--data-dir", str(data), "--json"]
    started = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return time.monotonic() - started, int(done.stderr.split()[-1]) / unit


def _copy_s(source: Path, target: Path) -> float:
    """Row by row from one file to the other, in one transaction each table, as anybody would write it."""
    started = time.monotonic()
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        for (words,) in read.execute("SELECT sql FROM sqlite_master WHERE sql NOT LIKE '%sqlite_sequence%'").fetchall():
            written.execute(words)
        for table, columns in TABLES.items():
            marks = ", ".join("?" * len(columns))
            written.executemany(f"INSERT INTO {table} VALUES ({marks})", read.execute(f"SELECT * FROM {table}"))
        written.commit()
    return time.monotonic() - started


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
