"""Opening a database and running transactions on it."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from bioql_console.domain.backups import Made, Progress, Reason
from bioql_console.domain.database_address import DatabaseSeen
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import Trouble
from bioql_console.domain.rights import EVERYTHING, Rights, Role
from bioql_console.storage import (
    alone,
    backing_up,
    migrate,
    moves,
    postgresql,
    roles,
    sqlite_engine,
    sqlite_file,
)
from bioql_console.storage.access import Access
from bioql_console.storage.belonging import claim, environment_of, require_ours
from bioql_console.storage.change_feed import ChangeFeed, FileFeed, Heard, Noted
from bioql_console.storage.change_notes import ChangeNotes
from bioql_console.storage.failures import explained
from bioql_console.storage.sqlite_copy import never, silent
from bioql_console.storage.standing import Standing, standing_of
from bioql_console.storage.trouble import TroubleWatch
from bioql_console.storage.unit_of_work import UnitOfWork


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
        self._is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database) if self._is_sqlite and self.url.database else None
        """The SQLite file, None for PostgreSQL."""
        self.environment: Environment | None = None
        """Whose ledger it shall be; None where nobody said, which opens any."""
        self._now_ms = now_ms
        self.troubles = TroubleWatch(now_ms)
        self._file: sqlite_file.Identity | None = None
        self._turn = threading.Lock()
        self._access = Access(self.url.username or "")
        if self._is_sqlite:
            self._engine = sqlite_engine.make_engine(self.url, self._require_file)
            # What is in memory only, one engine has.
            self._readers = self._engine
            if self.path:
                self._readers = sqlite_engine.make_engine(self.url, self._require_file, only_reads=True)
        else:
            self._engine = self._readers = postgresql.make_engine(self.url, password, self._access.connected)
        self._notes = ChangeNotes(self._engine, uuid.uuid4().hex)
        self.on_breach: Callable[[], None] = lambda: None
        """Called after a transaction was refused because it would have left the books broken."""

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing can be written, and since when; None while the last write went well."""
        return self.troubles.trouble

    @property
    def shared(self) -> bool:
        """Whether it is the team's server, at which other processes work too."""
        return not self._is_sqlite

    @property
    def words(self) -> str:
        """Kind and place, without a password, for the status bar."""
        return "SQLite" if self._is_sqlite else postgresql.words_of(self.url)

    @property
    def rights(self) -> Rights:
        """What the database lets us do, as it said when it was last asked; before the first time, nothing but read."""
        if self._is_sqlite:
            return EVERYTHING
        return self._access.rights() or Rights(Role.VIEWER, self.url.username or "")

    @property
    def encrypted(self) -> bool | None:
        """Whether the network reads along; None where there is none between, or nothing is connected yet."""
        return self._access.encrypted

    def ask_for_rights(self) -> None:
        """Ask anew: tables may have been made, roles granted or taken away since. Raises OperatorError `db.*`."""
        if not self._is_sqlite:
            with self._explained():
                self._access.ask(self._engine)

    @property
    def shown_url(self) -> str:
        """The address without a password."""
        return self.url.set(password=None).render_as_string(hide_password=False)

    def open(self, backups: Path | None, *, also_moved: bool = False) -> None:
        """Create or upgrade the schema; before an upgrade a backup goes to the folder `backups`, if there is one.

        Args:
            also_moved: Open a ledger that was moved elsewhere, too.

        Raises:
            OperatorError: `db.*`, `backup.*`. Nothing is changed then.
        """
        if self.path is not None:
            sqlite_file.prepare(self.path)

        def back_up(schema: str) -> None:
            if backups is not None:
                self._back_up(backups, schema, reason=Reason.UPGRADE)

        with self._explained():
            require_ours(self._engine, self.environment)
            migrate.upgrade(self._engine, back_up)
            if self.path is not None:
                sqlite_engine.write_ahead(self._engine)
                self._file = sqlite_file.identity(self.path)
            self.ask_for_rights()
            if not also_moved:
                moves.refuse_moved(self._engine)
            claim(self._engine, self.environment, self.rights, self._now_ms())

    def open_existing(self) -> None:
        """For commands that only read: the database must be there and of this version.

        Raises:
            OperatorError: as `open`, and `db.absent` when there is none.
        """
        if self.path is not None:
            sqlite_file.require_whole(self.path)
        with self._explained():
            require_ours(self._engine, self.environment)
            migrate.require_current(self._engine)
            self._file = sqlite_file.identity(self.path) if self.path is not None else None
            self.ask_for_rights()

    def look(self) -> DatabaseSeen:
        """What is at the address. Changes nothing.

        Raises:
            OperatorError: `db.*`: what is in the way.
        """
        with self._explained(), self._engine.connect() as connection:
            standing, environment = migrate.standing(connection), environment_of(connection)
        return DatabaseSeen(self._access.server, self.encrypted, standing, self._access.rights(), environment)

    def back_up(
        self,
        target: Path,
        *,
        reason: Reason = Reason.HAND,
        verify: bool = False,
        progress: Progress = silent,
        cancelled: Callable[[], bool] = never,
    ) -> Made:
        """Write a backup of the ledger as it was last committed, while others go on reading and writing.

        Args:
            target: A folder, or the file.
            verify: Whether to recompute the books in it.

        Raises:
            OperatorError: `db.backup_failed`, `backup.*`.
        """
        with self._explained():
            schema = self.standing().schema or migrate.HEAD
            # Only books of this version's schema can be recomputed.
            verify = verify and schema == migrate.HEAD
            asked = {"verify": verify, "reason": reason, "progress": progress, "cancelled": cancelled}
            return self._back_up(target, schema, **asked)

    def _back_up(self, target: Path, schema: str, **asked: Any) -> Made:
        order = backing_up.Order(target, self.environment, schema, self._now_ms(), **asked)
        return backing_up.back_up(self._engine, self.path, order)

    @contextmanager
    def alone(self) -> Iterator[tuple[Connection, Callable[[Connection], UnitOfWork]]]:
        """A transaction in which nobody else has the ledger open, and what makes the repositories that work in it.

        Raises:
            OperatorError: `db.in_use`, `db.right_missing`, …
        """
        with self._explained():
            if self.path is None:
                roles.make_roles(self._engine)
        self.close()
        if self.path is not None:
            alone.fold_log(self.path)
        with self._explained(), self._engine.connect() as connection:
            alone.take(connection, self.words)
            yield connection, lambda over: UnitOfWork(over, self._now_ms, self._notes, self.on_breach)

    def standing(self) -> Standing:
        """What is here, of whatever version, without changing it.

        Raises:
            OperatorError: `db.foreign`, `db.corrupt`, `db.empty`, `db.unreachable`, …
        """
        if self.path is not None:
            if not self.path.exists():
                return Standing(None, True, {})
            sqlite_file.refuse_cut_off(self.path)
        with explained(self.words), self._engine.connect() as connection:
            return standing_of(connection)

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
            self.ask_for_rights()  # the role may have been granted in the meantime
            self.rights.require(Role.OPERATOR)
        with self.troubles.writing() as watched, self._in_turn(), self._transaction(write=True) as connection:
            yield watched(UnitOfWork(connection, self._now_ms, self._notes, self.on_breach))

    def _require_file(self, *_: object) -> None:
        if self.path:
            sqlite_file.require_same(self.path, self._file)

    def _in_turn(self) -> AbstractContextManager[None]:
        """What was committed counts only if the file was still in its place afterwards."""
        if self.path is None:
            return nullcontext()
        return sqlite_engine.in_turn(self._turn, self._require_file, self.words)

    def try_writing(self) -> None:
        """Write what changes nothing, to see whether `trouble` is over. Raises OperatorError `db.*`."""
        with self.write() as work:
            work.touch()
            work.commit()

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Connection]:
        with self._explained(), (self._engine if write else self._readers).connect() as connection:
            connection.execution_options(bioql_write=write, bioql_written=set())
            if not write and not self._is_sqlite:
                # Else every statement would see a later state than the one before it.
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    def _explained(self) -> AbstractContextManager[None]:
        return explained(self.words, self._access.rights)

    def feed(self, heard: Heard, noted: Noted) -> ChangeFeed:
        """What tells of the changes that other processes make; start it, and stop it before closing."""
        if self.path is not None:
            return FileFeed(self.path, self._notes, heard)
        from bioql_console.storage.server_feed import ServerFeed  # with its driver, which SQLite does not need

        return ServerFeed(self._engine, self._notes, heard, noted)

    def close(self) -> None:
        self._engine.dispose()
        self._readers.dispose()
