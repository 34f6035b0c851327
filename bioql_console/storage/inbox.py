"""The durable inbox of Stripe events."""

import hashlib
from collections.abc import Sequence, Set
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    case,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from bioql_console.domain.event_coverage import HOUR_MS, HourOfEvents
from bioql_console.domain.paging import Cursor, EventQuery, Page
from bioql_console.domain.webhooks import Claim, EventSource, EventState, InboxEvent, Outcome, ReceivedEvent
from bioql_console.storage import intake
from bioql_console.storage.bulk import reserve_ids
from bioql_console.storage.prepared import Prepared, parameter
from bioql_console.storage.statements import insert, like_literal, search_term
from bioql_console.storage.tables import inbox, users

_WAITING = Prepared(
    lambda _: (
        select(inbox)
        .where(inbox.c.state == EventState.RECEIVED.value, inbox.c.sequence > parameter("after"))
        .order_by(inbox.c.sequence)
        .limit(parameter("limit"))
    )
)
_CLAIM = Prepared(
    lambda _: select(inbox.c.state).where(inbox.c.event_id == parameter("event")).with_for_update(skip_locked=True)
)
_SETTLE = Prepared(
    lambda _: update(inbox).where(inbox.c.event_id == parameter("event"), inbox.c.state == EventState.RECEIVED.value),
    sets=("state", "reason", "object_id", "user_id", "amount_micros", "applied_ms"),
)
_REOPEN_ABOUT = Prepared(
    lambda _: (
        update(inbox)
        .where(inbox.c.object_id == parameter("about"), inbox.c.state == EventState.QUARANTINED.value)
        .values(state=EventState.RECEIVED.value, reason="", applied_ms=None)
    )
)


