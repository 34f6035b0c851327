"""Many rows at once, as fast as each database takes them. Values go to the driver as they are."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Table, text

# Index pages that fit here are written once instead of once a batch.
CACHE_KIB = 65_536


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert rows whose values are in the order of `columns`."""
    if not rows:
        return
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        driver = connection.connection.cursor()
        with driver, driver.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:  # type: ignore[attr-defined]
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(columns))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(rows))


def reserve_ids(connection: Connection, table: Table, count: int) -> Iterable[int]:
    """Ids that nobody else gets, ascending, for rows about to be inserted in this transaction."""
    if connection.dialect.name == "postgresql":
        (key,) = table.primary_key
        serial = f"pg_get_serial_sequence('{table.name}', '{key.name}')"
        sequence = f"SELECT nextval({serial}) FROM generate_series(1, :count)"
        return sorted(connection.execute(text(sequence), {"count": count}).scalars())
    # The write lock is ours, so nobody else can be counting.
    highest = connection.execute(text(f"SELECT coalesce(max(id), 0) FROM {table.name}")).scalar_one()
    return range(highest + 1, highest + 1 + count)


@contextmanager
def wide_cache(connection: Connection) -> Iterator[None]:
    """Let SQLite keep more of the file in memory; PostgreSQL sees to itself."""
    if connection.dialect.name != "sqlite":
        yield
        return
    usual = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIB}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {usual}")
