"""SQL that both databases spell differently."""

from typing import Any

from sqlalchemy import Connection, Table, literal_column

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.users import storable


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT. Typed loosely because the two dialects share no base for it."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # a ledger in a file needs none of it

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def search_term(text: str) -> str:
    """What of a text can be looked for: without what no database takes (null bytes, halves of letters)."""
    return "".join(letter for letter in text if storable(letter)).strip()


def like_literal(text: str) -> str:
    r"""`text` as a LIKE pattern that finds it anywhere, with `\` as escape character."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def utc_day(at_ms: Any) -> Any:
    """The start of a moment's UTC day, in ms.

    The length of a day is written out, since PostgreSQL takes two parameters of one value for two different groups.
    """
    return at_ms - at_ms % literal_column(str(DAY_MS))
