"""Copying a SQLite ledger while others read and write it: one moment of it, whole or not at all."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from bioql_console.domain.backups import Progress, stopped
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError

# Eight MiB at a time: often enough for a bar that moves.
PAGES = 2_048
PROCESS = re.compile(r"-(\d+)(?:-wal|-shm|-journal)?$")
# In the file's header, where SQLite keeps a place for it, a backup tells which environment it is of.
ENVIRONMENTS = {
    int.from_bytes(mark, "big"): environment
    for mark, environment in (
        (b"BqlS", Environment.SANDBOX),
        (b"BqlT", Environment.TEST),
        (b"BqlL", Environment.LIVE),
    )
}


def never() -> bool:
    return False


def silent(_done: int, _total: int, _words: str) -> None:
    pass


@contextmanager
def opened(path: Path, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    """A plain connection to a file that exists.

    Args:
        mode: "rw", or "ro" for a file that is only looked at.
    """
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=10)) as connection:
        yield connection


def copy(source: Path, target: Path, words: str, progress: Progress, cancelled: Callable[[], bool]) -> None:
    """Write a private copy of the file as it was last committed, ready for use on its own; synced to disk.

    Raises:
        OperatorError: `backup.stopped`.
        OSError, sqlite3.Error: it can't be read or written.
    """

    def tell(_status: int, remaining: int, total: int) -> None:
        if cancelled():
            raise stopped("copy")
        progress(total - remaining, total, words)

    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with opened(source) as raw, opened(target) as made:
        # A reader's snapshot: without it each commit of another program would begin the copy anew.
        raw.execute("BEGIN")
        raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
        raw.backup(made, pages=PAGES, progress=tell)
        # One file, that needs no log beside it.
        made.execute("PRAGMA journal_mode = DELETE").fetchone()
    sync(target)


def mark(path: Path, environment: Environment | None) -> None:
    """Let a copy tell which environment it is of."""
    number = next((number for number, each in ENVIRONMENTS.items() if each is environment), 0)
    with opened(path) as made:
        made.execute(f"PRAGMA application_id = {number}")
    sync(path)


def damage(path: Path) -> str:
    """What is wrong with a file's pages; empty when nothing is.

    Raises:
        sqlite3.Error: it is damaged so much that nothing can be said.
    """
    with opened(path) as raw:
        (found,) = raw.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if found == "ok" else str(found)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(unfinished: Path, path: Path) -> None:
    """Give a finished file its name, in one step and for good."""
    unfinished.replace(path)
    sync(path.parent)


def remove_left_over(folder: Path, names: str = ".bioql-*.unfinished-*") -> None:
    """Remove what processes that are no more left unfinished.

    Args:
        names: A pattern of names that end in the number of the process, as `unfinished_name` gives them.
    """
    for path in folder.glob(names):
        pid = PROCESS.search(path.name)
        if pid is None or not _is_alive(int(pid[1])):
            path.unlink(missing_ok=True)


def unfinished_name(path: Path) -> Path:
    """Where a file is written until it is whole; tells whose it is."""
    return path.with_name(f".{path.name}.unfinished-{os.getpid()}")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def refused(folder: Path, error: OSError | sqlite3.Error) -> OperatorError:
    """Why a copy could not be written, in words."""
    if "full" in str(error).lower() or getattr(error, "errno", None) == 28:
        return OperatorError(
            f"There is no space left in {folder}; nothing was changed.",
            fix="Free some space, or let that folder be a link to a bigger disk, then retry.",
            code="backup.no_space",
        )
    return OperatorError(
        f"The database can't be copied to {folder}; nothing was changed.",
        fix="Check that the folder is yours and that the disk has space, then retry.",
        code="db.backup_failed",
    )
