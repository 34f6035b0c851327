"""Reconciliation through the command line beside a running `serve`, and a plain loop that asks Stripe the same.

20,000 payments by link of 400 users, each with its run, its metered usage and its credit in the Stripe balance; then
100,000 once, for time and memory. The loop sends the same requests by a bare client, one after the other, reads their
JSON, and looks each payment up in the ledger; it compares nothing else and keeps nothing.
"""

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
from typing import Any, NamedTuple

import httpx

from tests.bench.figures import Figure, in_turns
from tests.reconciliation.big_books import BigBooks
from tests.waiting import wait_until

PAYMENTS = int(os.environ.get("BIOQL_BENCH_PAYMENTS", "100000"))
SLOWEST_S, MOST_MIB = 60.0, 300.0
GOAL, ROUNDS = 0.4, 5
# Reconciles as the command does, and says the most memory it took and what it asked Stripe.
MEASURED = """
import json, sys
from pathlib import Path
from bioql_console.cli import run_command
from bioql_console.services import stripe_gateway
asked, send = [], stripe_gateway._Door.request
def heard(door, method, url, *rest, **named):
    asked.append(url)
    return send(door, method, url, *rest, **named)
stripe_gateway._Door.request = heard
asked_file = Path(sys.argv.pop())
code = run_command()
most_kib = open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]
asked_file.write_text(json.dumps({"most_mib": int(most_kib) / 1024, "asked": asked}))
sys.exit(code)
"""


class Reconciled(NamedTuple):
    """How it went: seconds of the whole process, the most memory it took, and the addresses it asked."""

    took_s: float
    most_mib: float
    asked: list[str]


def run() -> list[Figure]:
    """Payments a second beside the loop's; the time of many against a minute, and their memory against 300 MiB."""
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        per_s, loop_per_s = _beside_a_loop(few)
        books = BigBooks(many, PAYMENTS).make()
        with _serving(many):
            found = _reconcile(books)
    return [
        Figure("payments a second", per_s, loop_per_s, GOAL, "/s", more_is_better=True, peer="a raw loop of the same"),
        Figure("against a minute", found.took_s, SLOWEST_S * PAYMENTS / 100_000, goal=1.0, unit="s", peer="limit"),
        Figure("memory", found.most_mib, MOST_MIB, goal=1.0, unit="MiB", peer="limit"),
    ]


def _beside_a_loop(folder: Path) -> tuple[float, float]:
    books = BigBooks(folder, PAYMENTS // 5).make()
    with _serving(folder) as key, httpx.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        asked = _reconcile(books).asked
        ours, loop = in_turns(
            [
                lambda: books.payments / _reconcile(books).took_s,
                lambda: books.payments / _loop_s(books, client, asked),
            ],
            ROUNDS,
            warm_up=False,
        )
    return ours, loop


def _reconcile(books: BigBooks) -> Reconciled:
    heard = books.data_dir / "heard.json"
    command = [sys.executable, "-c", MEASURED, "reconcile", "--data-dir", str(books.data_dir), "--json", str(heard)]
    started = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took_s = time.monotonic() - started
    assert json.loads(done.stdout)["checked"]["payments"] == books.payments
    said = json.loads(heard.read_text())
    return Reconciled(took_s, said["most_mib"], said["asked"])


def _loop_s(books: BigBooks, client: httpx.Client, asked: list[str]) -> float:
    """The same requests, as anybody would write it."""
    started, found = time.monotonic(), 0
    with closing(sqlite3.connect(books.ledger)) as ledger:
        for url in asked:
            answer: dict[str, Any] = json.loads(client.get(url).raise_for_status().content)
            for each in answer.get("data", ()):
                if each.get("object") == "charge":
                    row = ledger.execute(
                        "SELECT micros FROM journal_entries e JOIN postings p ON p.entry_id = e.id"
                        " WHERE e.kind = 'payment' AND e.source_type = 'payment_intent' AND e.source_id = ?"
                        " AND p.account = 'stripe_clearing'",
                        (each["payment_intent"],),
                    ).fetchone()
                    found += row == (each["amount"] * 10_000,)
    assert found == books.payments
    return time.monotonic() - started


@contextmanager
def _serving(data_dir: Path) -> Iterator[str]:
    """The sandbox's secret key."""
    ready = data_dir / "ready.json"
    command = [sys.executable, "-m", "bioql_console", "serve", "--env", "sandbox", "--port", "0"]
    command += ["--data-dir", str(data_dir), "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 60)
        yield json.loads(ready.read_text())["stripe_secret_key"]
    finally:
        process.terminate()
        process.wait(20)
