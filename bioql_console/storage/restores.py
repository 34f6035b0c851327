"""When this ledger was restored from a backup."""

from collections.abc import Callable

from sqlalchemy import Connection, func, select

from bioql_console.storage.restore_tables import restores
from bioql_console.storage.statements import insert
from bioql_console.storage.tables import activity, inbox


class Restores:
    """The restores of one ledger."""

    def __init__(self, connection: Connection, now_ms: Callable[[], int]) -> None:
        self._connection = connection
        self._now_ms = now_ms

    def add(self, file: str, made_ms: int, operator: str) -> None:
        """Note that the ledger is as it was at `made_ms`."""
        values = {"file": file, "made_ms": made_ms, "restored_ms": self._now_ms(), "operator": operator}
        self._connection.execute(insert(self._connection, restores).values(**values))

    def newest_ms(self) -> int:
        """When something was last written down, for a backup whose name does not tell when it was made."""
        times = (select(func.max(activity.c.at_ms)), select(func.max(inbox.c.received_ms)))
        return max(self._connection.execute(each).scalar() or 0 for each in times)

    def lost(self, at_ms: int, about_ms: int) -> bool:
        """Whether what happened then, or up to `about_ms` sooner or later, may be missing here because of a restore."""
        found = select(restores.c.id).where(
            restores.c.made_ms <= at_ms + about_ms, restores.c.restored_ms >= at_ms - about_ms
        )
        return self._connection.execute(found.limit(1)).scalar() is not None
