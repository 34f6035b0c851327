"""Writes that still have to reach Stripe."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, Row, func, or_, select, update

from bioql_console.domain.outbox import Message, MessageKind, MessageState
from bioql_console.storage.statements import insert
from bioql_console.storage.tables import outbox


class Outbox:
    """Messages are added in the transaction that decides them, and sent later, at least once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        kind: MessageKind,
        key: str,
        *,
        user_id: int,
        stripe_customer_id: str,
        value: int,
        occurred_ms: int,
        extra: dict[str, str] | None = None,
        sent_ms: int | None = None,
    ) -> None:
        """Queue a message once; the same key again changes nothing.

        Args:
            sent_ms: When Stripe accepted it, for one that is brought in with its history.
        """
        self._connection.execute(
            insert(self._connection, outbox)
            .values(
                kind=kind.value,
                key=key,
                user_id=user_id,
                stripe_customer_id=stripe_customer_id,
                value=value,
                occurred_ms=occurred_ms,
                extra=json.dumps(extra or {}, sort_keys=True),
                state=MessageState.WAITING.value if sent_ms is None else MessageState.SENT.value,
                sent_ms=sent_ms,
            )
            .on_conflict_do_nothing(index_elements=["key"])
        )

    def due(self, at_ms: int, limit: int) -> list[Message]:
        """Waiting messages whose time has come: new ones in their order, then those that failed before."""
        rows = self._connection.execute(
            select(outbox)
            .where(outbox.c.state == MessageState.WAITING.value, outbox.c.next_attempt_ms <= at_ms)
            .order_by(outbox.c.next_attempt_ms, outbox.c.id)
            .limit(limit)
        )
        return [_message(row) for row in rows]

    def next_due_ms(self) -> int | None:
        """When the next waiting message may be tried; None when none waits."""
        return self._connection.execute(
            select(func.min(outbox.c.next_attempt_ms)).where(outbox.c.state == MessageState.WAITING.value)
        ).scalar()

    def sent(self, message_ids: Sequence[int], at_ms: int) -> None:
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(message_ids))
            .values(state=MessageState.SENT.value, sent_ms=at_ms, error="", attempts=outbox.c.attempts + 1)
        )

    def failed(self, message_id: int, error: str, next_attempt_ms: int) -> None:
        """Stripe could not be reached or asked us to wait; try again later."""
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id)
            .values(error=error, attempts=outbox.c.attempts + 1, next_attempt_ms=next_attempt_ms)
        )

    def refused(self, message_id: int, error: str) -> None:
        """Stripe said no; an operator has to look."""
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id)
            .values(state=MessageState.REFUSED.value, error=error, attempts=outbox.c.attempts + 1)
        )

    def replaced(self, message_id: int, words: str, at_ms: int) -> bool:
        """It is not needed any more, or another message does its work; `words` say why. False if it waits no more."""
        changed = self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id, outbox.c.state == MessageState.WAITING.value)
            .values(state=MessageState.SENT.value, sent_ms=at_ms, error=words)
        )
        return changed.rowcount == 1

    def waiting_for(self, user_id: int) -> list[Message]:
        """What still has to reach Stripe about a user, oldest first."""
        rows = self._connection.execute(
            select(outbox)
            .where(outbox.c.user_id == user_id, outbox.c.state == MessageState.WAITING.value)
            .order_by(outbox.c.id)
        )
        return [_message(row) for row in rows]

    def total(self, user_id: int, kind: MessageKind) -> int:
        """Sum of the values of a user's messages of a kind, sent or waiting."""
        found = select(func.coalesce(func.sum(outbox.c.value), 0)).where(
            outbox.c.user_id == user_id,
            outbox.c.kind == kind.value,
            outbox.c.state != MessageState.REFUSED.value,
        )
        return int(self._connection.execute(found).scalar_one())

    def last_sent_ms(self, user_id: int, kind: MessageKind) -> int:
        """When Stripe last accepted a message of a kind about a user; 0 for never."""
        found = select(func.coalesce(func.max(outbox.c.sent_ms), 0)).where(
            outbox.c.user_id == user_id, outbox.c.kind == kind.value
        )
        return int(self._connection.execute(found).scalar_one())

    def stuck_credit_cents(self, before_ms: int) -> int:
        """Payments that Stripe was not told of: refused, or waiting since before a time; in cents."""
        told = (MessageKind.BALANCE_CREDIT.value, MessageKind.CREDIT_NOTE.value)
        waiting = (outbox.c.state == MessageState.WAITING.value) & (outbox.c.occurred_ms < before_ms)
        total = select(func.coalesce(func.sum(outbox.c.value), 0)).where(
            outbox.c.kind.in_(told),
            outbox.c.value > 0,
            or_(outbox.c.state == MessageState.REFUSED.value, waiting),
        )
        return int(self._connection.execute(total).scalar_one())

    def resend(self, message_id: int) -> None:
        """Try a refused message again, after its cause was repaired."""
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id, outbox.c.state == MessageState.REFUSED.value)
            .values(state=MessageState.WAITING.value, next_attempt_ms=0)
        )

    def counts(self) -> dict[tuple[MessageKind, MessageState], int]:
        rows = self._connection.execute(
            select(outbox.c.kind, outbox.c.state, func.count()).group_by(outbox.c.kind, outbox.c.state)
        )
        return {(MessageKind(kind), MessageState(state)): count for kind, state, count in rows}

    def recent(self, limit: int, state: MessageState | None = None) -> list[Message]:
        """Newest first."""
        statement = select(outbox).order_by(outbox.c.id.desc()).limit(limit)
        if state is not None:
            statement = statement.where(outbox.c.state == state.value)
        return [_message(row) for row in self._connection.execute(statement)]


def _message(row: Row[tuple[object, ...]]) -> Message:
    values = row._mapping
    return Message(
        id=values["id"],
        kind=MessageKind(values["kind"]),
        key=values["key"],
        user_id=values["user_id"],
        stripe_customer_id=values["stripe_customer_id"],
        value=values["value"],
        occurred_ms=values["occurred_ms"],
        extra=json.loads(values["extra"]),
        state=MessageState(values["state"]),
        attempts=values["attempts"],
        error=values["error"],
        sent_ms=values["sent_ms"],
    )
