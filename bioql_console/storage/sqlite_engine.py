"""How a SQLite file is talked to: transactions that we begin ourselves, and readers that wait for nobody."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from bioql_console.domain.errors import OperatorError
from bioql_console.storage.straight import send

# For another program that writes.
BUSY_TIMEOUT_MS = 5_000
# For our own threads that write; they end, and each is quick.
TURN_WITHIN_S = 30.0
WRITES = "bioql_writes"
# What a reader has read it keeps until somebody commits; what it reads again comes from the system's cache then.
READERS_CACHE_KIB = 256


def make_engine(url: URL, require_file: Callable[..., None], *, only_reads: bool = False) -> Engine:
    """Args: require_file: Called before each connecting; SQLite would make an empty file where ours is gone."""
    # Parameters hold names, e-mails and key hashes; they have no place in an error's text.
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "do_connect", require_file)
    event.listen(engine, "connect", _on_connect)
    if only_reads:
        event.listen(engine, "connect", _keep_little)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(raw: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver's own transactions start late and leave DDL outside; we begin ourselves.
    # Nothing here writes to the file: it may turn out to be somebody else's.
    raw.isolation_level = None
    cursor = raw.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _keep_little(raw: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    raw.execute(f"PRAGMA cache_size = -{READERS_CACHE_KIB}").close()


def _on_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    write = options.get("bioql_write", False)
    if connection.info.get(WRITES) is not write:
        # Only when it changes: it makes SQLite forget every statement that it has prepared.
        send(connection, f"PRAGMA query_only = {int(not write)}").close()
        connection.info[WRITES] = write
    begin = "BEGIN EXCLUSIVE" if options.get("bioql_alone") else "BEGIN IMMEDIATE" if write else "BEGIN"
    send(connection, begin).close()


@contextmanager
def in_turn(turn: threading.Lock, require_file: Callable[[], None], words: str) -> Iterator[None]:
    """Our own threads write one after another, and wait for nothing else.

    SQLite has no queue: whoever finds the file locked sleeps and looks again, up to a tenth of a second each time, and
    under load somebody is never lucky. That was told as another program that holds the database.

    Args:
        require_file: Called before and after, in the turn.

    Raises:
        OperatorError: `db.busy`.
    """
    if not turn.acquire(timeout=TURN_WITHIN_S):
        raise OperatorError(f"Too much is being written. ({words})", fix="Retry in a moment.", code="db.busy")
    try:
        require_file()
        yield
        require_file()
    finally:
        turn.release()


def write_ahead(engine: Engine) -> None:
    """Let readers and the writer work side by side. The file remembers; a restored copy may not."""
    with closing(engine.raw_connection()) as raw, closing(raw.cursor()) as cursor:
        cursor.execute("PRAGMA query_only = 0")
        raw.info[WRITES] = True
        cursor.execute("PRAGMA journal_mode = WAL")
