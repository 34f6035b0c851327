"""What waits for Stripe, what Stripe has, and what it refused."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, or_, select

from bioql_console.domain.outbox import Message, MessageKind, MessageState, OutboxSum
from bioql_console.domain.paging import Cursor, OutboxQuery, Page
from bioql_console.storage.outbox_tables import outbox

WAITS = outbox.c.state == MessageState.WAITING.value


class OutboxReader:
    """The reading part of `Outbox`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, at_ms: int, limit: int) -> list[Message]:
        """Waiting messages whose time has come, whoever sends them: new ones in their order, then those that failed."""
        rows = self._connection.execute(
            select(outbox)
            .where(WAITS, outbox.c.next_attempt_ms <= at_ms)
            .order_by(outbox.c.next_attempt_ms, outbox.c.id)
            .limit(limit)
        )
        return [message_of(row) for row in rows]

    def next_due_ms(self) -> int | None:
        """When the next waiting message may be tried; None when none waits."""
        return self._connection.execute(select(func.min(outbox.c.next_attempt_ms)).where(WAITS)).scalar()

    def get(self, message_id: int) -> Message | None:
        row = self._connection.execute(select(outbox).where(outbox.c.id == message_id)).one_or_none()
        return None if row is None else message_of(row)

    def known_as(self, names: Sequence[str]) -> dict[str, Message]:
        """By identifier, the usage that was sent under it. One that was sent again since is found by its key."""
        found = select(outbox).where(
            or_(outbox.c.identifier.in_(names), outbox.c.key.in_(names)),
            outbox.c.kind == MessageKind.METER_EVENT.value,
        )
        messages = [message_of(row) for row in self._connection.execute(found)]
        by_key = {message.key: message for message in messages}
        return {name: each for name, each in {**by_key, **{m.identifier: m for m in messages}}.items() if name in names}

    def usage_sent(self, from_ms: int, until_ms: int) -> list[Message]:
        """Usage that Stripe accepted in a span of time."""
        found = select(outbox).where(
            outbox.c.sent_ms >= from_ms,
            outbox.c.sent_ms < until_ms,
            outbox.c.kind == MessageKind.METER_EVENT.value,
            outbox.c.state == MessageState.SENT.value,
        )
        return [message_of(row) for row in self._connection.execute(found)]

    def metered_cents(self, user_id: int, stripe_customer_id: str, from_ms: int, until_ms: int) -> int:
        """What a customer's accepted usage of a span of time is worth."""
        found = select(func.coalesce(func.sum(outbox.c.value), 0)).where(
            outbox.c.user_id == user_id,
            outbox.c.stripe_customer_id == stripe_customer_id,
            outbox.c.kind == MessageKind.METER_EVENT.value,
            outbox.c.state == MessageState.SENT.value,
            outbox.c.occurred_ms >= from_ms,
            outbox.c.occurred_ms < until_ms,
        )
        return int(self._connection.execute(found).scalar_one())

    def usage_of(self, user_id: int, stripe_customer_id: str, from_ms: int, until_ms: int) -> list[Message]:
        """A customer's usage of a span of time that Stripe has, or may have: accepted, or tried without an answer."""
        found = select(outbox).where(
            outbox.c.user_id == user_id,
            outbox.c.stripe_customer_id == stripe_customer_id,
            outbox.c.kind == MessageKind.METER_EVENT.value,
            (outbox.c.state == MessageState.SENT.value) | (WAITS & (outbox.c.attempts > 0)),
            outbox.c.occurred_ms >= from_ms,
            outbox.c.occurred_ms < until_ms,
        )
        return [message_of(row) for row in self._connection.execute(found.order_by(outbox.c.id))]

    def waiting_for(self, user_id: int) -> list[Message]:
        """What still has to reach Stripe about a user, oldest first."""
        rows = self._connection.execute(select(outbox).where(outbox.c.user_id == user_id, WAITS).order_by(outbox.c.id))
        return [message_of(row) for row in rows]

    def total(self, user_id: int, kind: MessageKind, since_ms: int = 0) -> int:
        """Sum of the values of a user's messages of a kind, sent or waiting, about what happened from a time on."""
        found = select(func.coalesce(func.sum(outbox.c.value), 0)).where(
            outbox.c.user_id == user_id,
            outbox.c.kind == kind.value,
            outbox.c.occurred_ms >= since_ms,
            outbox.c.state.in_((MessageState.WAITING.value, MessageState.SENT.value)),
        )
        return int(self._connection.execute(found).scalar_one())

    def occurred_ms(self, key: str) -> int:
        """When what a message is about happened; 0 when there is no such message."""
        found = select(outbox.c.occurred_ms).where(outbox.c.key == key)
        return int(self._connection.execute(found).scalar_one_or_none() or 0)

    def last_sent_ms(self, user_id: int, kind: MessageKind) -> int:
        """When Stripe last accepted a message of a kind about a user; 0 for never."""
        found = select(func.coalesce(func.max(outbox.c.sent_ms), 0)).where(
            outbox.c.user_id == user_id, outbox.c.kind == kind.value
        )
        return int(self._connection.execute(found).scalar_one())

    def stuck_credit_cents(self, before_ms: int) -> int:
        """Payments that Stripe was not told of: refused, or waiting since before a time; in cents."""
        told = (MessageKind.BALANCE_CREDIT.value, MessageKind.CREDIT_NOTE.value)
        waiting = WAITS & (outbox.c.occurred_ms < before_ms)
        total = select(func.coalesce(func.sum(outbox.c.value), 0)).where(
            outbox.c.kind.in_(told),
            outbox.c.value > 0,
            or_(outbox.c.state == MessageState.REFUSED.value, waiting),
        )
        return int(self._connection.execute(total).scalar_one())

    def sums(self) -> list[OutboxSum]:
        """How many messages did not come to Stripe, and the money at stake, by kind, state and reason.

        What Stripe has is not counted: those are nearly all, and this is asked at each change.
        """
        groups = (outbox.c.kind, outbox.c.state, outbox.c.code)
        rows = self._connection.execute(
            select(*groups, func.count(), func.sum(func.abs(outbox.c.value)), func.min(outbox.c.occurred_ms))
            .where(outbox.c.state.in_([state.value for state in MessageState if state is not MessageState.SENT]))
            .group_by(*groups)
            .order_by(*groups)
        )
        return [
            OutboxSum(MessageKind(kind), MessageState(state), code, count, int(cents), oldest)
            for kind, state, code, count, cents, oldest in rows
        ]

    def counts(self) -> dict[tuple[MessageKind, MessageState], int]:
        rows = self._connection.execute(
            select(outbox.c.kind, outbox.c.state, func.count()).group_by(outbox.c.kind, outbox.c.state)
        )
        return {(MessageKind(kind), MessageState(state)): count for kind, state, count in rows}

    def refused_as(self, code: str) -> list[Message]:
        """All refused usage of one code, oldest first."""
        rows = self._connection.execute(
            select(outbox)
            .where(
                outbox.c.state == MessageState.REFUSED.value,
                outbox.c.code == code,
                outbox.c.kind == MessageKind.METER_EVENT.value,
            )
            .order_by(outbox.c.id)
        )
        return [message_of(row) for row in rows]

    def page(self, query: OutboxQuery, after: Cursor | None, limit: int) -> Page[Message]:
        """Newest first."""
        statement = select(outbox).order_by(outbox.c.id.desc()).limit(limit + 1)
        if query.state is not None:
            statement = statement.where(outbox.c.state == query.state.value)
        if query.code:
            statement = statement.where(outbox.c.code == query.code)
        if after is not None:
            statement = statement.where(outbox.c.id < after.id)
        rows = self._connection.execute(statement).all()
        more = Cursor(0, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(message_of(row) for row in rows[:limit]), more)

    def recent(self, limit: int, state: MessageState | None = None) -> list[Message]:
        """Newest first."""
        return list(self.page(OutboxQuery(state), None, limit).rows)


def message_of(row: Any) -> Message:
    return Message(
        id=row.id,
        kind=MessageKind(row.kind),
        key=row.key,
        user_id=row.user_id,
        stripe_customer_id=row.stripe_customer_id,
        value=row.value,
        occurred_ms=row.occurred_ms,
        extra=json.loads(row.extra),
        state=MessageState(row.state),
        attempts=row.attempts,
        error=row.error,
        sent_ms=row.sent_ms,
        identifier=row.identifier,
        tried_ms=row.tried_ms,
        code=row.code,
        report=row.report,
        first_tried_ms=row.first_tried_ms,
    )
