"""A long question that can be stopped."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from bioql_console.domain.ageing import Cancelled

# Of SQLite's virtual machine; some milliseconds.
STEPS = 100_000


@contextmanager
def interruptible(connection: Connection, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Let SQLite ask now and then whether its answer is still wanted. PostgreSQL works on its own machine.

    Raises:
        Cancelled: it was not.
    """
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        yield
        return
    raw.set_progress_handler(cancelled, STEPS)
    try:
        yield
    except OperationalError as error:
        if cancelled():
            raise Cancelled from error
        raise
    finally:
        raw.set_progress_handler(None, 0)
