"""The SQLite file before SQLite sees it: made private, or refused when it is empty or cut off."""

import os
import sqlite3
import uuid
from contextlib import closing, suppress
from pathlib import Path

from bioql_console.domain.errors import OperatorError
from bioql_console.storage import sqlite_copy

HEADER_BYTES = 100
Identity = tuple[int, int]
MAGIC = b"SQLite format 3\x00"


def prepare(path: Path) -> None:
    """Make a new file private from its first byte; refuse what is no database instead of writing over it.

    Raises:
        OperatorError: `db.empty`, `db.corrupt`, `db.cannot_create`.
    """
    with suppress(OSError):  # what a restore that was killed left beside it
        sqlite_copy.remove_left_over(path.parent, f".{path.name}.restoring-*")
    if path.exists():
        refuse_cut_off(path)
        return
    # SQLite treats a file of zero bytes as new. Ours appears with its header in it, so that zero bytes mean damage.
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_header(unfinished)
        _publish(unfinished, path)
    except (OSError, sqlite3.Error) as error:
        raise OperatorError(
            f"The database can't be created in {path.parent}.",
            fix="Check that the folder exists, is yours and has space, or choose another --data-dir.",
            code="db.cannot_create",
        ) from error


def _write_header(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA user_version = 1")


def _publish(unfinished: Path, path: Path) -> None:
    """Give the file its name, unless another process was faster."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass
    except OSError:
        # A file system without links.
        if not path.exists():
            unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def require_whole(path: Path) -> None:
    """Raises OperatorError `db.absent`, `db.empty`, `db.corrupt`."""
    if not path.exists():
        raise OperatorError(
            f"There is no database at {path}.",
            fix="Start the console or `serve` once, or name another --data-dir.",
            code="db.absent",
        )
    refuse_cut_off(path)


def refuse_cut_off(path: Path) -> None:
    """SQLite takes a file of a few bytes for a new one, and the missing end of a last page for zeros.

    Raises:
        OperatorError: `db.empty`, `db.corrupt`.
    """
    if not path.is_file():
        return  # SQLite knows the words for it
    if path.stat().st_size < HEADER_BYTES:
        raise OperatorError(
            f"{path.name} is empty: it was cut off or never finished.",
            fix="Restore the newest copy from the backups folder, or delete the empty file to start afresh.",
            code="db.empty",
        )
    if path.stat().st_size < _promised_bytes(path) and not _has_log(path):
        raise OperatorError(
            "The database file is damaged.",
            fix="Restore the newest copy from the backups folder.",
            code="db.corrupt",
        )


def _promised_bytes(path: Path) -> int:
    """The size that the header tells; 0 when it can't be relied on."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if not header.startswith(MAGIC) or header[24:28] != header[92:96]:
        return 0
    page = int.from_bytes(header[16:18], "big")
    return int.from_bytes(header[28:32], "big") * (65_536 if page == 1 else page)


def _has_log(path: Path) -> bool:
    """Whether pages may still wait in the write-ahead log, so that the file is rightly shorter than it will be."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def identity(path: Path) -> Identity | None:
    """What stays the same while a file is written, and is another once its place was taken; None without a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def require_same(path: Path, opened: Identity | None) -> None:
    """SQLite goes on writing into a file that was deleted or replaced; whatever it stores there is lost.

    Raises:
        OperatorError: `db.moved`.
    """
    if opened is not None and identity(path) != opened:
        raise OperatorError(
            f"{path.name} was deleted, moved or replaced while the console was running.",
            fix="Put the right file there, then start the console again.",
            code="db.moved",
        )
