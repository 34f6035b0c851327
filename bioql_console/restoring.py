"""`restore`: a backup in the place of a ledger, after everything about both was looked at."""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from bioql_console.app import operator_name
from bioql_console.core import database_url, now_ms
from bioql_console.domain.backups import BackupContent, Progress, Reason
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import plain_dollars
from bioql_console.importing import ProgressLine
from bioql_console.ledgers import ledger_at
from bioql_console.refusals import told_as_json
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.settings import data_directory, load
from bioql_console.storage import restoring
from bioql_console.storage.backup_content import content_of
from bioql_console.storage.belonging import refuse_other
from bioql_console.storage.database import Database
from bioql_console.storage.postgresql_restore import restore_dump
from bioql_console.storage.restoring import Restored
from bioql_console.storage.standing import Standing

DAMAGED = ("db.corrupt", "db.empty")


class RestoreOptions(NamedTuple):
    """What `bioql-console restore` was asked for; None means as the settings say."""

    file: Path
    replace: bool
    data_dir: Path | None
    database: str | None
    environment: Environment | None


def run_restore(options: RestoreOptions) -> tuple[BackupContent, Restored]:
    """Restore, with progress on a terminal.

    Raises:
        OperatorError: `restore.*`, `backup.*`, `db.*`, `instance.running`; nothing was changed then.
    """
    folder = data_directory(options.data_dir)
    settings = load(folder)
    environment = options.environment or Environment(settings.environment)
    content = content_of(options.file.expanduser().absolute())
    with ExitStack() as stack:
        stack.enter_context(InstanceLock(folder, "restore"))
        named = options.database is not None and options.environment is None
        if not named:
            _refuse_other_environment(content, environment)
        url = database_url(settings, folder, environment, options.database)
        database = ledger_at(url)
        database.environment = content.environment if named else environment
        stack.callback(database.close)
        _refuse_other_kind(content, database)
        here = _look(database)
        if here is not None:
            refuse_other(here.environment, database.environment)
            _refuse_other_account(content, here)
            if not here.empty and not options.replace:
                raise _not_empty(database.words)
        elif not options.replace:
            raise _not_empty(database.words)
        line = stack.enter_context(ProgressLine())
        kept = _keep(database, here, folder / "backups", line.show)
        return content, _put(database, content, kept, line.show)


def _put(database: Database, content: BackupContent, kept: Path | None, progress: Progress) -> Restored:
    operator = operator_name()
    if database.path is None:
        return restore_dump(content, database, operator=operator, kept=kept, progress=progress)
    database.close()
    return restoring.restore_file(content, database.path, now_ms, operator=operator, kept=kept, progress=progress)


def _look(database: Database) -> Standing | None:
    """What is here; None when it is damaged, which is what backups are for."""
    try:
        return database.standing()
    except OperatorError as error:
        if error.code not in DAMAGED:
            raise
        return None


def _keep(
    database: Database, here: Standing | None, backups: Path, progress: Callable[[int, int, str], None]
) -> Path | None:
    """Back up what is here before anything takes its place."""
    if here is not None:
        return None if here.empty else database.back_up(backups, reason=Reason.RESTORE, progress=progress).backup.path
    assert database.path is not None
    return restoring.keep_damaged(database.path, backups, now_ms())


def _refuse_other_environment(content: BackupContent, environment: Environment) -> None:
    if content.environment in (None, environment):
        return
    assert content.environment is not None
    raise OperatorError(
        f"{content.path.name} is a backup of {content.environment.word}, not of {environment.word}.",
        fix=f"Restore it with --env {content.environment.value}, or take a backup of {environment.word}.",
        code="restore.other_environment",
    )


def _refuse_other_kind(content: BackupContent, database: Database) -> None:
    here = "PostgreSQL" if database.path is None else "SQLite"
    if content.kind == here:
        return
    fix = "Restore it into a file with --database sqlite:///FILE, then bring that to PostgreSQL with `move`."
    if content.kind == "PostgreSQL":
        fix = "Name the PostgreSQL database with --database."
    raise OperatorError(
        f"{content.path.name} is a backup of {content.kind}, but the ledger is {here}.",
        fix=fix,
        code="restore.other_kind",
    )


def _refuse_other_account(content: BackupContent, here: Standing) -> None:
    for environment, account in here.accounts.items():
        other = content.accounts.get(environment, account)
        if other != account and not here.empty:
            raise OperatorError(
                f"The backup belongs to Stripe account {other}, the ledger here to {account}.",
                fix="Take a backup of this account, or restore into a data folder of its own with --data-dir.",
                code="restore.other_account",
            )


def _not_empty(words: str) -> OperatorError:
    return OperatorError(
        f"There is a ledger already ({words}); nothing was changed.",
        fix="Restore with --replace: what is here is backed up first.",
        code="restore.not_empty",
    )


# --- answers


def answer(options: RestoreOptions, *, as_json: bool) -> int:
    """Restore, and print what came of it; the answer is the exit code."""
    with told_as_json(as_json):
        content, restored = run_restore(options)
    if as_json:
        sys.stdout.write(json.dumps(as_json_object(content, restored), ensure_ascii=False) + "\n")
        return 0
    found = restored.verification
    sys.stdout.write(f"{content.path.name} is restored; the books balance.\n")
    sys.stdout.write(f"  {found.users:,} users, {found.entries:,} entries, {plain_dollars(found.owed_micros)} owed\n")
    if restored.kept is not None:
        sys.stdout.write(f"  What was here before is kept in {restored.kept}\n")
    sys.stdout.write(
        "→ Start the console: it fetches what Stripe has had since. Then run Reconcile, which names what only the lost "
        "ledger knew.\n"
    )
    return 0


def as_json_object(content: BackupContent, restored: Restored) -> dict[str, Any]:
    """The JSON answer. Its names stay; others may be added."""
    found = restored.verification
    return {
        "ok": True,
        "file": str(content.path),
        "kind": content.kind,
        "environment": content.environment.value if content.environment else None,
        "schema": content.schema,
        "made_ms": content.made_ms,
        "kept": str(restored.kept) if restored.kept else None,
        "users": found.users,
        "entries": found.entries,
        "owed_micros": found.owed_micros,
        "credit_micros": found.credit_micros,
    }
