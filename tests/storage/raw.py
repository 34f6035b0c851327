"""A look past our own code, straight into the file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def raw(path: Path | None) -> Iterator[sqlite3.Connection]:
    """A plain connection: committed and closed afterwards."""
    with closing(sqlite3.connect(str(path))) as connection, connection:
        yield connection
