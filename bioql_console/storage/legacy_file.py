"""A `users.db` of BioQL's first server, read without leaving a trace on it.

A file without a write-ahead log is opened read-only; with one, a private copy of both is read, since SQLite would write
beside the log to read it. The file may be older than any we know: columns and tables that are not there read as NULL.
"""

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.legacy import fold_address, text_of
from bioql_console.storage.sqlite_file import MAGIC

TABLES = {
    "users": (
        *("email", "name", "api_key", "tier", "balance"),
        *("stripe_customer_id", "stripe_subscription_id", "created_at", "last_used"),
    ),
    "usage_logs": ("backend", "usage_type", "shots", "cost", "timestamp"),
    "monthly_quotas": ("month", "total_cost", "stripe_reported_amount"),
    "stripe_invoices": (
        *("stripe_invoice_id", "stripe_customer_id", "amount", "status"),
        *("invoice_pdf", "created_at", "paid_at"),
    ),
    "support_tickets": ("ticket_id", "priority", "subject", "message", "status", "created_at", "resolved_at"),
}
BUSY_S = 2.0
SORTER_KIB = 4_096
LegacyRow = tuple[Any, ...]


class LegacyFile:
    """An open `users.db`. Rows come as tuples: owner, row id, then the columns of TABLES in their order.

    The owner is the user's id, or None where that is no whole number. Rows are in order of owner, then row id, so that
    one walk through each table meets the users in the order of another.
    """

    def __init__(self, connection: sqlite3.Connection, name: str, sha256: str) -> None:
        self._connection = connection
        self._columns = {table: _columns(connection, table) for table in TABLES}
        self.name, self.sha256 = name, sha256

    def has(self, table: str, column: str) -> bool:
        return column in self._columns[table]

    def missing(self) -> list[str]:
        """What a full file has and this one has not: tables, and columns as "table.column"."""
        lacking = []
        for table, expected in TABLES.items():
            present = self._columns[table]
            wanted = expected if table == "users" else ("user_id", *expected)
            lacking += [f"{table}.{name}" for name in wanted if name not in present] if present else [table]
        return lacking

    def count_rows(self) -> int:
        """Of all tables together."""
        present = [table for table, columns in self._columns.items() if columns]
        return sum(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in present)

    def rows(self, table: str) -> Iterator[LegacyRow]:
        """Every row; none where the table is missing."""
        if not self._columns[table]:
            return iter(())
        columns = ", ".join(name if self.has(table, name) else "NULL" for name in TABLES[table])
        row = self._row(table)
        owner = _whole("id" if table == "users" else "user_id" if self.has(table, "user_id") else "NULL")
        return self._connection.execute(f"SELECT {owner}, {row}, {columns} FROM {table} ORDER BY 1, 2")

    def _row(self, table: str) -> str:
        return "id" if self.has(table, "id") else "rowid"

    def highest_id(self, at_most: int) -> int:
        """The highest user id up to a bound; 0 when there is none."""
        whole = _whole("id")
        found = self._connection.execute(f"SELECT max({whole}) FROM users WHERE {whole} <= ?", (at_most,)).fetchone()
        return found[0] or 0

    def repeated_ids(self) -> list[int]:
        """User ids that more than one row has; then nobody knows whose the other tables' rows are."""
        whole = _whole("id")
        found = self._connection.execute(
            f"SELECT {whole} FROM users WHERE {whole} IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
        )
        return [row[0] for row in found]

    def repeated(self, table: str, column: str) -> dict[str, int | str]:
        """Values that stand in more than one row, each with the first of these rows."""
        if not self.has(table, column):
            return {}
        # Keys count to the letter; of everything else the spelling in which we keep it.
        value = {"email": "fold_address(email)", "api_key": "api_key"}.get(column, f"plain_text({column})")
        condition = f"{column} IS NOT NULL AND {value} != ''"
        if table == "users":
            condition += f" AND {_whole('id')} IS NOT NULL"
        found = self._connection.execute(
            f"SELECT {value}, min({self._row(table)}) FROM {table} WHERE {condition} GROUP BY 1 HAVING count(*) > 1"
        )
        return {str(row[0]): row[1] for row in found}

    def addresses(self, ids: Sequence[int]) -> dict[int, str]:
        """The e-mail addresses, in their one spelling, of some users."""
        marks = ", ".join("?" * len(ids))
        whole = _whole("id")
        found = self._connection.execute(f"SELECT {whole}, email FROM users WHERE {whole} IN ({marks})", ids)
        return {row[0]: fold_address(row[1]) for row in found}


def _whole(column: str) -> str:
    """SQL for a whole number, however it was written down; NULL for anything else."""
    return (
        f"CASE WHEN CAST({column} AS TEXT) = CAST(CAST({column} AS INTEGER) AS TEXT) THEN CAST({column} AS INTEGER) END"
    )


