"""Whether two databases hold the same ledger: rows and checksum of each table, and what every user owes."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Table, func, select

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import plain_dollars
from bioql_console.storage.tables import balances, metadata

PAGE = 5_000
DIGEST_BYTES = 16

Steps = Callable[[int, str], None]
"""Called with rows done since the last call, and words for what is going on."""


@dataclass(frozen=True, slots=True)
class TableSum:
    """What a table holds.

    Args:
        checksum: Over all rows, in any order.
    """

    name: str
    rows: int
    checksum: str


def pages(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """All rows in the order of their keys, never more than a page of them in memory."""
    asked = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=PAGE)
    with connection.execute(asked) as found:
        for rows in found.partitions():
            yield [tuple(row) for row in rows]


def rows_in_all(connection: Connection) -> int:
    return sum(
        connection.execute(select(func.count()).select_from(table)).scalar_one() for table in metadata.sorted_tables
    )


def sums(connection: Connection, steps: Steps) -> tuple[TableSum, ...]:
    """Of every table."""
    return tuple(_sum(connection, table, steps) for table in metadata.sorted_tables)


def _sum(connection: Connection, table: Table, steps: Steps) -> TableSum:
    words = f"comparing {table.name}"
    steps(0, words)
    count = total = 0
    for rows in pages(connection, table):
        for row in rows:
            digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
            total += int.from_bytes(digest, "big")
        count += len(rows)
        steps(len(rows), words)
    return TableSum(table.name, count, f"{total % 256**DIGEST_BYTES:0{2 * DIGEST_BYTES}x}")


def over_all(tables: tuple[TableSum, ...]) -> str:
    """One checksum of a whole ledger."""
    words = "\n".join(f"{table.name} {table.rows} {table.checksum}" for table in tables)
    return hashlib.sha256(words.encode()).hexdigest()


def same_tables(here: Connection, there: Connection, steps: Steps) -> tuple[TableSum, ...]:
    """Read both, whole. Raises OperatorError `move.differs`."""
    old, new = sums(here, steps), sums(there, steps)
    for ours, theirs in zip(old, new, strict=True):
        if ours != theirs:
            rows = f"{ours.rows:,} rows here, {theirs.rows:,} there"
            raise _differs(f"table {ours.name} ({rows}, checksums {ours.checksum[:8]} and {theirs.checksum[:8]})")
    return old


def same_balances(here: Connection, there: Connection) -> None:
    """What each user owes or has in credit, as both say. Raises OperatorError `move.differs`."""
    columns = (balances.c.user_id, balances.c.receivable_micros, balances.c.credit_micros)
    asked = select(*columns).order_by(balances.c.user_id).execution_options(yield_per=PAGE)
    with here.execute(asked) as ours, there.execute(asked) as theirs:
        for old, new in zip_longest(ours, theirs):
            if old is None or new is None or tuple(old) != tuple(new):
                owed, moved = (plain_dollars(each[1] + each[2]) if each else "nothing" for each in (old, new))
                raise _differs(f"the balance of user {(old or new)[0]} ({owed} here, {moved} there)")


def _differs(what: str) -> OperatorError:
    return OperatorError(
        f"The copy differs from the ledger in {what}; nothing was moved.",
        fix="Move again; if it stays, send this message to the maintainers.",
        code="move.differs",
    )
