"""The Overview's figures, from one snapshot."""

from typing import Any

from sqlalchemy import Connection, and_, case, func, select

from bioql_console.domain.ageing import DAY_MS, bucket_starts_ms
from bioql_console.domain.ledger import Account, EntryKind
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.overview import Figure, Figures
from bioql_console.domain.webhooks import EventState
from bioql_console.storage.outbox_tables import outbox
from bioql_console.storage.statements import utc_day
from bioql_console.storage.tables import balances, inbox, journal_entries, postings, usage, users

DAYS = 30


class FiguresReader:
    """Sums for the headline tiles."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, now_ms: int, terms_days: int) -> Figures:
        today = now_ms - now_ms % DAY_MS
        since = today - (DAYS - 1) * DAY_MS
        outstanding, overdue, kept_micros = self._owed(now_ms, terms_days)
        return Figures(
            outstanding_micros=Figure(*outstanding, self._owed_by_day(since, kept_micros)),
            overdue_micros=Figure(*overdue, ()),
            paid_micros=self._paid(since),
            shots=self._shots(since),
            users=self._scalar(select(func.count()).select_from(users)),
            users_without_customer=self._scalar(
                select(func.count()).select_from(users).where(users.c.stripe_customer_id.is_(None))
            ),
            events_needing_attention=self._scalar(
                select(func.count()).select_from(inbox).where(inbox.c.state == EventState.QUARANTINED.value)
            ),
            outbox_waiting=self._messages(MessageState.WAITING),
            outbox_refused=self._messages(MessageState.REFUSED),
            as_of_ms=now_ms,
        )

    def _owed(self, now_ms: int, terms_days: int) -> tuple[tuple[int, int], tuple[int, int], int]:
        """Micros and customers: outstanding, and overdue of it; and what is owed with what is posted in the future.

        These are the sums of ageing's rows, without the rows.

        What is owed is the kept balances, one index from end to end; only who was charged within the terms, or is
        posted to in the future, is looked at one by one. The newest charges are what is open, so that of those within
        the terms as much is not due yet as is owed at all.
        """
        due_from = bucket_starts_ms(now_ms, terms_days)[0]
        known = postings.c.effective_ms <= now_ms
        moved = (
            select(
                postings.c.user_id,
                func.sum(case((and_(known, postings.c.micros > 0), postings.c.micros), else_=0)).label("charged"),
                func.sum(case((known, 0), else_=postings.c.micros)).label("later"),
            )
            .where(postings.c.account == Account.RECEIVABLE.value, postings.c.effective_ms >= due_from)
            .group_by(postings.c.user_id)
            .subquery()
        )
        kept = balances.c.receivable_micros
        # More can be paid later than is owed now; then nothing is owed, but never less.
        owed = case((kept > moved.c.later, kept - moved.c.later), else_=0)
        not_due = case((owed < moved.c.charged, owed), else_=moved.c.charged)
        total, owing = self._connection.execute(select(func.sum(kept), func.count()).where(kept > 0)).one()
        fixed, more_owing, current, only_current = self._connection.execute(
            select(
                func.sum(owed - kept),
                func.sum(case((owed > 0, 1), else_=0) - case((kept > 0, 1), else_=0)),
                func.sum(not_due),
                func.sum(case((and_(owed > 0, not_due == owed), 1), else_=0)),
            ).select_from(moved.join(balances, balances.c.user_id == moved.c.user_id))
        ).one()
        kept_micros = int(total or 0)
        total, owing = kept_micros + int(fixed or 0), owing + int(more_owing or 0)
        return (total, owing), (total - int(current or 0), owing - int(only_current or 0)), kept_micros

    def _owed_by_day(self, since: int, owed_now: int) -> tuple[int, ...]:
        """What was owed at the end of each of the last days, oldest first."""
        changes = self._by_day(
            select(utc_day(postings.c.effective_ms), func.sum(postings.c.micros)).where(
                postings.c.account == Account.RECEIVABLE.value, postings.c.effective_ms >= since
            ),
            postings.c.effective_ms,
        )
        history = []
        for day in range(DAYS - 1, -1, -1):
            history.append(owed_now)
            owed_now -= changes.get(since + day * DAY_MS, 0)
        return tuple(reversed(history))

    def _paid(self, since: int) -> Figure:
        conditions = (
            journal_entries.c.kind == EntryKind.PAYMENT.value,
            journal_entries.c.effective_ms >= since,
            postings.c.account == Account.STRIPE_CLEARING.value,
        )
        joined = postings.join(journal_entries, journal_entries.c.id == postings.c.entry_id)
        by_day = self._by_day(
            select(utc_day(journal_entries.c.effective_ms), func.sum(postings.c.micros))
            .select_from(joined)
            .where(*conditions),
            journal_entries.c.effective_ms,
        )
        count = self._scalar(select(func.count()).select_from(joined).where(*conditions))
        return Figure(sum(by_day.values()), count, _history(by_day, since))

    def _shots(self, since: int) -> Figure:
        recent = (usage.c.at_ms >= since, usage.c.succeeded)
        by_day = self._by_day(select(utc_day(usage.c.at_ms), func.sum(usage.c.shots)).where(*recent), usage.c.at_ms)
        backends = self._scalar(select(func.count(usage.c.backend.distinct())).where(*recent))
        return Figure(sum(by_day.values()), backends, _history(by_day, since))

    def _messages(self, state: MessageState) -> int:
        return self._scalar(select(func.count()).select_from(outbox).where(outbox.c.state == state.value))

    def _by_day(self, statement: Any, at_ms: Any) -> dict[int, int]:
        return {int(day): int(total) for day, total in self._connection.execute(statement.group_by(utc_day(at_ms)))}

    def _scalar(self, statement: Any) -> int:
        return int(self._connection.execute(statement).scalar_one())


def _history(by_day: dict[int, int], since: int) -> tuple[int, ...]:
    return tuple(by_day.get(since + day * DAY_MS, 0) for day in range(DAYS))
