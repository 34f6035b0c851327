"""The audit trail."""

from collections.abc import Callable

from sqlalchemy import Connection, or_, select, text

from bioql_console.domain.activity import Activity, link
from bioql_console.domain.paging import ActivityQuery, Cursor, Page
from bioql_console.storage.statements import like_literal, search_term
from bioql_console.storage.tables import activity

# Any fixed number: it names the lock under which PostgreSQL lets one writer extend the chain at a time.
CHAIN_LOCK = 7_303_001


class ActivityLog:
    """Append-only and chained: a changed or missing record shows."""

    def __init__(self, connection: Connection, now_ms: Callable[[], int]) -> None:
        self._connection = connection
        self._now_ms = now_ms

    def record(
        self, operator: str, action: str, subject: str, *, before: str = "", after: str = "", reason: str = ""
    ) -> None:
        """Add a record. The texts never hold a secret; secrets appear as fingerprints."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
        previous = self._connection.execute(select(activity.c.chain).order_by(activity.c.id.desc()).limit(1)).scalar()
        act = Activity(0, self._now_ms(), operator, action, subject, before, after, reason)
        self._connection.execute(
            activity.insert().values(
                at_ms=act.at_ms,
                operator=operator,
                action=action,
                subject=subject,
                before=before,
                after=after,
                reason=reason,
                chain=link(previous or "", act),
            )
        )

    def latest(self, subject: str) -> Activity | None:
        """What was last done to something."""
        row = self._connection.execute(
            select(activity).where(activity.c.subject == subject).order_by(activity.c.id.desc()).limit(1)
        ).one_or_none()
        return None if row is None else Activity(*row)

    def page(self, query: ActivityQuery, after: Cursor | None, limit: int) -> Page[Activity]:
        """Newest first."""
        statement = select(activity).order_by(activity.c.id.desc()).limit(limit + 1)
        if term := search_term(query.text):
            pattern = like_literal(term)
            columns = (activity.c.operator, activity.c.action, activity.c.subject, activity.c.reason)
            statement = statement.where(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if after is not None:
            statement = statement.where(activity.c.id < after.id)
        rows = self._connection.execute(statement).all()
        more = Cursor(0, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(Activity(*row) for row in rows[:limit]), more)

    def first_broken(self, first: int = 0, last: int | None = None) -> int | None:
        """Id of the first record that does not follow from the one before it; None when the chain holds.

        Args:
            first, last: Look at the records with these ids and between them only.
        """
        before = select(activity.c.chain).where(activity.c.id < first).order_by(activity.c.id.desc()).limit(1)
        previous = self._connection.execute(before).scalar() or ""
        records = select(activity).where(activity.c.id >= first).order_by(activity.c.id)
        if last is not None:
            records = records.where(activity.c.id <= last)
        for row in self._connection.execute(records):
            record = Activity(*row)
            if record.chain != link(previous, record):
                return record.id
            previous = record.chain
        return None
