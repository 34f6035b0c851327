"""How far Stripe's list of events was followed, by whom, and when a console was watching."""

from sqlalchemy import Connection, or_, select, update

from bioql_console.domain.event_coverage import Coverage, Span
from bioql_console.domain.outbox import LONGEST_WAIT_MS
from bioql_console.storage.coverage_tables import event_coverage, event_watches
from bioql_console.storage.statements import insert

ONLY = 1


class EventCoverage:
    """One row about the list, shared by every console on this database, and the times somebody watched."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> Coverage:
        row = self._connection.execute(select(event_coverage)).one_or_none()
        if row is None:
            return Coverage()
        return Coverage(row.complete_until_ms, row.looked_ms, row.kinds, row.lost_from_ms, row.lost_until_ms)

    def claim(self, console: str, now_ms: int, until_ms: int) -> bool:
        """Let one console follow the list. False while another one does, and its time is not up.

        A time that lies too far ahead was written down by a wrong clock, and keeps nobody out.
        """
        theirs_ms = event_coverage.c.claimed_until_ms
        self._make()
        changed = self._connection.execute(
            update(event_coverage)
            .where(
                or_(
                    event_coverage.c.console == console,
                    theirs_ms < now_ms,
                    theirs_ms > max(until_ms, now_ms) + LONGEST_WAIT_MS,
                )
            )
            .values(console=console, claimed_until_ms=until_ms)
        )
        return changed.rowcount == 1

    def release(self, console: str) -> None:
        """Let the next console follow the list at once."""
        self._connection.execute(
            update(event_coverage).where(event_coverage.c.console == console).values(console="", claimed_until_ms=0)
        )

    def complete(self, until_ms: int, looked_ms: int, kinds: str | None = None) -> None:
        """Everything up to `until_ms` is here. It goes back only from a time that has not come yet.

        Args:
            looked_ms: Now.
            kinds: What was looked for, once the whole look is over.
        """
        self._make()
        known = self.get()
        before_ms = known.complete_until_ms
        credible = before_ms is not None and before_ms <= looked_ms
        values: dict[str, object] = {
            "complete_until_ms": max(until_ms, before_ms or 0) if credible else until_ms,
            "looked_ms": looked_ms,
        }
        if kinds is not None:
            values["kinds"] = kinds
        self._connection.execute(update(event_coverage).values(**values))

    def lose(self, lost: Span) -> None:
        """Events of this time may be missing, and Stripe no longer lists them."""
        self._make()
        known = self.get()
        self._connection.execute(
            update(event_coverage).values(
                lost_from_ms=min(lost.from_ms, known.lost_from_ms or lost.from_ms),
                lost_until_ms=max(lost.until_ms, known.lost_until_ms or lost.until_ms),
            )
        )

    def reconciled(self) -> None:
        """What was lost was compared with Stripe by its money."""
        self._connection.execute(update(event_coverage).values(lost_from_ms=None, lost_until_ms=None))

    def watched(self, now_ms: int, longest_pause_ms: int) -> None:
        """A console watches now. After a longer pause than given, that begins a new watch."""
        newest = self._connection.execute(
            select(event_watches).order_by(event_watches.c.until_ms.desc()).limit(1)
        ).one_or_none()
        if newest is None or now_ms - newest.until_ms > longest_pause_ms:
            self._connection.execute(insert(self._connection, event_watches).values(from_ms=now_ms, until_ms=now_ms))
        elif now_ms > newest.until_ms:
            self._connection.execute(
                update(event_watches).where(event_watches.c.id == newest.id).values(until_ms=now_ms)
            )

    def watches(self, since_ms: int) -> list[Span]:
        """When consoles watched, oldest first."""
        rows = self._connection.execute(
            select(event_watches.c.from_ms, event_watches.c.until_ms)
            .where(event_watches.c.until_ms >= since_ms)
            .order_by(event_watches.c.until_ms)
        )
        return [Span(row.from_ms, row.until_ms) for row in rows]

    def _make(self) -> None:
        statement = insert(self._connection, event_coverage).values(id=ONLY)
        self._connection.execute(statement.on_conflict_do_nothing(index_elements=["id"]))
