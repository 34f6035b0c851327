"""Writes that still have to reach Stripe."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, func, select, update

from bioql_console.domain.outbox import IN_ORDER, LONGEST_WAIT_MS, SKEW_MS, Message, MessageKind, MessageState
from bioql_console.storage.outbox_reading import WAITS, OutboxReader, message_of
from bioql_console.storage.outbox_statements import ADD, CLAIM, DUE, GIVE_BACK, KNOWN_AS, SENT
from bioql_console.storage.outbox_tables import outbox

LONGEST_ERROR = 500


def is_last_try(message: Message) -> ColumnElement[bool]:
    """That no other try began since this message was claimed.

    A computer may sleep between claiming and sending. When it wakes up, another has had the message for long: what
    becomes of the first try by then, such as that Stripe knows the usage already, says nothing of the message.
    """
    return WAITS & (outbox.c.identifier == message.identifier) & (outbox.c.attempts == message.attempts + 1)


class Outbox(OutboxReader):
    """Messages are added in the transaction that decides them, and sent later, at least once."""

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
        ADD.run(
            self._connection,
            kind=kind.value,
            key=key,
            identifier=self._free(key, 1),
            user_id=user_id,
            stripe_customer_id=stripe_customer_id,
            value=value,
            occurred_ms=occurred_ms,
            extra=json.dumps(extra or {}, sort_keys=True),
            state=MessageState.WAITING.value if sent_ms is None else MessageState.SENT.value,
            sent_ms=sent_ms,
        )

    def _free(self, key: str, number: int) -> str:
        """The key, or the key with a number, so that no other message was or will be known by it."""
        while True:
            name = key if number == 1 else f"{key}.{number}"
            taken = {row.key for row in KNOWN_AS.rows(self._connection, name=name)}
            if taken <= ({key} if number == 1 else set()):
                return name
            number += 1

    # --- sending

    def claim(
        self, claimed_by: str, at_ms: int, lease_ms: int, limit: int, kinds: Collection[MessageKind]
    ) -> list[Message]:
        """Due messages that nobody else is sending, new ones first; they are the claimant's until the lease ends.

        A time that lies too far ahead was written down by a wrong clock, and holds nothing up.
        Of one user's messages in `IN_ORDER` none is handed out before an older one. `attempts` and `tried_ms` tell of
        the tries before the one that begins.
        """
        due = DUE.rows(
            self._connection,
            kinds=[kind.value for kind in kinds],
            now=at_ms,
            far=at_ms + LONGEST_WAIT_MS,
            lease=at_ms - lease_ms,
            skew=at_ms + SKEW_MS,
            limit=limit,
        )
        messages = self._in_order([message_of(row) for row in due])
        if messages:
            ids = [message.id for message in messages]
            CLAIM.run(self._connection, messages=ids, claimant=claimed_by, now=at_ms)
        return messages

    def _in_order(self, due: list[Message]) -> list[Message]:
        users = {message.user_id for message in due if message.kind in IN_ORDER}
        if not users:
            return due
        older = (
            select(outbox.c.user_id, func.min(outbox.c.id).label("first"))
            .where(
                outbox.c.user_id.in_(users),
                WAITS,
                outbox.c.kind.in_([kind.value for kind in IN_ORDER]),
                outbox.c.id.not_in([message.id for message in due]),
            )
            .group_by(outbox.c.user_id)
        )
        first = {row.user_id: row.first for row in self._connection.execute(older)}
        ready = [
            message
            for message in due
            if message.kind not in IN_ORDER or message.id < first.get(message.user_id, message.id + 1)
        ]
        return sorted(ready, key=lambda message: message.id)

    def release(self, messages: Sequence[Message]) -> None:
        """Give back what was claimed and not tried."""
        for message in messages:
            self._give_back(message, None, None)

    def postpone(self, message: Message, words: str, until_ms: int) -> None:
        """It was looked at and waits for something else; this was no try, and makes later pauses no longer."""
        self._give_back(message, words[:LONGEST_ERROR], until_ms)

    def _give_back(self, message: Message, words: str | None, until_ms: int | None) -> None:
        GIVE_BACK.run(
            self._connection,
            message=message.id,
            name=message.identifier,
            begun=message.attempts + 1,
            before=message.attempts,
            tried=message.tried_ms,
            first=message.first_tried_ms,
            words=words,
            until=until_ms,
        )

    def sent(self, messages: Sequence[Message], at_ms: int) -> None:
        """Stripe accepted them under the names that they have. What was refused or taken back meanwhile stays so."""
        names = [message.identifier for message in messages]
        SENT.run(self._connection, messages=[message.id for message in messages], names=names, now=at_ms)

    def failed(self, message: Message, error: str, next_attempt_ms: int) -> None:
        """Stripe could not be reached or asked us to wait; try again later."""
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message.id, is_last_try(message))
            .values(error=error[:LONGEST_ERROR], claimed_by="", next_attempt_ms=next_attempt_ms)
        )

    def doubt(self, since_ms: int) -> None:
        """Stripe may have had each waiting message since then: no answer to a new try is taken for one to the first."""
        self._connection.execute(
            update(outbox)
            .where(WAITS)
            .values(
                claimed_by="",
                attempts=func.coalesce(func.nullif(outbox.c.attempts, 0), 1),
                tried_ms=func.coalesce(outbox.c.tried_ms, since_ms),
                first_tried_ms=func.coalesce(outbox.c.first_tried_ms, since_ms),
            )
        )

    def refused_by_report(self, message_id: int, error: str, code: str = "", report: str = "") -> None:
        """Stripe said no, perhaps long after it took it; an operator has to look."""
        self._refuse(outbox.c.state != MessageState.CLOSED.value, message_id, error, code, report)

    def refused_try(self, message: Message, error: str, code: str = "") -> None:
        """Stripe said no to the try that began when `message` was claimed; see `is_last_try`."""
        self._refuse(is_last_try(message), message.id, error, code)

    def _refuse(
        self, where: ColumnElement[bool], message_id: int, error: str, code: str = "", report: str = ""
    ) -> None:
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id, where)
            .values(
                state=MessageState.REFUSED.value,
                error=error[:LONGEST_ERROR],
                code=code,
                report=report,
                claimed_by="",
            )
        )

    def replaced(self, message_id: int, words: str, at_ms: int) -> bool:
        """It is not needed any more, or another message does its work; `words` say why. False if it waits no more."""
        changed = self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id, WAITS)
            .values(state=MessageState.SENT.value, sent_ms=at_ms, error=words, claimed_by="")
        )
        return changed.rowcount == 1

    def close(self, message_id: int, words: str, *states: MessageState) -> bool:
        """Usage that is taken back or collected another way; `words` say which. False in any other state, or when a
        try of it is under way or broke off: nobody knows then whether Stripe has it."""
        unknown = (outbox.c.state == MessageState.WAITING.value) & (outbox.c.attempts > 0)
        changed = self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id, outbox.c.state.in_([each.value for each in states]), ~unknown)
            .values(state=MessageState.CLOSED.value, error=words[:LONGEST_ERROR])
        )
        return changed.rowcount == 1

    def readdress(self, message_id: int, stripe_customer_id: str) -> None:
        """The user has another customer by now."""
        self._connection.execute(
            update(outbox).where(outbox.c.id == message_id, WAITS).values(stripe_customer_id=stripe_customer_id)
        )

    def rename(self, message: Message, at_ms: int) -> Message | None:
        """Claimed usage gets another identifier, under which its first try begins; it stays the claimant's. None, and
        nothing is done, when another try began since it was claimed."""
        name = self._next_name(message)
        changed = self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message.id, is_last_try(message))
            .values(identifier=name, attempts=1, tried_ms=at_ms, first_tried_ms=at_ms)
        )
        renamed = replace(message, identifier=name, attempts=0, tried_ms=None, first_tried_ms=None)
        return renamed if changed.rowcount == 1 else None

    def _next_name(self, message: Message) -> str:
        numbered = message.identifier != message.key
        return self._free(message.key, int(message.identifier.rpartition(".")[2]) + 1 if numbered else 2)

    def resend(self, message_id: int) -> bool:
        """Try a refused message again, after its cause was repaired. Usage gets another identifier: Stripe may
        remember the old one. False if it was not refused."""
        message = self.get(message_id)
        if message is None or message.state is not MessageState.REFUSED:
            return False
        identifier = message.identifier
        if message.kind is MessageKind.METER_EVENT:
            identifier = self._next_name(message)
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == message_id)
            .values(
                state=MessageState.WAITING.value,
                next_attempt_ms=0,
                identifier=identifier,
                # Under this name nothing was tried yet.
                tried_ms=None if identifier != message.identifier else outbox.c.tried_ms,
                first_tried_ms=None if identifier != message.identifier else outbox.c.first_tried_ms,
                attempts=0 if identifier != message.identifier else outbox.c.attempts,
                code="",
                report="",
            )
        )
        return True