def _columns(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    return frozenset(str(row[1]).lower() for row in connection.execute(f"PRAGMA table_info({table})"))


@contextmanager
def open_legacy(path: Path) -> Iterator[LegacyFile]:
    """Open a `users.db` for reading.

    Raises:
        OperatorError: `import.*`, also while it is read: absent, locked, damaged, no BioQL database, changed meanwhile.
    """
    with ExitStack() as stack:
        try:
            with _there(path):
                before, sha256, uri = _state(path), _sha256(path), _readable(path, stack)
            connection = stack.enter_context(closing(_connect(uri)))
            _refuse_damaged(connection)
            _refuse_foreign(connection, path.name)
            yield LegacyFile(connection, path.name, sha256)
        except sqlite3.Error as error:
            # The ledger's own troubles come as errors of SQLAlchemy's; these are the file's.
            raise _explained(path.name, error) from error
        with _there(path):
            changed = _state(path) != before
        if changed:
            raise OperatorError(
                f"{path.name} was changed while it was read; nothing was brought in.",
                fix="Stop the old server, then import again.",
                code="import.source_changed",
            )


@contextmanager
def _there(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise OperatorError(
            f"There is no file {path}.", fix="Give the path of the old server's users.db.", code="import.source_absent"
        ) from error
    except OSError as error:
        raise OperatorError(
            f"{path.name} can't be read: {error.strerror}.",
            fix="Check that it is a file and that you may read it.",
            code="import.source_unreadable",
        ) from error


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _state(path: Path) -> list[tuple[int, int] | None]:
    """Size and time of the file and of its log; a log without content is none."""
    found: list[tuple[int, int] | None] = []
    for each in (path, _log(path)):
        exists = each == path or each.exists()
        status = each.stat() if exists else None
        found.append((status.st_size, status.st_mtime_ns) if status and status.st_size else None)
    return found


def _readable(path: Path, stack: ExitStack) -> str:
    """The URI by which SQLite reads the file and writes nothing."""
    with path.open("rb") as file:
        header = file.read(100)
    page_bytes = int.from_bytes(header[16:18], "big")
    # SQLite takes the missing end of a last page for zeros. (A page size of 1 stands for 65,536.)
    if not header.startswith(MAGIC) or path.stat().st_size % (65_536 if page_bytes == 1 else page_bytes or 1):
        raise sqlite3.DatabaseError("file is not a database")
    if _state(path)[1] is not None:
        # It holds API keys in plain: the folder is ours alone and goes when we are done.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bioql-import-")))
        for each in (path, _log(path)):
            _copy(each, folder / each.name)
        return f"file:{quote(str(folder / path.name))}?mode=rw"
    # In WAL mode without a log everything is in the file; `immutable` keeps SQLite from starting a log.
    write_ahead = header[18:20] == b"\x02\x02"
    return f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if write_ahead else ''}"


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, os.fdopen(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as written:
        while block := read.read(1 << 20):
            written.write(block)


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    # Old clients wrote what they liked; a name that is no UTF-8 must not keep everybody out.
    connection.text_factory = _decoded
    connection.create_function("fold_address", 1, fold_address, deterministic=True)
    connection.create_function("plain_text", 1, text_of, deterministic=True)
    connection.execute(f"PRAGMA cache_size = -{SORTER_KIB}")
    connection.execute("PRAGMA query_only = 1")
    connection.execute("BEGIN")
    return connection


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _refuse_damaged(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found and found[0] != "ok":
        raise sqlite3.DatabaseError("malformed")


def _refuse_foreign(connection: sqlite3.Connection, name: str) -> None:
    tables = {str(row[0]).lower() for row in connection.execute("SELECT name FROM sqlite_master")}
    if {"journal_entries", "alembic_version"} <= tables:
        raise OperatorError(
            f"{name} is a ledger of this console, not a database of the old BioQL server.",
            fix="Give the old server's users.db; to use another ledger, name it with --database.",
            code="import.own_ledger",
        )
    if not {"id", "email"} <= _columns(connection, "users"):
        raise OperatorError(
            f"{name} is a database, but not one of BioQL: it has no table `users` with `id` and `email`.",
            fix="Give the old server's users.db.",
            code="import.foreign",
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for each in (path, _log(path)):
        if each.exists():
            with each.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def _explained(name: str, error: sqlite3.Error) -> OperatorError:
    words = str(error).lower()
    if "locked" in words or "busy" in words:
        return OperatorError(
            f"{name} is locked by another program.",
            fix="Stop the old server, then import again.",
            code="import.source_locked",
        )
    if "readonly" in words:
        return OperatorError(
            f"{name} holds a change that was not finished when its server stopped.",
            fix="Start and stop the old server once so that it finishes, then import again.",
            code="import.source_unfinished",
        )
    return OperatorError(
        f"{name} is damaged or no SQLite database.",
        fix="Take the newest sound copy of users.db, and import that.",
        code="import.source_damaged",
    )
