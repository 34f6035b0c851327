"""`backup`: a copy of the ledger while everything goes on, looked through before it gets its name."""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from bioql_console.app import operator_name
from bioql_console.core import database_url
from bioql_console.domain.backups import Made
from bioql_console.domain.environment import Environment
from bioql_console.domain.money import plain_dollars
from bioql_console.importing import ProgressLine
from bioql_console.ledgers import ledger_at
from bioql_console.refusals import told_as_json
from bioql_console.services.backups import Backups
from bioql_console.services.changes import Changes
from bioql_console.settings import data_directory, load


class BackupOptions(NamedTuple):
    """What `bioql-console backup` was asked for; None means as the settings say, and in the backups folder."""

    target: Path | None
    data_dir: Path | None
    database: str | None
    environment: Environment | None


def run_backup(options: BackupOptions) -> Made:
    """Back up and recompute the books in the copy, with progress on a terminal.

    Raises:
        OperatorError: `backup.*`, `db.*`.
    """
    folder = data_directory(options.data_dir)
    settings = load(folder)
    environment = options.environment or Environment(settings.environment)
    target = (options.target or folder / "backups").expanduser().absolute()
    database = ledger_at(database_url(settings, folder, environment, options.database, make=False))
    database.environment = None if options.database and options.environment is None else environment
    try:
        database.open_existing()
        with ProgressLine() as line:
            return Backups(database, target, Changes()).back_up(operator_name(), progress=line.show)
    finally:
        database.close()


def answer(options: BackupOptions, *, as_json: bool) -> int:
    """Back up, and print what came of it; the answer is the exit code: 0 when the books in the copy balance."""
    with told_as_json(as_json):
        made = run_backup(options)
    found = made.verification
    assert found is not None
    if as_json:
        sys.stdout.write(json.dumps(as_json_object(made), ensure_ascii=False) + "\n")
        return 0 if found.ok else 1
    sys.stdout.write(f"{made.backup.path}\n")
    sys.stdout.write(
        f"  {made.backup.size_bytes / 1_000_000:,.1f} MB, {found.users:,} users, {found.entries:,} entries, "
        f"{plain_dollars(found.owed_micros)} owed\n"
    )
    for difference in found.differences:
        sys.stdout.write(f"DIFFERENCE  {difference.what}\n            → {difference.cure}\n")
    words = "The books in it balance." if found.ok else "The backup is kept, but the books in it do not balance."
    sys.stdout.write(words + "\n")
    return 0 if found.ok else 1


def as_json_object(made: Made) -> dict[str, Any]:
    """The JSON answer. Its names stay; others may be added."""
    backup, found = made.backup, made.verification
    assert found is not None
    return {
        "ok": found.ok,
        "file": str(backup.path),
        "kind": backup.kind,
        "environment": backup.environment.value if backup.environment else None,
        "schema": backup.schema,
        "made_ms": backup.made_ms,
        "bytes": backup.size_bytes,
        "users": found.users,
        "entries": found.entries,
        "owed_micros": found.owed_micros,
        "credit_micros": found.credit_micros,
        "differences": [{"what": each.what, "cure": each.cure} for each in found.differences],
    }
