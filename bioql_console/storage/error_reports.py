"""Stripe's reports of usage that it took first and refused later."""

import json
from typing import Any

from sqlalchemy import Connection, Row, or_, select, update

from bioql_console.domain.meter_errors import ErrorReport, Refusal
from bioql_console.domain.outbox import LONGEST_WAIT_MS
from bioql_console.storage.outbox_tables import meter_error_reports as reports
from bioql_console.storage.statements import insert


class ErrorReports:
    """Each is heard of without its content, fetched, joined to our usage, and narrowed down by the meter's totals."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def heard(self, event_id: str, kind: str, meter: str, created_ms: int) -> bool:
        """Note a report whose content is still at Stripe. False if it was heard of before."""
        stored = self._connection.execute(
            insert(self._connection, reports)
            .values(event_id=event_id, type=kind, meter=meter, created_ms=created_ms)
            .on_conflict_do_nothing(index_elements=["event_id"])
            .returning(reports.c.id)
        ).scalar()
        return stored is not None

    def to_fetch(self, at_ms: int, limit: int) -> list[ErrorReport]:
        """Reports whose content is due to be fetched, oldest first."""
        next_ms = reports.c.next_attempt_ms
        # What lies further ahead was written down by a wrong clock.
        is_due = or_(next_ms <= at_ms, next_ms > at_ms + LONGEST_WAIT_MS)
        found = select(reports).where(reports.c.fetched_ms.is_(None), is_due)
        return [_report(row) for row in self._connection.execute(found.order_by(reports.c.id).limit(limit))]

    def fetched(self, report: ErrorReport, at_ms: int, narrow_ms: int | None) -> bool:
        """Store the content. False if another process was faster.

        Args:
            narrow_ms: When the meter's totals can tell which usage Stripe did not name; None when it named all.
        """
        refusals = [[each.code, each.count, each.samples] for each in report.refusals]
        changed = self._connection.execute(
            update(reports)
            .where(reports.c.event_id == report.event_id, reports.c.fetched_ms.is_(None))
            .values(
                fetched_ms=at_ms,
                meter=report.meter,
                start_ms=report.start_ms,
                end_ms=report.end_ms,
                refusals=json.dumps(refusals),
                joined=report.joined,
                problem="",
                narrow_ms=narrow_ms,
            )
        )
        return changed.rowcount == 1

    def not_fetched(self, event_id: str, problem: str, next_attempt_ms: int) -> None:
        self._connection.execute(
            update(reports)
            .where(reports.c.event_id == event_id, reports.c.fetched_ms.is_(None))
            .values(problem=problem, next_attempt_ms=next_attempt_ms)
        )

    def to_narrow(self, at_ms: int, limit: int) -> list[ErrorReport]:
        """Reports with usage that Stripe did not name, once the meter's totals are complete."""
        found = select(reports).where(reports.c.narrow_ms <= at_ms).order_by(reports.c.id).limit(limit)
        return [_report(row) for row in self._connection.execute(found)]

    def open_between(self, from_ms: int, until_ms: int) -> list[ErrorReport]:
        """Reports about a span of time, of which it is still open what Stripe did not name; oldest first."""
        found = select(reports).where(
            reports.c.narrow_ms.is_not(None), reports.c.end_ms >= from_ms, reports.c.start_ms <= until_ms
        )
        return [_report(row) for row in self._connection.execute(found.order_by(reports.c.id))]

    def narrow_later(self, event_id: str, at_ms: int) -> None:
        """The meter's totals don't tell yet."""
        self._connection.execute(update(reports).where(reports.c.event_id == event_id).values(narrow_ms=at_ms))

    def narrowed(self, event_id: str, found: int) -> None:
        """Nothing more can be found out about it; so many messages were found by the totals."""
        self._connection.execute(
            update(reports)
            .where(reports.c.event_id == event_id)
            .values(narrow_ms=None, joined=reports.c.joined + found)
        )

    def get(self, event_id: str) -> ErrorReport | None:
        row = self._connection.execute(select(reports).where(reports.c.event_id == event_id)).one_or_none()
        return None if row is None else _report(row)

    def recent(self, limit: int) -> list[ErrorReport]:
        """Newest first."""
        found = select(reports).order_by(reports.c.id.desc()).limit(limit)
        return [_report(row) for row in self._connection.execute(found)]


def _report(row: Row[Any]) -> ErrorReport:
    refusals = (
        Refusal(code, count, tuple((name, words) for name, words in samples))
        for code, count, samples in json.loads(row.refusals)
    )
    return ErrorReport(
        event_id=row.event_id,
        type=row.type,
        created_ms=row.created_ms,
        meter=row.meter,
        fetched_ms=row.fetched_ms,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        refusals=tuple(refusals),
        joined=row.joined,
        problem=row.problem,
    )
