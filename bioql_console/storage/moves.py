"""When this ledger was moved, and whether it is still here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select

from bioql_console.domain.errors import OperatorError
from bioql_console.storage.move_tables import moves
from bioql_console.storage.statements import insert

AWAY, HERE = "away", "here"


@dataclass(frozen=True, slots=True)
class Move:
    """One move.

    Args:
        way: `AWAY` or `HERE`.
        place: Where to, or where from: an address without a password.
        checksum: Over everything that was moved.
    """

    way: str
    place: str
    checksum: str
    at_ms: int


class Moves:
    """The moves of one ledger."""

    def __init__(self, connection: Connection, now_ms: Callable[[], int]) -> None:
        self._connection = connection
        self._now_ms = now_ms

    def add(self, way: str, place: str, checksum: str, operator: str) -> None:
        values = {"way": way, "place": place, "checksum": checksum, "at_ms": self._now_ms(), "operator": operator}
        self._connection.execute(insert(self._connection, moves).values(**values))

    def newest(self) -> Move | None:
        return newest(self._connection)

    def stay(self, backup: str, operator: str) -> None:
        """Whoever restores a backup says that the ledger is here, whatever its newest row says."""
        found = self.newest()
        if found is not None and found.way == AWAY:
            self.add(HERE, backup, "", operator)


def newest(connection: Connection) -> Move | None:
    """The move that counts; None when there never was one."""
    columns = (moves.c.way, moves.c.place, moves.c.checksum, moves.c.at_ms)
    row = connection.execute(select(*columns).order_by(moves.c.id.desc()).limit(1)).one_or_none()
    return Move(*row) if row else None


def refuse_moved(engine: Engine) -> None:
    """Raises OperatorError `db.moved_away` for a ledger that is somewhere else now."""
    with engine.connect() as connection:
        found = newest(connection)
    if found is not None and found.way == AWAY:
        raise moved_away(found)


def moved_away(move: Move) -> OperatorError:
    return OperatorError(
        f"This ledger was moved to {move.place} on {datetime.fromtimestamp(move.at_ms / 1000, UTC):%Y-%m-%d}; "
        "nothing is written here any more.",
        fix="Press Database… in the window and name that one; a server gets it by --database.",
        code="db.moved_away",
    )
