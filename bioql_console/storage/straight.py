"""Statements that go straight to the driver.

SQLAlchemy wraps what comes back, which for the small statements that every transaction begins and ends with takes
several times as long as they do.
"""

from typing import Any

from sqlalchemy import Connection


def send(connection: Connection, statement: str, values: Any = (), *, many: bool = False) -> Any:
    """The driver's cursor after a statement. Begins no transaction.

    Raises:
        sqlalchemy.exc.DBAPIError: as SQLAlchemy would; a dead connection leaves the pool.
    """
    cursor = connection.connection.cursor()
    try:
        (cursor.executemany if many else cursor.execute)(statement, values)
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, statement, values, cursor, None)
    return cursor
