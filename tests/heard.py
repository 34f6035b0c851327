"""What SQLite is told, as it hears it: every statement with its values, however it was sent."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from bioql_console.storage.database import Database


@contextmanager
def heard(database: Database) -> Iterator[list[str]]:
    """The statements that a database's own connections send meanwhile."""
    said: list[str] = []

    def follow(raw: sqlite3.Connection, *_: object) -> None:
        raw.set_trace_callback(said.append)

    engines = (database._engine, database._readers)
    for engine in engines:
        engine.dispose()  # so that connections are made anew
        event.listen(engine, "connect", follow)
    try:
        yield said
    finally:
        for engine in engines:
            event.remove(engine, "connect", follow)
            engine.dispose()
