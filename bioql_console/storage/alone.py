"""Having a ledger to oneself while all of it is read or replaced: nobody else has it open, nobody can open it."""

import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, text

from bioql_console.domain.errors import OperatorError
from bioql_console.storage import migrate, roles, sqlite_copy

OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
# A server counts who has left until their process has ended, and so perhaps what we closed ourselves a moment ago.
LEAVE_WITHIN_S = 1.0
LOOK_AGAIN = "SELECT pg_stat_clear_snapshot(), pg_sleep(0.02)"
# A big ledger takes its time.
UNLIMITED = ("idle_in_transaction_session_timeout", "statement_timeout")
LOCK_ALL = """
DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname = current_schema() LOOP
    EXECUTE 'LOCK TABLE ' || found.name || ' IN ACCESS EXCLUSIVE MODE';
  END LOOP;
END $$
"""


def fold_log(path: Path) -> None:
    """Bring what is in a file's log into the file, which only works while nobody else has it open.

    A damaged file is left as it is.

    Raises:
        OperatorError: `db.in_use`.
    """
    try:
        with sqlite_copy.opened(path) as raw:
            raw.execute("PRAGMA busy_timeout = 1000")
            raw.execute("PRAGMA journal_mode = DELETE").fetchone()
            raw.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise in_use(path.name) from error
        raise
    except sqlite3.DatabaseError:
        return


def take(connection: Connection, words: str) -> None:
    """Begin a transaction that keeps everybody else out until it ends.

    Args:
        words: Kind and place of the database.

    Raises:
        OperatorError: `db.in_use`, `db.right_missing`.
    """
    if connection.dialect.name == "sqlite":
        connection.execution_options(bioql_write=True, bioql_alone=True, bioql_written=set())
        # With a log, readers would go on, and whoever opened the file in the meantime would write to it afterwards.
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "delete":
            raise in_use(words)
        return
    connection.execution_options(bioql_write=True, bioql_written=set())
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": migrate.MIGRATION_LOCK})
    if others := _others(connection):
        raise in_use(f"the database ({others} connection{'' if others == 1 else 's'})")
    for limit in UNLIMITED:
        connection.execute(text(f"SET LOCAL {limit} = 0"))
    roles.become_admin(connection)
    connection.execute(text(LOCK_ALL))


def _others(connection: Connection) -> int:
    """How many connections beside ours the server counts, once who is leaving has left."""
    ends_s = time.monotonic() + LEAVE_WITHIN_S
    while (others := int(connection.execute(text(OTHERS)).scalar_one())) and time.monotonic() < ends_s:
        connection.execute(text(LOOK_AGAIN))
    return others


def in_use(what: str) -> OperatorError:
    return OperatorError(
        f"Another program has {what} open; nothing was changed.",
        fix="Close every console and server on it, then retry.",
        code="db.in_use",
    )
