"""Writing a backup of a ledger that is in use: whole, private, looked through, and only then under its name."""

import os
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, text

from bioql_console.domain.backups import Backup, Made, Progress, Reason, file_name, read_name, stopped
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.verification import Verification
from bioql_console.storage import sqlite_copy, sqlite_engine, sqlite_file
from bioql_console.storage.postgresql_programs import programs_for
from bioql_console.storage.sqlite_copy import never, silent
from bioql_console.storage.verify import Verifier

COPYING, CHECKING, VERIFYING = "copying", "looking through the copy", "recomputing the books in it"
DUMPED = re.compile(r"dumping contents of table")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written where.

    Args:
        target: A folder, in which the backup gets a name of its own, or the file itself.
        schema: Of the ledger as it is now.
        verify: Whether to recompute the books in it; only possible with this version's schema.
    """

    target: Path
    environment: Environment | None
    schema: str
    at_ms: int
    verify: bool = False
    reason: Reason = Reason.HAND
    progress: Progress = silent
    cancelled: Callable[[], bool] = never


def back_up(engine: Engine, path: Path | None, order: Order) -> Made:
    """Write a backup.

    Args:
        path: The SQLite file; None for PostgreSQL.

    Raises:
        OperatorError: `db.backup_failed`, `backup.*`; nothing is left under the backup's name then.
    """
    kind = "PostgreSQL" if path is None else "SQLite"
    unfinished = order.target
    try:
        final = _final(order, kind)
        sqlite_copy.remove_left_over(final.parent)
        unfinished = sqlite_copy.unfinished_name(final)
        found = _dump(engine, unfinished, order) if path is None else _copy(path, unfinished, order)
        sqlite_copy.publish(unfinished, final)
    except (OSError, sqlite3.Error) as error:
        raise sqlite_copy.refused(order.target, error) from error
    finally:
        if unfinished != order.target:
            unfinished.unlink(missing_ok=True)
            unfinished.with_name(unfinished.name + "-journal").unlink(missing_ok=True)
    size = final.stat().st_size
    named = read_name(final)
    made_ms = named.made_ms if named else order.at_ms
    return Made(Backup(final, order.environment, order.schema, made_ms, kind, size, order.reason), found)


def _final(order: Order, kind: str) -> Path:
    """The file's name, which no other has."""
    if order.target.suffix in (".db", ".dump") and not order.target.is_dir():
        if order.target.exists():
            raise OperatorError(
                f"{order.target} exists already; a backup is never written over.",
                fix="Name another file, or a folder.",
                code="backup.exists",
            )
        return order.target
    order.target.mkdir(mode=0o700, parents=True, exist_ok=True)
    at_ms = order.at_ms
    while (final := order.target / file_name(order.environment, order.schema, at_ms, kind, order.reason)).exists():
        at_ms += 1
    return final


def _copy(path: Path, unfinished: Path, order: Order) -> Verification | None:
    sqlite_copy.copy(path, unfinished, COPYING, order.progress, order.cancelled)
    sqlite_copy.mark(unfinished, order.environment)
    _go_on(order, CHECKING)
    if damage := sqlite_copy.damage(unfinished):
        raise OperatorError(
            f"The database file is damaged ({damage}), so this would be no backup; nothing was changed.",
            fix="Restore the newest backup: `bioql-console restore FILE --replace` keeps the damaged file beside it.",
            code="backup.damaged",
        )
    if not order.verify:
        return None
    _go_on(order, VERIFYING)
    return verified(unfinished)


def verified(path: Path) -> Verification:
    """What recomputing the books of a SQLite file finds; the file is only read."""
    url = URL.create("sqlite", database=str(path))
    engine = sqlite_engine.make_engine(url, lambda *_: sqlite_file.require_whole(path))
    try:
        with engine.connect() as connection:
            return Verifier(connection).run()
    finally:
        engine.dispose()


def _go_on(order: Order, words: str) -> None:
    if order.cancelled():
        raise stopped("backup")
    order.progress(1, 1, words)


def _dump(engine: Engine, unfinished: Path, order: Order) -> Verification | None:
    """By pg_dump, of the very state that is recomputed beside it."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        for limit in ("idle_in_transaction_session_timeout", "statement_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))  # a big ledger takes its time
        snapshot = str(connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())
        tables = int(connection.execute(text(COUNT_TABLES)).scalar_one())
        raw: Any = connection.connection.dbapi_connection
        programs = programs_for(raw)
        asked = (
            "--format=custom",
            "--no-password",
            "--verbose",
            f"--snapshot={snapshot}",
            f"--dbname={programs.conninfo}",
        )

        def look(said: str) -> None:
            order.progress(min(len(DUMPED.findall(said)), tables), tables, COPYING)

        # It gets the open file and not its name: should it outlive us, it can't make the file anew.
        with (
            open(unfinished, "xb", opener=partial(os.open, mode=0o600)) as file,
            programs.running("pg_dump", *asked, stdout=file) as running,
        ):
            running.finish(order.cancelled, look)
        sqlite_copy.sync(unfinished)
        _go_on(order, CHECKING)
        programs.run("pg_restore", f"--file={os.devnull}", str(unfinished), cancelled=order.cancelled)
        return _verified(connection, order)


COUNT_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"


def _verified(connection: Connection, order: Order) -> Verification | None:
    if not order.verify:
        return None
    _go_on(order, VERIFYING)
    return Verifier(connection).run()
