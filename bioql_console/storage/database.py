"""Opening a database and running transactions on it."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.pool import ConnectionPoolEntry

from bioql_console.domain.database_address import DatabaseSeen
from bioql_console.domain.errors import OperatorError, Trouble
from bioql_console.domain.rights import EVERYTHING, Rights, Role, ask_for
from bioql_console.storage import migrate, postgresql, roles, sqlite_file
from bioql_console.storage.change_feed import ChangeFeed, FileFeed, Heard, Noted
from bioql_console.storage.change_notes import ChangeNotes
from bioql_console.storage.failures import explained
from bioql_console.storage.trouble import TroubleWatch
from bioql_console.storage.unit_of_work import UnitOfWork

BUSY_TIMEOUT_MS = 5_000


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def look(url: str, password: str | None) -> DatabaseSeen:
    """What is at an address; connects for it and leaves again.

    Raises:
        OperatorError: `db.*`.
    """
    database = Database(url, lambda: 0, password)
    try:
        return database.look()
    finally:
        database.close()


class Database:
    """One ledger. Safe to use from several threads: each transaction takes a connection of its own.

    Args:
        url: SQLAlchemy URL; SQLite or PostgreSQL (`postgresql+psycopg://…`).
        now_ms: The clock for what the database records of itself.
        password: The server's, where the address does not say it; None leaves it to libpq's own ways.

    Raises:
        OperatorError: `db.url_invalid`.
    """

    def __init__(self, url: str, now_ms: Callable[[], int], password: str | None = None) -> None:
        self.url = postgresql.parsed(url)
        self._now_ms = now_ms
        self.troubles = TroubleWatch(now_ms)
        self._file: sqlite_file.Identity | None = None
        self._link: postgresql.Link | None = None
        self._engine = (
            _sqlite_engine(self.url) if self._is_sqlite else postgresql.make_engine(self.url, password, self._connected)
        )
        if self._is_sqlite:
            event.listen(self._engine, "do_connect", self._before_connecting)
        self._notes = ChangeNotes(self._engine, uuid.uuid4().hex)
        self.on_breach: Callable[[], None] = lambda: None
        """Called after a transaction was refused because it would have left the books broken."""

    def _connected(self, link: postgresql.Link) -> None:
        self._link = link

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing can be written, and since when; None while the last write went well."""
        return self.troubles.trouble

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

    @property
    def rights(self) -> Rights:
        """What the database lets us do, as it said when it was last asked; before the first time, nothing but read."""
        if self._is_sqlite:
            return EVERYTHING
        return self._rights() or Rights(Role.VIEWER, self.url.username or "")

    @property
    def encrypted(self) -> bool | None:
        """Whether the network reads along; None where there is none between, or nothing is connected yet."""
        return self._link.encrypted if self._link else None

    def _rights(self) -> Rights | None:
        return self._link.rights if self._link else None

    def _ask_for_rights(self) -> None:
        """Ask anew: tables may have been made, and roles granted, since the connection was."""
        if self._is_sqlite:
            return
        with self._engine.connect() as connection:
            found = roles.rights_from(tuple(connection.execute(text(roles.ASK)).one()))
        if self._link is not None:
            self._link = replace(self._link, rights=found)
        if found is None:
            raise OperatorError(
                "You may not read this ledger.",
                fix=ask_for(Role.VIEWER, self.url.username or "you"),
                code="db.right_missing",
            )

    @property
    def shown_url(self) -> str:
        """The address without a password."""
        return self.url.set(password=None).render_as_string(hide_password=False)

    def open(self, backups: Path) -> None:
        """Create or upgrade the schema; the old file is copied to `backups` first.

        Raises:
            OperatorError: `db.too_new`, `db.corrupt`, `db.read_only`, `db.missing`, … Nothing is changed then.
        """
        if self.path is not None:
            sqlite_file.prepare(self.path)
        with self._explained():
            migrate.upgrade(self._engine, self.path, backups, self._now_ms())
            if self.path is not None:
                _write_ahead(self._engine)
                self._file = sqlite_file.identity(self.path)
            self._ask_for_rights()

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
        with self._explained():
            migrate.require_current(self._engine)
            self._file = sqlite_file.identity(self.path) if self.path is not None else None
            self._ask_for_rights()

    def look(self) -> DatabaseSeen:
        """What is at the address. Changes nothing.

        Raises:
            OperatorError: `db.*`: what is in the way.
        """
        with self._explained(), self._engine.connect() as connection:
            standing = migrate.standing(connection)
        server = self._link.server if self._link else "SQLite"
        return DatabaseSeen(server, self.encrypted, standing, self._rights())

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
            yield UnitOfWork(connection, self._now_ms, self._notes)

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """A transaction that holds the write lock from its start. Leaving without `commit()` undoes everything.

        Raises:
            OperatorError: `db.right_missing` before anything else is done, for who may only read.
        """
        if not self.rights.may(Role.OPERATOR):
            with self._explained():
                self._ask_for_rights()  # the role may have been granted in the meantime
            self.rights.require(Role.OPERATOR)
        with self.troubles.writing() as watched, self._same_file(), self._transaction(write=True) as connection:
            yield watched(UnitOfWork(connection, self._now_ms, self._notes, self.on_breach))

    def _before_connecting(self, *_: object) -> None:
        """SQLite would make an empty file where ours is gone."""
        if self.path is not None:
            sqlite_file.require_same(self.path, self._file)

    @contextmanager
    def _same_file(self) -> Iterator[None]:
        """What was committed counts only if the file was still in its place afterwards."""
        if self.path is not None:
            sqlite_file.require_same(self.path, self._file)
        yield
        if self.path is not None:
            sqlite_file.require_same(self.path, self._file)

    def try_writing(self) -> None:
        """Write what changes nothing, to see whether `trouble` is over. Raises OperatorError `db.*`."""
        with self.write() as work:
            work.touch()
            work.commit()

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Connection]:
        with self._explained(), self._engine.connect() as connection:
            connection.execution_options(bioql_write=write, bioql_written=set())
            if not write and not self._is_sqlite:
                # Else every statement would see a later state than the one before it.
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    def _explained(self) -> AbstractContextManager[None]:
        return explained(self.words, self._rights)

    def feed(self, heard: Heard, noted: Noted) -> ChangeFeed:
        """What tells of the changes that other processes make; start it, and stop it before closing."""
        if self.path is not None:
            return FileFeed(self.path, self._notes, heard)
        from bioql_console.storage.server_feed import ServerFeed  # with its driver, which SQLite does not need

        return ServerFeed(self._engine, self._notes, heard, noted)

    def close(self) -> None:
        self._engine.dispose()


def _sqlite_engine(url: URL) -> Engine:
    # Parameters hold names, e-mails and key hashes; they have no place in an error's text.
    engine = create_engine(url, hide_parameters=True)
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
