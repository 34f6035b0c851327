"""How a SQLite file is talked to: transactions that we begin ourselves, and readers that wait for nobody."""

import sqlite3
from contextlib import closing

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 5_000


def make_engine(url: URL) -> Engine:
    # Parameters hold names, e-mails and key hashes; they have no place in an error's text.
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _on_connect)
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


def _on_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    write = options.get("bioql_write", False)
    connection.exec_driver_sql(f"PRAGMA query_only = {int(not write)}")
    connection.exec_driver_sql(
        "BEGIN EXCLUSIVE" if options.get("bioql_alone") else "BEGIN IMMEDIATE" if write else "BEGIN"
    )


def write_ahead(engine: Engine) -> None:
    """Let readers and the writer work side by side. The file remembers; a restored copy may not."""
    with closing(engine.raw_connection()) as raw, closing(raw.cursor()) as cursor:
        cursor.execute("PRAGMA query_only = 0")
        cursor.execute("PRAGMA journal_mode = WAL")
