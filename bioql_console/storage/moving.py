"""Moving a ledger into another database: every row as it is, compared with the original before any of it counts."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.exc import DBAPIError

from bioql_console.domain.backups import Progress, stopped
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.verification import Verification
from bioql_console.storage.bulk import insert_rows, wide_cache
from bioql_console.storage.comparing import (
    Steps,
    TableSum,
    over_all,
    pages,
    rows_in_all,
    same_balances,
    same_tables,
    sums,
)
from bioql_console.storage.database import Database
from bioql_console.storage.moves import AWAY, HERE, Move, moved_away
from bioql_console.storage.sqlite_copy import never, silent
from bioql_console.storage.tables import metadata
from bioql_console.storage.unit_of_work import UnitOfWork

# What migrations and a first look at the new database write; it gives way to what is moved.
OF_A_NEW_LEDGER = (
    *("prices", "plans", "event_coverage", "event_watches", "stripe_accounts", "proven_keys", "ledger_environment"),
)


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of a move.

    Args:
        checksum: Over all tables.
        marked: Whether the old ledger says that it is elsewhere now, so that nobody goes on writing in it.
        before: It had been moved before, and only that mark was missing.
    """

    tables: tuple[TableSum, ...]
    verification: Verification
    checksum: str
    marked: bool
    before: bool = False


def move(
    source: Database,
    target: Database,
    *,
    operator: str,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = never,
) -> Moved:
    """Copy a ledger into an empty one that nobody uses, compare, and mark the old one as moved.

    Both must be open and of this version. Whenever this breaks off, the new ledger is empty or complete.

    Raises:
        OperatorError: `move.*`, `db.*`, `backup.stopped`; nothing was changed then.
    """
    with source.alone() as (reading, over_source), target.alone() as (writing, over_target):
        old, new = over_source(reading), over_target(writing)
        _refuse_moved(old.moves.newest())
        steps = _steps(rows_in_all(reading), progress, cancelled)
        arrived = new.moves.newest()
        if arrived is not None and arrived.way == HERE and arrived.checksum:
            return _mark_only(reading, old, new, arrived, steps, source, target, operator)
        _refuse_filled(reading, writing)
        _copy(reading, writing, steps)
        tables = same_tables(reading, writing, steps)
        same_balances(reading, writing)
        steps(0, "recomputing the books")
        found = _verified(writing, new)
        checksum = over_all(tables)
        _count_on(writing)
        new.moves.add(HERE, source.shown_url, checksum, operator)
        new.activity.record(operator, "moved the ledger here", target.words, before=source.words, after=checksum)
        if cancelled():
            raise stopped("move")
        new.commit()
        return Moved(tables, found, checksum, _marked(old, target, checksum, operator))


def _steps(total: int, progress: Progress, cancelled: Callable[[], bool]) -> Steps:
    done = 0

    def tell(rows: int, words: str) -> None:
        nonlocal done
        done += rows
        progress(min(done, 3 * total), max(1, 3 * total), words)  # copied once, read twice to compare
        if cancelled():
            raise stopped("move")

    return tell


def _refuse_moved(newest: Move | None) -> None:
    if newest is not None and newest.way == AWAY:
        raise moved_away(newest)


def _refuse_filled(reading: Connection, writing: Connection) -> None:
    """Raises OperatorError `move.not_empty` unless the new ledger is as good as new."""
    for table in metadata.sorted_tables:
        if table.name not in OF_A_NEW_LEDGER and writing.execute(select(table).limit(1)).first() is not None:
            raise _not_empty(f"table {table.name} has rows")
    accounts = metadata.tables["stripe_accounts"]
    ours = {row.environment: row.account_id for row in reading.execute(select(accounts))}
    for row in writing.execute(select(accounts)):
        if ours.get(row.environment, row.account_id) != row.account_id:
            raise _not_empty(f"it belongs to Stripe account {row.account_id}")


def _not_empty(why: str) -> OperatorError:
    return OperatorError(
        f"The new database is not empty ({why}); nothing was changed.",
        fix="Name a new, empty database: one is made with CREATE DATABASE.",
        code="move.not_empty",
    )


