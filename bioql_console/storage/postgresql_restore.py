"""Putting a backup in the place of a PostgreSQL ledger, in one transaction: whole, or not at all."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from bioql_console.domain.backups import BackupContent, Progress, stopped
from bioql_console.domain.errors import OperatorError
from bioql_console.storage import migrate
from bioql_console.storage.database import Database
from bioql_console.storage.postgresql_programs import programs_for
from bioql_console.storage.restoring import Restored, finish
from bioql_console.storage.sqlite_copy import never, silent

COPY = re.compile(rb"COPY .* FROM stdin;\n")
# pg_restore guards its script with these against tampering with psql; they are no SQL.
NO_SQL = (rb"\restrict ", rb"\unrestrict ")
CHUNK_BYTES = 256 * 1024
DROP_ALL = """
DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname = current_schema() LOOP
    EXECUTE 'DROP TABLE ' || found.name || ' CASCADE';
  END LOOP;
  FOR found IN SELECT p.oid::regprocedure AS name FROM pg_proc p
      WHERE p.pronamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
    EXECUTE 'DROP ROUTINE ' || found.name || ' CASCADE';
  END LOOP;
END $$
"""


def restore_dump(
    content: BackupContent,
    database: Database,
    *,
    operator: str,
    kept: Path | None,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = never,
) -> Restored:
    """Restore an archive of pg_dump into a database that nobody else uses.

    Raises:
        OperatorError: `restore.*`, `backup.*`, `db.*`; nothing is changed then.
    """
    with database.alone() as (connection, work_over):
        _replace(connection, content, progress, cancelled)
        progress(1, 1, "recomputing the books")
        found = finish(work_over(connection), content, operator, kept)
        connection.commit()
    return Restored(found, kept)


def _replace(connection: Connection, content: BackupContent, progress: Progress, cancelled: Callable[[], bool]) -> None:
    """Everything in the transaction that is open."""
    connection.execute(text(DROP_ALL))
    raw: Any = connection.connection.dbapi_connection
    total = _tables(content.path, raw)
    _play(content.path, raw, lambda done: progress(done, total, "restoring"), cancelled)
    connection.execute(text("RESET ALL"))
    progress(1, 1, "upgrading")
    migrate.run(connection)


def _tables(path: Path, raw: "psycopg.Connection[Any]") -> int:
    return programs_for(raw).run("pg_restore", "--list", str(path)).count(" TABLE DATA ")


def _play(
    path: Path, raw: "psycopg.Connection[Any]", tell: Callable[[int], None], cancelled: Callable[[], bool]
) -> None:
    """Carry out the archive's script inside the transaction that is open."""
    programs = programs_for(raw)
    asked = ("--no-owner", "--no-comments", "--file=-", str(path))
    with programs.running("pg_restore", *asked, stdout=subprocess.PIPE) as running, raw.cursor() as cursor:
        assert running.process.stdout is not None
        script, statements, done = iter(running.process.stdout), bytearray(), 0
        try:
            for line in script:
                if COPY.fullmatch(line):
                    _execute(cursor, statements)
                    _copy(cursor, line, script, cancelled)
                    done += 1
                    tell(done)
                elif not line.startswith(NO_SQL):
                    statements += line
            _execute(cursor, statements)
        except psycopg.Error as error:
            raise _refused(path, error) from error
        running.finish(cancelled)


def _execute(cursor: "psycopg.Cursor[Any]", statements: bytearray) -> None:
    if statements.strip():
        cursor.execute(bytes(statements))
    statements.clear()


def _copy(
    cursor: "psycopg.Cursor[Any]", statement: bytes, script: Iterator[bytes], cancelled: Callable[[], bool]
) -> None:
    """The rows of one table, as they are in the script."""
    part = bytearray()
    with cursor.copy(statement) as into:
        for line in script:
            if line == b"\\.\n":
                break
            part += line
            if len(part) > CHUNK_BYTES:
                into.write(bytes(part))
                part.clear()
                if cancelled():
                    raise stopped("restore")
        into.write(bytes(part))


def _refused(path: Path, error: psycopg.Error) -> OperatorError:
    words = (error.diag.message_primary or str(error).partition("\n")[0]).rstrip(".")
    return OperatorError(
        f"PostgreSQL refused what is in {path.name}: {words}. Nothing was changed.",
        fix="Mend what it says, e.g. create the missing role, then retry.",
        code="restore.refused",
    )