class Inbox:
    """Events in order of arrival, each once, whatever became of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, events: Sequence[ReceivedEvent]) -> None:
        """Store events; one that is known already only counts as delivered once more."""
        intake.store(self._connection, events)

    def add_missed(self, events: Sequence[ReceivedEvent]) -> set[str]:
        """Store events that nobody delivered, in this order. The ids of those that were not here already."""
        statement = insert(self._connection, inbox).on_conflict_do_nothing(index_elements=["event_id"])
        statement = statement.returning(inbox.c.event_id)
        # One by one: a statement of many rows gives no promise about their order.
        stored = (self._connection.execute(statement, row).scalar() for row in self._numbered(events))
        return {event_id for event_id in stored if event_id is not None}

    def _numbered(self, events: Sequence[ReceivedEvent]) -> list[dict[str, object]]:
        """The rows of events, to be stored in this order.

        PostgreSQL's are numbered first and then stored in the order of their ids: two servers that are sent the same
        events in another order would wait for each other.
        """
        rows = [_stored(event) for event in events]
        if self._connection.dialect.name == "postgresql":
            numbers = reserve_ids(self._connection, inbox, len(rows))
            rows = [{"sequence": number, **row} for number, row in zip(numbers, rows, strict=True)]
            rows.sort(key=lambda row: str(row["event_id"]))
        return rows

    def waiting(self, limit: int, after: int = 0) -> list[ReceivedEvent]:
        """Events that are stored but not applied yet, in order of arrival, behind a sequence number."""
        return [_received(row) for row in _WAITING.rows(self._connection, after=after, limit=limit)]

    def claim(self, event_id: str, about: Set[str]) -> Claim:
        """Take a waiting event and the ids that it is about, until the transaction ends. Never waits for others.

        On SQLite the transaction has the whole database.
        """
        if self._connection.dialect.name == "postgresql":
            locks = func.unnest(literal(sorted(map(_lock_of, about)), ARRAY(BigInteger))).alias("lock")
            mine = select(func.bool_and(func.pg_try_advisory_xact_lock(column(locks.name))))
            if self._connection.execute(mine.select_from(locks)).scalar() is False:
                return Claim.BUSY
        state = _CLAIM.scalar(self._connection, event=event_id)
        if state is None:
            return Claim.BUSY
        return Claim.MINE if state == EventState.RECEIVED.value else Claim.SETTLED

    def get(self, event_id: str) -> ReceivedEvent | None:
        row = self._connection.execute(select(inbox).where(inbox.c.event_id == event_id)).one_or_none()
        return None if row is None else _received(row)

    def known(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the events that are here."""
        found = select(inbox.c.event_id).where(inbox.c.event_id.in_(event_ids))
        return set(self._connection.execute(found).scalars())

    def heard(self, kind: str, object_id: str) -> bool:
        """Whether an event of a type about an object was applied."""
        found = select(inbox.c.event_id).where(
            inbox.c.object_id == object_id, inbox.c.type == kind, inbox.c.state == EventState.APPLIED.value
        )
        return self._connection.execute(found.limit(1)).scalar() is not None

    def was_turned_down(self, payment_intent: str) -> bool:
        """Whether an operator gave a payment back instead of counting it: its event was then settled as ignored."""
        found = select(inbox.c.event_id).where(
            inbox.c.object_id == payment_intent,
            inbox.c.type.startswith("checkout.session.", autoescape=True),
            inbox.c.state == EventState.IGNORED.value,
        )
        return self._connection.execute(found.limit(1)).scalar() is not None

    def settle(self, event_id: str, outcome: Outcome, at_ms: int) -> bool:
        """Record what an event came to. False if another worker was faster."""
        changed = _SETTLE.run(
            self._connection,
            event=event_id,
            state=outcome.state.value,
            reason=outcome.reason,
            object_id=outcome.object_id,
            user_id=outcome.user_id,
            amount_micros=outcome.amount_micros,
            applied_ms=at_ms,
        )
        return changed == 1

    def reopen(self, event_id: str) -> bool:
        """Let a quarantined event be tried again. False if it was not quarantined."""
        changed = self._connection.execute(
            update(inbox)
            .where(inbox.c.event_id == event_id, inbox.c.state == EventState.QUARANTINED.value)
            .values(state=EventState.RECEIVED.value, reason="", applied_ms=None)
        )
        return changed.rowcount == 1

    def reopen_about(self, object_id: str) -> None:
        """Let every quarantined event about an object be tried again."""
        _REOPEN_ABOUT.run(self._connection, about=object_id)

    def page(self, query: EventQuery, after: Cursor | None, limit: int) -> Page[InboxEvent]:
        """Newest first."""
        statement = (
            select(inbox, users.c.name.label("user_name"))
            .outerjoin(users, users.c.id == inbox.c.user_id)
            .order_by(inbox.c.sequence.desc())
            .limit(limit + 1)
        )
        if query.attention:
            statement = statement.where(inbox.c.state == EventState.QUARANTINED.value)
        if query.types:
            statement = statement.where(
                or_(*(inbox.c.type.startswith(start, autoescape=True) for start in query.types))
            )
        if term := search_term(query.text):
            pattern = like_literal(term)
            columns = (inbox.c.event_id, inbox.c.type, inbox.c.object_id, users.c.name)
            statement = statement.where(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if after is not None:
            statement = statement.where(inbox.c.sequence < after.id)
        rows = self._connection.execute(statement).all()
        more = Cursor(0, rows[limit - 1].sequence) if len(rows) > limit else None
        return Page(tuple(_listed(row) for row in rows[:limit]), more)

    def counts(self) -> dict[EventState, int]:
        rows = self._connection.execute(select(inbox.c.state, func.count()).group_by(inbox.c.state))
        return {EventState(state): count for state, count in rows}

    def last_received_ms(self) -> int | None:
        return self._connection.execute(select(inbox.c.received_ms).order_by(inbox.c.sequence.desc()).limit(1)).scalar()

    def last_created_ms(self) -> int | None:
        """Stripe's time of the youngest event."""
        return self._connection.execute(select(func.max(inbox.c.created_ms))).scalar()

    def named(self, event_ids: Sequence[str]) -> list[InboxEvent]:
        """Events by their ids, in this order; those that are not here are left out."""
        columns = [column for column in inbox.c if column is not inbox.c.body]
        statement = (
            select(*columns, users.c.name.label("user_name"))
            .outerjoin(users, users.c.id == inbox.c.user_id)
            .where(inbox.c.event_id.in_(event_ids))
        )
        found = {row.event_id: _listed(row) for row in self._connection.execute(statement)}
        return [found[event_id] for event_id in event_ids if event_id in found]

    def states(self, event_ids: Sequence[str]) -> dict[EventState, int]:
        """How many of these events stand where."""
        rows = self._connection.execute(
            select(inbox.c.state, func.count()).where(inbox.c.event_id.in_(event_ids)).group_by(inbox.c.state)
        )
        return {EventState(state): count for state, count in rows}

    def hours(self, since_ms: int) -> list[HourOfEvents]:
        """How many events Stripe made in each hour, and how they came; hours without any are left out."""
        hour = inbox.c.created_ms - inbox.c.created_ms % literal_column(str(HOUR_MS))
        fetched = func.sum(case((inbox.c.source == EventSource.BACKFILL.value, 1), else_=0))
        rows = self._connection.execute(
            select(hour, func.count(), fetched).where(inbox.c.created_ms >= since_ms).group_by(hour).order_by(hour)
        )
        return [HourOfEvents(at_ms, count - int(missed), int(missed)) for at_ms, count, missed in rows]


def _lock_of(name: str) -> int:
    """The number under which PostgreSQL locks an id: 64 bits of its hash."""
    return int.from_bytes(hashlib.sha256(f"inbox {name}".encode()).digest()[:8], "big", signed=True)


def _stored(event: ReceivedEvent) -> dict[str, object]:
    return {
        "event_id": event.id,
        "type": event.type,
        "api_version": event.api_version,
        "livemode": event.livemode,
        "created_ms": event.created_ms,
        "received_ms": event.received_ms,
        "source": event.source.value,
        "signature": event.signature,
        "body": event.body,
        "state": EventState.RECEIVED.value,
    }


def _received(row: Any) -> ReceivedEvent:
    return ReceivedEvent(
        id=row.event_id,
        type=row.type,
        body=bytes(row.body),
        created_ms=row.created_ms,
        received_ms=row.received_ms,
        source=EventSource(row.source),
        livemode=bool(row.livemode),
        api_version=row.api_version,
        signature=row.signature,
        sequence=row.sequence,
    )


def _listed(row: Any) -> InboxEvent:
    values = row._mapping
    applied_ms = values["applied_ms"]
    return InboxEvent(
        sequence=values["sequence"],
        id=values["event_id"],
        type=values["type"],
        created_ms=values["created_ms"],
        received_ms=values["received_ms"],
        source=EventSource(values["source"]),
        state=EventState(values["state"]),
        reason=values["reason"],
        took_ms=None if applied_ms is None else applied_ms - values["received_ms"],
        object_id=values["object_id"],
        user_id=values["user_id"],
        user_name=values["user_name"] or "",
        amount_micros=values["amount_micros"],
    )
