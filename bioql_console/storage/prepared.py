"""Statements that are made once, and go straight to the driver from then on.

SQLAlchemy makes, hashes and looks up a statement each time that it is executed, and wraps what comes back. For a page
of the window that is nothing; for the twenty small questions about one event it is nine tenths of the time.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Column, ColumnElement, Connection, String, bindparam, func, select
from sqlalchemy.sql.dml import UpdateBase

from bioql_console.storage.change_notes import written
from bioql_console.storage.straight import send


class Prepared:
    """A statement with named parameters, for either database.

    Args:
        make: The statement, for the database of a connection.
        sets: For INSERT and UPDATE, the columns whose values are parameters of the same name.
    """

    def __init__(self, make: Callable[[Connection], Any], sets: Sequence[str] = ()) -> None:
        self._make = make
        self._sets = sets
        self._made: dict[str, _Made] = {}

    def rows(self, connection: Connection, **values: object) -> list[Any]:
        """Every row, its columns as attributes."""
        made = self._for(connection)
        return [made.row(each) for each in made.execute(connection, values).fetchall()]

    def row(self, connection: Connection, **values: object) -> Any:
        """The one row, or None."""
        made = self._for(connection)
        cursor = made.execute(connection, values)
        found = cursor.fetchall()
        return made.row(found[0]) if found else None

    def scalar(self, connection: Connection, **values: object) -> Any:
        """The first column of the first row, or None."""
        found = self._for(connection).execute(connection, values).fetchall()
        return found[0][0] if found else None

    def run(self, connection: Connection, **values: object) -> int:
        """How many rows it changed."""
        return int(self._for(connection).execute(connection, values).rowcount)

    def _for(self, connection: Connection) -> "_Made":
        name = connection.dialect.name
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = _Made(self._make(connection), self._sets, connection)
        return made


class _Made:
    """The statement as one of the two databases takes it."""

    def __init__(self, statement: Any, sets: Sequence[str], connection: Connection) -> None:
        compiled = statement.compile(
            dialect=connection.dialect, column_keys=sets or None, compile_kwargs={"render_postcompile": True}
        )
        self._sql = compiled.string
        self._defaults = compiled.params
        self._order = compiled.positiontup
        self._table = str(getattr(statement.table, "name", "")) if isinstance(statement, UpdateBase) else None
        columns = [column.key for column in getattr(statement, "selected_columns", ())]
        # Each statement has columns of its own, which no checker can know.
        make_type: Any = namedtuple
        self.row = make_type("Row", columns, rename=True)._make

    def execute(self, connection: Connection, values: dict[str, object]) -> Any:
        if not connection.in_transaction():
            connection.begin()
        if self._table is not None:
            written(connection).add(self._table)
        named = {**self._defaults, **values}
        parameters = named if self._order is None else [_plain(named[name]) for name in self._order]
        return send(connection, self._sql, parameters)


def parameter(name: str) -> Any:
    """A value that is named when the statement is executed; NULL if it is not."""
    return bindparam(name, None)


def _plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, list) else value


def among(connection: Connection, column: Column[Any], name: str) -> ColumnElement[bool]:
    """That a column is one of the values in a list, which is one parameter however many they are."""
    if connection.dialect.name == "postgresql":
        kind = String if isinstance(column.type, String) else BigInteger
        return column == func.any(bindparam(name, None, type_=ARRAY(kind)))
    listed = func.json_each(parameter(name)).table_valued("value")
    return column.in_(select(listed.c.value))
