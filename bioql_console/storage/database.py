"""Opening a database and running transactions on it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from bioql_console.domain.errors import OperatorError
from bioql_console.storage import migrate, sqlite_file
from bioql_console.storage.failures import explained
from bioql_console.storage.unit_of_work import UnitOfWork

BUSY_TIMEOUT_MS = 5_000


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


class Database:
    """One ledger. Safe to use from several threads: each transaction takes a connection of its own.

    Args:
        url: SQLAlchemy URL; SQLite or PostgreSQL (`postgresql+psycopg://…`).
        now_ms: The clock for what the database records of itself.
    """

    def __init__(self, url: str, now_ms: Callable[[], int]) -> None:
        self.url = make_url(url)
        self._now_ms = now_ms
        self._engine = _engine(url)

    @property
    def path(self) -> Path | None:
        """The SQLite file, None for PostgreSQL."""
        return Path(self.url.database) if self._is_sqlite and self.url.database else None

    @property
    def _is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def shared(self) -> bool:
        """Whether it is the team's server, at which other processes work too."""
        return not self._is_sqlite

    @property
    def words(self) -> str:
        """Kind and place, without a password, for the status bar."""
        return "SQLite" if self._is_sqlite else f"PostgreSQL · {self.url.host or 'local'}/{self.url.database}"

    def open(self, backups: Path) -> None:
        """Create or upgrade the schema; the old file is copied to `backups` first.

        Raises:
            OperatorError: `db.too_new`, `db.corrupt`, `db.read_only`, `db.missing`, … Nothing is changed then.
        """
        if self.path is not None:
            sqlite_file.prepare(self.path)
        with explained(self.words):
            migrate.upgrade(self._engine, self.path, backups, self._now_ms())
            if self.path is not None:
                _write_ahead(self._engine)

    def open_existing(self) -> None:
        """For commands that only read: the database must be there and of this version.

        Raises:
            OperatorError: as `open`, and `db.absent` when there is none.
        """
        if self.path is not None and not self.path.exists():
            raise OperatorError(
                f"There is no database at {self.path}.",
                fix="Start the console or `serve` once, or name another --data-dir.",
                code="db.absent",
            )
        if self.path is not None:
            sqlite_file.refuse_cut_off(self.path)
        with explained(self.words):
            migrate.require_current(self._engine)

    def back_up(self, folder: Path) -> Path | None:
        """Copy the file into a folder, as it was last committed; None for PostgreSQL, which has its own tools.

        Raises:
            OperatorError: `db.backup_failed`.
        """
        if self.path is None:
            return None
        try:
            return migrate.back_up(self.path, folder, migrate.HEAD, self._now_ms())
        except (OSError, sqlite3.Error) as error:
            raise OperatorError(
                f"The database can't be copied to {folder}; nothing was changed.",
                fix="Check that the folder is yours and that the disk has space, then retry.",
                code="db.backup_failed",
            ) from error

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """A consistent snapshot; waits for no writer, and can't write."""
        with self._transaction(write=False) as connection:
            yield UnitOfWork(connection, self._now_ms)

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """A transaction that holds the write lock from its start. Leaving without `commit()` undoes everything."""
        with self._transaction(write=True) as connection:
            yield UnitOfWork(connection, self._now_ms)

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Connection]:
        with explained(self.words), self._engine.connect() as connection:
            connection.execution_options(bioql_write=write)
            if not write and not self._is_sqlite:
                # Else every statement would see a later state than the one before it.
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    def close(self) -> None:
        self._engine.dispose()


def _engine(url: str) -> Engine:
    # Parameters hold names, e-mails and key hashes; they have no place in an error's text.
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(raw: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver's own transactions start late and leave DDL outside; we begin ourselves.
    # Nothing here writes to the file: it may turn out to be somebody else's.
    raw.isolation_level = None
    cursor = raw.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("bioql_write", False)
    connection.exec_driver_sql(f"PRAGMA query_only = {int(not write)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _write_ahead(engine: Engine) -> None:
    """Let readers and the writer work side by side. The file remembers; a restored copy may not."""
    with closing(engine.raw_connection()) as raw, closing(raw.cursor()) as cursor:
        cursor.execute("PRAGMA query_only = 0")
        cursor.execute("PRAGMA journal_mode = WAL")
