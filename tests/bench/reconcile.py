"""Reconciliation through the command line beside a running `serve`, and a plain loop over a CSV file of the payments.

100,000 payments by link of 2,000 users, each with its run, its metered usage and its credit in the Stripe balance;
BIOQL_BENCH_PAYMENTS changes the number. The loop compares payments only, which no network and no JSON brings.
"""

import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.bench.figures import Figure
from tests.reconciliation.big_books import BigBooks
from tests.waiting import wait_until

PAYMENTS = int(os.environ.get("BIOQL_BENCH_PAYMENTS", "100000"))
SLOWEST_S, MOST_MIB = 60.0, 300.0
GOAL = 120.0


def run() -> list[Figure]:
    """Time against the loop and against a minute, and memory against 300 MiB."""
    with tempfile.TemporaryDirectory() as name:
        books = BigBooks(Path(name), PAYMENTS).make()
        loop_s = _loop_s(books, Path(name) / "payments.csv")
        with _serving(books.data_dir):
            ours_s, most_mib = _reconcile(books.data_dir)
    scale = PAYMENTS / 100_000
    return [
        Figure("against a CSV loop", ours_s, loop_s, goal=GOAL, unit="s"),
        Figure("against a minute", ours_s, SLOWEST_S * scale, goal=1.0, unit="s"),
        Figure("memory", most_mib, MOST_MIB, goal=1.0, unit="MiB"),
    ]


def _reconcile(data_dir: Path) -> tuple[float, float]:
    """Seconds and the most memory of a process that reconciles."""
    measure = (
        "import resource, sys; from bioql_console.cli import run_command; code = run_command(); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", measure, "reconcile", "--data-dir", str(data_dir), "--json"]
    started = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took_s = time.monotonic() - started
    assert json.loads(done.stdout)["checked"]["payments"] == PAYMENTS
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return took_s, int(done.stderr.split()[-1]) / unit


def _loop_s(books: BigBooks, table: Path) -> float:
    """Payments from Stripe's export, each looked up in the ledger, as anybody would write it."""
    with table.open("w", newline="") as file:
        csv.writer(file).writerows((f"pi_{number}", cents) for number, _, cents, _ in books.each_payment())
    started = time.monotonic()
    with closing(sqlite3.connect(books.ledger)) as ledger, table.open(newline="") as file:
        posted = dict(
            ledger.execute(
                "SELECT source_id, micros FROM journal_entries e JOIN postings p ON p.entry_id = e.id"
                " WHERE kind = 'payment' AND account = 'stripe_clearing'"
            )
        )
        wrong = [row for row in csv.reader(file) if posted.get(row[0]) != int(row[1]) * 10_000]
    assert not wrong
    return time.monotonic() - started


@contextmanager
def _serving(data_dir: Path) -> Iterator[None]:
    ready = data_dir / "ready.json"
    command = [sys.executable, "-m", "bioql_console", "serve", "--env", "sandbox", "--port", "0"]
    command += ["--data-dir", str(data_dir), "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 60)
        yield
    finally:
        process.terminate()
        process.wait(20)