# --- copying


def _copy(reading: Connection, writing: Connection, steps: Steps) -> None:
    """Every table, those first that others point to."""
    for table in reversed(metadata.sorted_tables):
        if table.name in OF_A_NEW_LEDGER:
            writing.execute(table.delete())
    with wide_cache(writing):
        for table in metadata.sorted_tables:
            columns = [column.name for column in table.columns]
            steps(0, f"copying {table.name}")
            for rows in pages(reading, table):
                try:
                    insert_rows(writing, table, columns, rows)
                except (DBAPIError, psycopg.Error, sqlite3.Error) as error:
                    raise _refused(table, rows, error) from error
                steps(len(rows), f"copying {table.name}")


def _refused(table: Table, rows: list[tuple[Any, ...]], error: Exception) -> OperatorError:
    """In words, with the row that holds what PostgreSQL can't keep, if that is the reason."""
    zero = next((row for row in rows if any(isinstance(value, str) and "\x00" in value for value in row)), None)
    words = str(getattr(error, "orig", None) or error).partition("\n")[0].rstrip(".")
    if isinstance(error, psycopg.errors.DiskFull):
        return OperatorError(
            "The disk of the new database's server is full. Nothing was moved, and the old ledger is as it was.",
            fix="Make room there, or name a database on another disk; then move again.",
            code="move.full",
        )
    if isinstance(error, psycopg.OperationalError):  # the server or the way there, not a row
        return OperatorError(
            f"The new database broke off the copy: {words}. Nothing was moved.",
            fix="See that its server runs and has space, then move again.",
            code="move.broken_off",
        )
    where = f"{table.name} {zero[0]} has a null byte in its text" if zero else f"{table.name}: {words}"
    return OperatorError(
        f"The new database can't hold a row of {where}. Nothing was changed.",
        fix="Mend that row in the old ledger, then move again.",
        code="move.refused",
    )


def _count_on(connection: Connection) -> None:
    """Let new rows get ids after those that came along; SQLite does by itself."""
    if connection.dialect.name == "sqlite":
        return
    for table in metadata.sorted_tables:
        key = next(iter(table.primary_key.columns))
        asked = {"table": table.name, "key": key.name}
        sequence = connection.execute(text("SELECT pg_get_serial_sequence(:table, :key)"), asked).scalar()
        highest = connection.execute(select(func.max(key))).scalar() if sequence else None
        if highest is not None:
            connection.execute(text(f"ALTER SEQUENCE {sequence} RESTART WITH {int(highest) + 1}"))


def _verified(writing: Connection, new: UnitOfWork) -> Verification:
    if writing.dialect.name == "postgresql":
        for table in metadata.sorted_tables:
            writing.execute(text(f"ANALYZE {table.name}"))  # else it takes every table for a small one
    found = new.verifier.run()
    if not found.ok:
        raise OperatorError(
            f"The books do not balance: {found.differences[0].what} Nothing was moved.",
            fix="Run `bioql-console verify`, which names every difference with its cure, then move again.",
            code="move.unsound",
        )
    return found


# --- marking


def _marked(old: UnitOfWork, target: Database, checksum: str, operator: str) -> bool:
    """Say in the old ledger where it is now. The move counts already; a full disk must not undo that."""
    try:
        old.moves.add(AWAY, target.words, checksum, operator)
        old.activity.record(operator, "moved the ledger away", target.words, after=checksum)
        old.commit()
    except DBAPIError:
        return False
    return True


def _mark_only(
    reading: Connection,
    old: UnitOfWork,
    new: UnitOfWork,
    arrived: Move,
    steps: Steps,
    source: Database,
    target: Database,
    operator: str,
) -> Moved:
    """A move that was cut off after the new ledger was complete. Raises OperatorError `move.not_empty`."""
    tables = sums(reading, steps)
    checksum = over_all(tables)
    if (arrived.place, arrived.checksum) != (source.shown_url, checksum):
        raise _not_empty(f"a ledger was moved there from {arrived.place}")
    return Moved(tables, new.verifier.run(), checksum, _marked(old, target, checksum, operator), before=True)
