"""Hints of API keys that no user has."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select

from bioql_console.domain.users import RefusedKey
from bioql_console.storage.statements import insert
from bioql_console.storage.tables import refused_keys

# Whoever guesses keys must not fill the disk with them.
MOST_KEPT = 200


class RefusedKeys:
    """The newest ones, counted. Never a key itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, counts: Mapping[str, int], at_ms: int) -> None:
        """Count refusals by hint, and forget the oldest hints."""
        for hint, count in counts.items():
            new = insert(self._connection, refused_keys).values(hint=hint, count=count, first_ms=at_ms, last_ms=at_ms)
            again = {"count": refused_keys.c.count + count, "last_ms": at_ms}
            self._connection.execute(new.on_conflict_do_update(index_elements=["hint"], set_=again))
        newest = select(refused_keys.c.hint).order_by(refused_keys.c.last_ms.desc(), refused_keys.c.hint)
        self._connection.execute(delete(refused_keys).where(refused_keys.c.hint.not_in(newest.limit(MOST_KEPT))))

    def since(self, since_ms: int) -> list[RefusedKey]:
        """Those used since a time, most used first."""
        rows = self._connection.execute(
            select(refused_keys)
            .where(refused_keys.c.last_ms >= since_ms)
            .order_by(refused_keys.c.count.desc(), refused_keys.c.hint)
        )
        return [RefusedKey(row.hint, row._mapping["count"], row.first_ms, row.last_ms) for row in rows]
