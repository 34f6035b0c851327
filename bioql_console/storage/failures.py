"""What the world does to a database, in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from bioql_console.domain.errors import OperatorError

LOCKED = ("db.locked", "Another program holds the database for too long.", "Close the other program, then retry.")
BUSY = ("db.busy", "Others changed the same at the same moment; nothing was changed here.", "Retry.")
FULL = ("db.full", "The disk is full; nothing was changed.", "Free some space, then retry.")
READ_ONLY = ("db.read_only", "The database can only be read.", "Check the file's owner and permissions.")
IO = ("db.io", "The disk failed while reading or writing.", "Check the disk, then retry.")
UNREACHABLE = ("db.unreachable", "The database server does not answer.", "Check its address and that it runs.")
BROKEN = ("db.unreachable", "The connection to the database broke.", "Retry.")

# By the words that the driver says, in this order.
_BY_WORDS = (
    ("locked", *LOCKED),
    ("full", *FULL),
    ("readonly", *READ_ONLY),
    ("malformed", "db.corrupt", "The database file is damaged.", "Restore the newest copy from the backups folder."),
    ("not a database", "db.corrupt", "The file is no database.", "Restore the newest copy from the backups folder."),
    ("disk i/o", *IO),
    ("unable to open", "db.missing", "The database can't be opened.", "Check that its folder exists and is yours."),
    ("connect", *UNREACHABLE),
)
# By PostgreSQL's code for it, where the server still said one; a class by its first two letters.
_BY_STATE = {
    "40001": BUSY,
    "40P01": BUSY,
    "55P03": LOCKED,
    "53100": FULL,
    "25006": READ_ONLY,
    "58030": IO,
    "57P01": BROKEN,
    "57P02": BROKEN,
    "57P03": ("db.unreachable", "The database server is starting or stopping.", "Retry in a moment."),
    "08": UNREACHABLE,
}


@contextmanager
def explained(words: str) -> Iterator[None]:
    """Turn what the world did to the database into an OperatorError; anything else is a bug and passes."""
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError):
        # Our own mistakes. Their texts quote rows, so a name with "full" in it must not read as a full disk.
        raise
    except DBAPIError as error:
        found = _known(error)
        if found is None:
            raise
        code, what, fix = found
        raise OperatorError(f"{what} ({words})", fix=fix, code=code) from error


def _known(error: DBAPIError) -> tuple[str, str, str] | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if found := _BY_STATE.get(state) or _BY_STATE.get(state[:2]):
        return found
    text = str(error.orig).lower()
    for part, code, what, fix in _BY_WORDS:
        if part in text:
            return code, what, fix
    return BROKEN if error.connection_invalidated else None
