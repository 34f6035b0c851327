"""What the world does to a database, in words. Anything else is a bug and passes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Rights, Role, ask_for, right_missing

RIGHT_MISSING = "42501"
# The log's index is made when a file is opened; SQLite calls it a failure of the disk when there is no room for it.
NO_ROOM_FOR_INDEX = "SQLITE_IOERR_SHMSIZE"

LOCKED = ("db.locked", "Another program holds the database for too long.", "Close the other program, then retry.")
BUSY = ("db.busy", "Others changed the same at the same moment; nothing was changed here.", "Retry.")
FULL = ("db.full", "The disk is full; nothing was changed.", "Free some space, then retry.")
READ_ONLY = ("db.read_only", "The database can only be read.", "Check the file's owner and permissions.")
IO = ("db.io", "The disk failed while reading or writing.", "Check the disk, then retry.")
UNREACHABLE = ("db.unreachable", "The database server does not answer.", "Check its address and that it runs.")
BROKEN = (
    "db.unreachable",
    "The connection to the database broke.",
    "Retry; if it comes again, check the database server and the network.",
)

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
    "57014": ("db.slow", "The database took too long and was stopped.", "Retry; if it stays, ask who runs it."),
    "25P03": ("db.unreachable", "The database server ended an idle transaction; it was undone.", "Retry."),
    "57P01": BROKEN,
    "57P02": BROKEN,
    "57P03": ("db.unreachable", "The database server is starting or stopping.", "Retry in a moment."),
    "08": UNREACHABLE,
}

_CROWDED = ("db.too_many_connections", "The database server takes no more connections.")
_ROOM = "Close other consoles, or ask whoever runs the database to raise max_connections; then retry."
_TRUST = "Name the file of the authority that signed it, or ask whoever runs the database."
_IN_SETTINGS = "Correct it in Settings › Database."
# What keeps one from connecting comes without a code. The order counts: most of these begin with "connection failed".
_ON_CONNECTING = (
    ("password authentication failed", "db.password_wrong", "The database server refused user and password.",
     "Enter the password again in Settings › Database."),
    ("no password supplied", "db.password_needed", "The database server asks for a password.",
     "Enter it in Settings › Database."),
    ("too many clients", *_CROWDED, _ROOM),
    ("too many connections", *_CROWDED, _ROOM),
    ("remaining connection slots", *_CROWDED, _ROOM),
    ("does not match host name", "db.tls_wrong_host", "The database server's certificate is for another name.",
     "Use the name in the certificate as host; if that is wrong too, it is not your server."),
    ("certificate verify failed", "db.tls_untrusted", "The database server's certificate is signed by a stranger.",
     _TRUST),
    ("root certificate file", "db.tls_no_authority", "Nothing is there to check the server's certificate with.",
     _TRUST),
    ("server does not support ssl", "db.tls_unsupported", "The database server does not encrypt connections.",
     "Ask whoever runs the database to turn TLS on."),
    ("pg_hba.conf", "db.not_let_in", "The database server does not let this user in from here, or not so.",
     "Try another TLS mode, or ask whoever runs the database to let you in."),
    ("authentication failed", "db.not_let_in", "The database server does not let this user in.",
     "Check the user's name, or ask whoever runs the database to let you in."),
    ('database "', "db.no_such_database", "The database server has no database of this name.",
     f"{_IN_SETTINGS} A new one is made with CREATE DATABASE."),
    ('role "', "db.no_such_user", "The database server does not know this user.", _IN_SETTINGS),
    ("failed to resolve host", "db.no_such_host", "No computer has the database server's name.", _IN_SETTINGS),
    ("init file", "db.full", "The disk of the database's server is full.", "Make room there, then retry."),
    ("the database system is", "db.unreachable", "The database server is starting or stopping.",
     "Retry in a moment."),
)  # fmt: skip


def _unknown_rights() -> Rights | None:
    return None


@contextmanager
def explained(words: str, rights: Callable[[], Rights | None] = _unknown_rights) -> Iterator[None]:
    """Turn what the world did to the database into an OperatorError.

    Args:
        words: Kind and place of the database.
        rights: What its user may do, as far as that is known.
    """
    try:
        yield
    except PoolExhausted as error:
        what = f"All connections to the database are in use. ({words})"
        raise OperatorError(what, fix="Retry in a moment.", code="db.busy") from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == RIGHT_MISSING:
            raise _refused(rights()) from error
        found = _known(error)
        if found is None:
            raise
        code, what, fix = found
        raise OperatorError(f"{what} ({words})", fix=fix, code=code) from error


def _known(error: DBAPIError) -> tuple[str, str, str] | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if found := _BY_STATE.get(state) or _BY_STATE.get(state[:2]):
        return found
    if getattr(error.orig, "sqlite_errorname", "") == NO_ROOM_FOR_INDEX:
        return FULL
    if isinstance(error, IntegrityError | DataError | ProgrammingError):
        # Our own mistakes. Their texts quote rows, so a name with "full" in it must not read as a full disk.
        return None
    if error.connection_invalidated:
        return BROKEN  # whatever the driver says of it: a server that cut a connection may be well
    text = str(error.orig).lower()
    connecting = not state and text.startswith(("connection ", "failed to resolve"))
    for part, code, what, fix in (*(_ON_CONNECTING if connecting else ()), *_BY_WORDS):
        if part in text:
            return code, what, fix
    return None


def _refused(rights: Rights | None) -> OperatorError:
    """The database refused a statement to this user; the next role up is what it takes."""
    if rights is None:
        fix = "Ask whoever runs the database for the role bioql_viewer, bioql_operator or bioql_admin."
        return OperatorError("You may not read this ledger.", fix=fix, code="db.right_missing")
    what = "The database refused it: you may not do this. Nothing was changed."
    above = [role for role in Role if role.rank > rights.role.rank]
    if above:
        return right_missing(what, above[0], rights)
    return OperatorError(what, fix=ask_for(Role.ADMIN, rights.user), code="db.right_missing")
