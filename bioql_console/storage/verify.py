"""Recomputing everything from the postings."""

from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, text

from bioql_console.domain.ledger import PER_USER, Account, EntryKind
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.verification import Difference, Verification
from bioql_console.domain.webhooks import EventState
from bioql_console.storage.activity import ActivityLog
from bioql_console.storage.tables import balances, inbox, invoice_payments, journal_entries, postings, usage, users

RESTORE = "Restore the newest backup and compare; don't go on posting until it is explained."


class Verifier:
    """The ledger's invariants, each as a query that finds what breaks it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self) -> Verification:
        """Check everything. Never changes anything."""
        differences = [
            *self._unbalanced_entries(),
            *self._lonely_entries(),
            *self._misdated_postings(),
            *self._wrong_balances(),
            *self._debt_and_credit(),
            *self._missing_balances(),
            *self._usage_without_entry(),
            *self._usage_of_another(),
            *self._payments_not_posted(),
            *self._broken_chain(),
            *self._file_damage(),
        ]
        return Verification(
            users=self._scalar(select(func.count()).select_from(users)),
            entries=self._scalar(select(func.count()).select_from(journal_entries)),
            owed_micros=self._scalar(select(func.coalesce(func.sum(balances.c.receivable_micros), 0))),
            credit_micros=-self._scalar(select(func.coalesce(func.sum(balances.c.credit_micros), 0))),
            differences=tuple(differences),
        )

    def _unbalanced_entries(self) -> list[Difference]:
        total = func.sum(postings.c.micros)
        rows = self._connection.execute(
            select(postings.c.entry_id, total).group_by(postings.c.entry_id).having(total != 0)
        )
        return [
            Difference(f"Entry {entry} does not balance: it is off by {plain_dollars(int(off))}.", RESTORE)
            for entry, off in rows
        ]

    def _lonely_entries(self) -> list[Difference]:
        rows = self._connection.execute(
            select(journal_entries.c.id)
            .outerjoin(postings, postings.c.entry_id == journal_entries.c.id)
            .group_by(journal_entries.c.id)
            .having(func.count(postings.c.id) < 2)
        )
        return [Difference(f"Entry {row.id} has fewer than two postings.", RESTORE) for row in rows]

    def _misdated_postings(self) -> list[Difference]:
        """Postings repeat their entry's time, by which debts are aged."""
        rows = self._connection.execute(
            select(postings.c.id, postings.c.entry_id, postings.c.user_id)
            .join(journal_entries, journal_entries.c.id == postings.c.entry_id)
            .where(postings.c.effective_ms != journal_entries.c.effective_ms)
        )
        return [
            Difference(f"Posting {row.id} has another time than its entry {row.entry_id}.", RESTORE, row.user_id)
            for row in rows
        ]

    def _wrong_balances(self) -> list[Difference]:
        def posted(account: Account) -> Any:
            return (
                select(func.coalesce(func.sum(postings.c.micros), 0))
                .where(postings.c.user_id == balances.c.user_id, postings.c.account == account.value)
                .correlate(balances)
                .scalar_subquery()
            )

        receivable, credit = posted(Account.RECEIVABLE), posted(Account.CUSTOMER_CREDIT)
        rows = self._connection.execute(
            select(balances, receivable.label("receivable"), credit.label("credit")).where(
                or_(balances.c.receivable_micros != receivable, balances.c.credit_micros != credit)
            )
        )
        return [
            Difference(
                f"User {row.user_id} is shown as owing {plain_dollars(row.receivable_micros)} with credit of "
                f"{plain_dollars(-row.credit_micros)}, but the postings say {plain_dollars(int(row.receivable))} "
                f"and {plain_dollars(-int(row.credit))}.",
                RESTORE,
                row.user_id,
            )
            for row in rows
        ]

    def _debt_and_credit(self) -> list[Difference]:
        rows = self._connection.execute(
            select(balances).where(
                or_(
                    balances.c.receivable_micros < 0,
                    balances.c.credit_micros > 0,
                    and_(balances.c.receivable_micros != 0, balances.c.credit_micros != 0),
                )
            )
        )
        return [
            Difference(f"User {row.user_id} is in debt and in credit at once, or below zero.", RESTORE, row.user_id)
            for row in rows
        ]

    def _missing_balances(self) -> list[Difference]:
        rows = self._connection.execute(
            select(users.c.id).outerjoin(balances, balances.c.user_id == users.c.id).where(balances.c.user_id.is_(None))
        )
        found = [Difference(f"User {row.id} has no balance.", RESTORE, row.id) for row in rows]
        wrong_side = self._connection.execute(
            select(postings.c.id).where(
                postings.c.account.in_([account.value for account in PER_USER]) != postings.c.user_id.is_not(None)
            )
        )
        return found + [Difference(f"Posting {row.id} names a user wrongly.", RESTORE) for row in wrong_side]

    def _usage_without_entry(self) -> list[Difference]:
        entry = and_(
            journal_entries.c.kind == EntryKind.USAGE.value,
            journal_entries.c.source_type == "usage",
            journal_entries.c.source_id == usage.c.usage_id,
        )
        revenue = and_(postings.c.entry_id == journal_entries.c.id, postings.c.account == Account.USAGE_REVENUE.value)
        posted = func.coalesce(-postings.c.micros, 0)
        rows = self._connection.execute(
            select(usage.c.usage_id, usage.c.user_id, usage.c.cost_micros, posted.label("posted"))
            .outerjoin(journal_entries, entry)
            .outerjoin(postings, revenue)
            .where(usage.c.cost_micros != posted, ~usage.c.opening)
        )
        return [
            Difference(
                f"Usage {row.usage_id} costs {plain_dollars(row.cost_micros)}, but {plain_dollars(int(row.posted))} "
                "was posted for it.",
                RESTORE,
                row.user_id,
            )
            for row in rows
        ]

    def _usage_of_another(self) -> list[Difference]:
        rows = self._connection.execute(
            select(usage.c.usage_id, usage.c.user_id, postings.c.user_id.label("charged"))
            .join(
                journal_entries,
                and_(
                    journal_entries.c.kind == EntryKind.USAGE.value,
                    journal_entries.c.source_type == "usage",
                    journal_entries.c.source_id == usage.c.usage_id,
                ),
            )
            .join(postings, postings.c.entry_id == journal_entries.c.id)
            .where(postings.c.user_id != usage.c.user_id)
        )
        return [
            Difference(f"Usage {row.usage_id} of user {row.user_id} was charged to user {row.charged}.", RESTORE)
            for row in rows
        ]

    def _payments_not_posted(self) -> list[Difference]:
        """Applied events about money must have left an entry for their payment."""
        # An invoice's payment is posted under the invoice.
        source = func.coalesce(invoice_payments.c.invoice_id, inbox.c.object_id)
        rows = self._connection.execute(
            select(inbox.c.event_id, inbox.c.object_id, inbox.c.user_id)
            .outerjoin(invoice_payments, invoice_payments.c.payment_intent == inbox.c.object_id)
            .outerjoin(
                journal_entries,
                and_(
                    journal_entries.c.kind == EntryKind.PAYMENT.value,
                    journal_entries.c.source_type.in_(("payment_intent", "invoice", "invoice_outside")),
                    journal_entries.c.source_id == source,
                ),
            )
            .where(
                inbox.c.state == EventState.APPLIED.value,
                or_(
                    inbox.c.object_id.startswith("pi_", autoescape=True),
                    inbox.c.object_id.startswith("in_", autoescape=True),
                ),
                inbox.c.amount_micros > 0,
                journal_entries.c.id.is_(None),
            )
        )
        return [
            Difference(
                f"Event {row.event_id} counts as applied, but payment {row.object_id} is not posted.",
                "Replay the event on the Webhooks page.",
                row.user_id,
            )
            for row in rows
        ]

    def _file_damage(self) -> list[Difference]:
        if self._connection.dialect.name != "sqlite":
            return []
        rows = self._connection.execute(text("PRAGMA integrity_check(5)")).scalars().all()
        broken = [Difference(f"The database file is damaged: {row}.", RESTORE) for row in rows if row != "ok"]
        orphans = self._connection.execute(text("PRAGMA foreign_key_check")).all()
        return broken + [
            Difference(f"A row of {row[0]} points to nothing in {row[2]}.", RESTORE) for row in orphans[:5]
        ]

    def _broken_chain(self) -> list[Difference]:
        broken = ActivityLog(self._connection, lambda: 0).first_broken()
        if broken is None:
            return []
        return [Difference(f"The activity trail was changed at record {broken} or right before it.", RESTORE)]

    def _scalar(self, statement: Any) -> int:
        return int(self._connection.execute(statement).scalar_one())
