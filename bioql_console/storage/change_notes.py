"""What a transaction changed, told to the other processes on the same database when it commits.

PostgreSQL delivers the note to whoever listens, at once and only if the transaction commits. SQLite has no messages:
there each transaction that wrote counts itself in the file, and the others look at the count.
"""

import json
import threading
from typing import Any

from sqlalchemy import Connection, Engine, event, func, select
from sqlalchemy.sql.dml import UpdateBase

from bioql_console.storage.straight import send

CHANNEL = "bioql_changes"
# The count's range is that of SQLite's `user_version`.
COUNT_MODULUS = 2**31
TOPICS: dict[str, tuple[str, ...]] = {
    "users": ("users",),
    "balances": ("balances",),
    "checkouts": ("checkouts",),
    "inbox": ("events",),
    "invoices": ("events",),
    "invoice_payments": ("events",),
    "money_back": ("events",),
    "refund_totals": ("events",),
    "outbox": ("outbox-sent",),
    "meter_error_reports": ("events", "outbox-sent"),
    "usage": ("usage",),
    "prices": ("tariff",),
    "plans": ("tariff",),
    "tickets": ("tickets",),
    "activity": ("activity",),
    "ledger_breaches": ("safety",),
    "event_coverage": ("backfill",),
    "imports": ("users", "balances", "usage", "checkouts", "events", "outbox-sent", "tickets", "activity"),
}
EVERY_TOPIC = frozenset(topic for topics in TOPICS.values() for topic in topics)


class ChangeNotes:
    """Attached to an engine, it knows which tables each transaction writes to.

    Args:
        writer: Names this process's use of the database, so that it does not hear itself.
    """

    def __init__(self, engine: Engine, writer: str) -> None:
        self.writer = writer
        self._lock = threading.Lock()
        self._own = 0
        event.listen(engine, "after_execute", _remember)

    @property
    def own(self) -> int:
        """How many transactions of ours the file counts, or is about to."""
        return self._own

    def commit(self, connection: Connection) -> None:
        """Commit, and let the others know what was written."""
        tables = written(connection)
        if not tables:
            connection.commit()
        elif connection.dialect.name == "sqlite":
            self._commit_counted(connection)
        else:
            topics = sorted({topic for table in tables for topic in TOPICS.get(table, ())})
            if topics:
                note = json.dumps({"writer": self.writer, "topics": topics})
                connection.execute(select(func.pg_notify(CHANNEL, note)))
            connection.commit()
        tables.clear()

    def _commit_counted(self, connection: Connection) -> None:
        (count,) = send(connection, "PRAGMA user_version").fetchone()
        send(connection, f"PRAGMA user_version = {(count + 1) % COUNT_MODULUS}").close()
        # Ours first: who looks in between must not take our own transaction for another's.
        self._add(1)
        try:
            connection.commit()
        except BaseException:
            self._add(-1)
            raise

    def _add(self, number: int) -> None:
        with self._lock:
            self._own += number


def written(connection: Connection) -> set[str]:
    """Names of the tables that the transaction wrote to, kept with the connection's options."""
    found: set[str] = connection.get_execution_options().get("bioql_written", set())
    return found


def _remember(connection: Connection, statement: Any, *_: Any) -> None:
    if isinstance(statement, UpdateBase):
        written(connection).add(str(getattr(statement.table, "name", "")))


def read_note(payload: str) -> dict[str, Any]:
    """A note as it came in; empty when it is none of ours."""
    try:
        note = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("writer"), str) else {}
