"""Putting a backup in the place of a SQLite ledger: made ready beside it, then swapped in one step."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bioql_console.domain.backups import BackupContent, Progress, stopped
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.verification import Verification
from bioql_console.storage import alone, sqlite_copy
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.sqlite_copy import never, silent
from bioql_console.storage.unit_of_work import UnitOfWork

COPYING, UPGRADING, VERIFYING = "copying", "upgrading", "recomputing the books"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it.

    Args:
        kept: Where the ledger that was here before is kept; None when there was nothing to keep.
    """

    verification: Verification
    kept: Path | None


def restore_file(
    content: BackupContent,
    target: Path,
    now_ms: Callable[[], int],
    *,
    operator: str,
    kept: Path | None,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = never,
) -> Restored:
    """Restore a SQLite backup. Whenever this breaks off, the old ledger is in its place, whole, or the new one is.

    Args:
        kept: Where the ledger that is replaced was backed up to.

    Raises:
        OperatorError: `restore.*`, `backup.*`, `db.*`; nothing is changed then.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sqlite_copy.remove_left_over(target.parent, f".{target.name}.restoring-*")
    new = target.with_name(f".{target.name}.restoring-{os.getpid()}")
    try:
        sqlite_copy.copy(content.path, new, COPYING, progress, cancelled)
        found = _made_ready(new, content, now_ms, operator, kept, progress)
        if cancelled():
            raise stopped("restore")
        _swap(new, target)
    except (OSError, sqlite3.Error) as error:
        raise sqlite_copy.refused(target.parent, error) from error
    finally:
        for path in _with_companions(new):
            path.unlink(missing_ok=True)
    return Restored(found, kept)


def _made_ready(
    new: Path,
    content: BackupContent,
    now_ms: Callable[[], int],
    operator: str,
    kept: Path | None,
    progress: Progress,
) -> Verification:
    """Upgrade the copy, recompute its books, and let it tell what became of it."""
    database = Database(sqlite_url(new), now_ms)
    try:
        progress(1, 1, UPGRADING)
        database.open(None, also_moved=True)
        progress(1, 1, VERIFYING)
        with database.write() as work:
            found = finish(work, content, operator, kept)
            work.commit()
    finally:
        database.close()
    with sqlite_copy.opened(new) as raw:
        raw.execute("PRAGMA journal_mode = DELETE").fetchone()
    sqlite_copy.sync(new)
    return found


def finish(work: UnitOfWork, content: BackupContent, operator: str, kept: Path | None) -> Verification:
    """Recompute the restored books, distrust what was on its way to Stripe, and note the restore.

    Raises:
        OperatorError: `restore.differs`.
    """
    found = work.verifier.run()
    if not found.ok:
        raise OperatorError(
            f"The books in {content.path.name} do not balance: {found.differences[0].what}",
            fix="Take another backup; `bioql-console verify --database sqlite:///FILE` names every difference.",
            code="restore.differs",
        )
    made_ms = content.made_ms or work.restores.newest_ms()
    work.restores.add(content.path.name, made_ms, operator)
    work.moves.stay(content.path.name, operator)
    work.outbox.doubt(made_ms)
    before = f"kept as {kept.name}" if kept else ""
    work.activity.record(operator, "restored a backup", content.path.name, before=before)
    return found


def _swap(new: Path, target: Path) -> None:
    """Let the new file take the old one's name. No log of the old one may be left: it would be played into the new."""
    if target.exists():
        alone.fold_log(target)
    for companion in _with_companions(target)[1:]:
        companion.unlink(missing_ok=True)
    sqlite_copy.publish(new, target)


def keep_damaged(path: Path, folder: Path, now_ms: int) -> Path:
    """Keep a file that can't be backed up as a ledger, with its log, as it is.

    Raises:
        OSError: it can't be copied.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = folder / f"damaged-{path.parent.name}-{now_ms}.db"
    for source, copied in zip(_with_companions(path), _with_companions(kept), strict=True):
        with suppress(FileNotFoundError):
            shutil.copyfile(source, copied)
            copied.chmod(0o600)
            sqlite_copy.sync(copied)
    sqlite_copy.sync(folder)
    return kept


def _with_companions(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))]
