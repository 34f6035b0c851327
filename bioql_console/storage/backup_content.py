"""What a backup holds, read from the file without restoring it. A file that can't be trusted is refused here."""

import os
import sqlite3
from itertools import takewhile
from pathlib import Path

from bioql_console.domain.backups import BackupContent, read_name
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.storage import migrate, sqlite_copy, sqlite_file
from bioql_console.storage.postgresql_programs import Programs, installed

DUMP_MAGIC = b"PGDMP"


def content_of(path: Path) -> BackupContent:
    """Look through a backup.

    Raises:
        OperatorError: `restore.no_file`, `restore.no_backup`, `restore.damaged`, `db.too_new`, `backup.no_program`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(sqlite_file.MAGIC))
    except OSError as error:
        raise OperatorError(
            f"{path} can't be read: {error.strerror}.",
            fix="Name a file of the backups folder; the Settings page and the folder itself list them.",
            code="restore.no_file",
        ) from error
    if head.startswith(DUMP_MAGIC):
        kind, (schema, accounts, marked) = "PostgreSQL", _of_dump(path)
    elif head == sqlite_file.MAGIC:
        kind, (schema, accounts, marked) = "SQLite", _of_sqlite(path)
    else:
        raise _no_backup(path)
    migrate.refuse_unknown(schema)
    named = read_name(path)
    environment = marked or next(iter(accounts), None) or (named.environment if named else None)
    return BackupContent(path, kind, schema, environment, accounts, named.made_ms if named else None)


Found = tuple[str, dict[Environment, str], Environment | None]


def _of_sqlite(path: Path) -> Found:
    sqlite_file.refuse_cut_off(path)
    try:
        with sqlite_copy.opened(path, "ro") as raw:
            tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "alembic_version" not in tables:
                raise _no_backup(path)
            (schema,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
            asked = "SELECT environment, account_id FROM stripe_accounts"
            accounts = dict(raw.execute(asked)) if "stripe_accounts" in tables else {}
            asked = "SELECT environment FROM ledger_environment"
            owner = raw.execute(asked).fetchone() if "ledger_environment" in tables else None
            (number,) = raw.execute("PRAGMA application_id").fetchone()
            (found,) = raw.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise _damaged(path, str(error)) from error
    if found != "ok":
        raise _damaged(path, str(found))
    bound = {Environment(environment): str(account) for environment, account in accounts.items()}
    return str(schema), bound, Environment(owner[0]) if owner else sqlite_copy.ENVIRONMENTS.get(number)


def _of_dump(path: Path) -> Found:
    """Of an archive of pg_dump: read through once, so that a cut-off one is found before anything is touched."""
    found = installed()
    if not found:
        raise OperatorError(
            "PostgreSQL's program pg_restore is not on this machine, so this backup can't be read.",
            fix="Install it (Debian package postgresql-client), then retry.",
            code="backup.no_program",
        )
    programs = Programs(found[max(found)], "", "")
    try:
        programs.run("pg_restore", f"--file={os.devnull}", str(path))
        schemas = _rows(programs, path, "alembic_version")
        accounts = _rows(programs, path, "stripe_accounts")
        owners = _rows(programs, path, "ledger_environment")
    except OperatorError as error:
        raise _damaged(path, error.what) from error
    if not schemas:
        raise _no_backup(path)
    bound = {Environment(row[0]): row[1] for row in accounts}
    return schemas[0][0], bound, Environment(owners[0][1]) if owners else None


def _rows(programs: Programs, path: Path, table: str) -> list[list[str]]:
    """A small table's rows in an archive, as pg_restore writes them."""
    said = programs.run("pg_restore", "--data-only", f"--table={table}", "--file=-", str(path))
    _, _, after = said.partition(" FROM stdin;\n")
    return [line.split("\t") for line in takewhile(lambda line: line != "\\.", after.splitlines())]


def _no_backup(path: Path) -> OperatorError:
    return OperatorError(
        f"{path.name} is no backup of this console.",
        fix="Name a file that `bioql-console backup` made; an existing BioQL users.db is brought in by `import`.",
        code="restore.no_backup",
    )


def _damaged(path: Path, why: str) -> OperatorError:
    return OperatorError(
        f"{path.name} is damaged ({why.rstrip('.')}); nothing was changed.",
        fix="Take another backup of the backups folder.",
        code="restore.damaged",
    )
