"""Applying payments from the inbox to the ledger, beside bare SQLite transactions that write the same rows.

Both sync each of their transactions to the disk. The bare one, one for each event, knows its rows beforehand: it reads
nothing, decides nothing and checks nothing.
"""

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.environment import Environment
from bioql_console.domain.ledger import usage_fact
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.services.changes import Changes
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_intake import parse
from bioql_console.storage.database import Database, sqlite_url
from tests.bench.figures import Figure, interleaved

EVENTS, ROUNDS = 500, 5
CENTS = 1_000
# What an event of Stripe's carries besides what we read of it.
REST = {f"field_{number}": "x" * 20 for number in range(60)}
INSERTED = ("journal_entries", "postings", "outbox")
CHANGED = {
    "balances": ("user_id", ("receivable_micros", "credit_micros", "version")),
    "checkouts": ("user_id", ("state", "payment_intent")),
    "inbox": ("user_id", ("state", "object_id", "amount_micros", "applied_ms")),
}
Statements = list[tuple[str, tuple[object, ...]]]


def run() -> list[Figure]:
    """Events a second that became postings."""
    with tempfile.TemporaryDirectory() as name:
        waiting, work = Path(name) / "waiting.db", Path(name) / "work.db"
        _fill(waiting)
        transactions = _rows(waiting, work)
        ours, bare = interleaved(
            lambda: _rate(_applying(_copied(waiting, work))),
            lambda: _rate(_writing(_copied(waiting, work), transactions)),
            ROUNDS,
        )
    return [Figure("", ours, bare, goal=0.5, unit="/s", more_is_better=True, peer="bare transactions")]


def _rate(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return EVENTS / (time.perf_counter() - began)


def _applying(path: Path) -> Callable[[], object]:
    database = Database(sqlite_url(path), _now_ms)
    database.open(None)
    applier = EventApplier(database, Environment.SANDBOX, Changes(), _now_ms)

    def apply() -> None:
        assert applier.apply_waiting() == EVENTS
        database.close()

    return apply


def _writing(path: Path, transactions: list[Statements]) -> Callable[[], object]:
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("PRAGMA foreign_keys = ON")

    def write() -> None:
        for transaction in transactions:
            raw.execute("BEGIN IMMEDIATE")
            for statement, values in transaction:
                raw.execute(statement, values)
            raw.execute("COMMIT")
        raw.close()

    return write


# --- what there is to write


def _fill(path: Path) -> None:
    """Users with a debt and an open link each, and the events that say it was paid."""
    database = Database(sqlite_url(path), _now_ms)
    database.open(None)
    with database.write() as work:
        for number in range(1, EVENTS + 1):
            new = NewUser(
                f"U {number}", f"{number}@uni.example", ApiKey.of(f"k{number}"), 1, stripe_customer_id=f"cus_{number}"
            )
            assert work.users.add(new)
            work.ledger.post(usage_fact(f"run_{number}", number, 25_000_000, 1, ""))
            link = CheckoutLink(f"ref_{number}", number, CENTS, 1, CheckoutState.CREATING, 1)
            work.checkouts.add(link)
            work.checkouts.opened(link.reference, f"cs_{number}", "", 2)
        work.inbox.add([_paid(number) for number in range(1, EVENTS + 1)])
        work.commit()
    database.close()


def _paid(number: int) -> ReceivedEvent:
    session = {"id": f"cs_{number}", "object": "checkout.session", "mode": "payment", "payment_status": "paid"}
    session |= {"customer": f"cus_{number}", "payment_intent": f"pi_{number}", "currency": "usd"}
    event = {"id": f"evt_{number}", "object": "event", "type": "checkout.session.completed", "created": 1}
    thing = session | {"amount_total": CENTS, "client_reference_id": f"ref_{number}"} | REST
    return parse(json.dumps(event | {"livemode": False, "data": {"object": thing}}).encode(), "", EventSource.HTTP, 1)


def _rows(waiting: Path, work: Path) -> list[Statements]:
    """For each event, what applying it writes."""
    _applying(_copied(waiting, work))()
    with closing(sqlite3.connect(waiting)) as before, closing(sqlite3.connect(work)) as after:
        entries = _new(before, after, "journal_entries")
        of_entry = {entry[1][0]: number for number, entry in enumerate(entries)}
        transactions = [[entry] for entry in entries]
        for statement in _new(before, after, "postings"):
            transactions[of_entry[statement[1][1]]].append(statement)
        for transaction, queued in zip(transactions, _new(before, after, "outbox"), strict=True):
            transaction.append(queued)
        for table, (key, columns) in CHANGED.items():
            wanted = ", ".join((*columns, key))
            rows = after.execute(f"SELECT {wanted} FROM {table} WHERE user_id <= ? ORDER BY {key}", (EVENTS,))
            sets = ", ".join(f"{column} = ?" for column in columns)
            for transaction, row in zip(transactions, rows, strict=True):
                transaction.append((f"UPDATE {table} SET {sets} WHERE {key} = ?", row))
    return transactions


def _new(before: sqlite3.Connection, after: sqlite3.Connection, table: str) -> Statements:
    (last,) = before.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()
    rows = after.execute(f"SELECT * FROM {table} WHERE id > ? ORDER BY id", (last,)).fetchall()
    places = ", ".join("?" * len(rows[0]))
    return [(f"INSERT INTO {table} VALUES ({places})", row) for row in rows]


def _copied(source: Path, target: Path) -> Path:
    for left in (target, target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-shm")):
        left.unlink(missing_ok=True)
    return Path(shutil.copyfile(source, target))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
