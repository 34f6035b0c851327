"""Executed shots and what they cost."""

from datetime import UTC, datetime

from sqlalchemy import Connection, func, or_, select

from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.paging import Cursor, Page
from bioql_console.domain.usage import DailyShots, Usage
from bioql_console.storage.statements import insert, utc_day
from bioql_console.storage.tables import usage


class UsageLog:
    """What users ran."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, record: Usage) -> bool:
        """True if it was stored, False if its `usage_id` had been reported before."""
        stored = self._connection.execute(
            insert(self._connection, usage)
            .values(
                usage_id=record.usage_id,
                user_id=record.user_id,
                backend=record.backend,
                shots=record.shots,
                micros_per_shot=record.micros_per_shot,
                cost_micros=record.cost_micros,
                succeeded=record.succeeded,
                at_ms=record.at_ms,
            )
            .on_conflict_do_nothing(index_elements=["usage_id"])
            .returning(usage.c.id)
        ).scalar()
        return stored is not None

    def get(self, usage_id: str) -> Usage | None:
        row = self._connection.execute(select(usage).where(usage.c.usage_id == usage_id)).one_or_none()
        return None if row is None else _usage(row)

    def recent(self, user_id: int, limit: int) -> list[Usage]:
        """A user's last runs, newest first."""
        rows = self._connection.execute(
            select(usage)
            .where(usage.c.user_id == user_id)
            .order_by(usage.c.at_ms.desc(), usage.c.id.desc())
            .limit(limit)
        )
        return [_usage(row) for row in rows]

    def page(self, user_id: int, after: Cursor | None, limit: int) -> Page[Usage]:
        """A user's runs, newest first."""
        statement = select(usage).where(usage.c.user_id == user_id)
        if after is not None:
            earlier = or_(usage.c.at_ms < after.value, usage.c.id < after.id)
            statement = statement.where(usage.c.at_ms <= after.value, earlier)
        ordered = statement.order_by(usage.c.at_ms.desc(), usage.c.id.desc())
        rows = self._connection.execute(ordered.limit(limit + 1)).all()
        more = Cursor(rows[limit - 1].at_ms, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(_usage(row) for row in rows[:limit]), more)

    def since(self, user_id: int, since_ms: int) -> list[Usage]:
        """What a user ran here from a time on, in the order it was recorded; not what was brought in."""
        rows = self._connection.execute(
            select(usage)
            .where(usage.c.user_id == user_id, usage.c.at_ms >= since_ms, ~usage.c.opening)
            .order_by(usage.c.id)
        )
        return [_usage(row) for row in rows]

    def cost_since(self, user_id: int, since_ms: int) -> int:
        """What a user's runs here cost from a time on, micros."""
        total = select(func.coalesce(func.sum(usage.c.cost_micros), 0)).where(
            usage.c.user_id == user_id, usage.c.at_ms >= since_ms, ~usage.c.opening
        )
        return int(self._connection.execute(total).scalar_one())

    def fractions_micros(self, user_id: int) -> int:
        """Sum of what each of a user's runs here costs beyond whole cents."""
        fraction = usage.c.cost_micros % MICROS_PER_CENT
        total = self._connection.execute(
            select(func.coalesce(func.sum(fraction), 0)).where(
                usage.c.user_id == user_id, fraction != 0, ~usage.c.opening
            )
        ).scalar_one()
        return int(total)

    def daily(self, since_ms: int, until_ms: int, user_id: int | None = None) -> list[DailyShots]:
        """Successful shots per UTC day and backend, in order; of one user or of all."""
        day = utc_day(usage.c.at_ms)
        statement = (
            select(day.label("day"), usage.c.backend, func.sum(usage.c.shots), func.sum(usage.c.cost_micros))
            .where(usage.c.at_ms >= since_ms, usage.c.at_ms < until_ms, usage.c.succeeded)
            .group_by(day, usage.c.backend)
            .order_by(day, usage.c.backend)
        )
        if user_id is not None:
            statement = statement.where(usage.c.user_id == user_id)
        rows = self._connection.execute(statement)
        return [DailyShots(_iso_day(at), backend, int(shots), int(cost)) for at, backend, shots, cost in rows]

    def totals(self, user_id: int) -> tuple[int, int]:
        """All successful shots of a user and what they cost in micros."""
        shots, cost = self._connection.execute(
            select(func.coalesce(func.sum(usage.c.shots), 0), func.coalesce(func.sum(usage.c.cost_micros), 0)).where(
                usage.c.user_id == user_id, usage.c.succeeded
            )
        ).one()
        return int(shots), int(cost)


def _usage(row: object) -> Usage:
    fields = ("usage_id", "user_id", "backend", "shots", "micros_per_shot", "cost_micros", "succeeded", "at_ms")
    return Usage(*(getattr(row, name) for name in fields))


def _iso_day(at_ms: int) -> str:
    return datetime.fromtimestamp(int(at_ms) / 1000, UTC).date().isoformat()
