"""Posting to the ledger and reading it back."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, func, select, update

from bioql_console.domain.ledger import PER_USER, Account, Balance, EntryKind, Fact, JournalEntry, Posting
from bioql_console.domain.paging import Cursor, Page
from bioql_console.domain.statements import StatementLine
from bioql_console.storage.book_checks import posted_to
from bioql_console.storage.prepared import Prepared, parameter
from bioql_console.storage.safety import PostingGuard
from bioql_console.storage.statements import insert
from bioql_console.storage.tables import balances, journal_entries, postings

_PER_USER = [account.value for account in PER_USER]
_BALANCE = Prepared(lambda _: _balance())
_BALANCE_TO_CHANGE = Prepared(lambda _: _balance().with_for_update())
_HOLD = Prepared(lambda _: _balance().with_for_update(skip_locked=True))
_POST_ENTRY = Prepared(
    lambda connection: (
        insert(connection, journal_entries)
        .on_conflict_do_nothing(index_elements=["kind", "source_type", "source_id"])
        .returning(journal_entries.c.id)
    ),
    sets=(
        "kind",
        "source_type",
        "source_id",
        "effective_ms",
        "recorded_ms",
        "operator",
        "memo",
        "currency",
        "reverses",
    ),
)
_POST = Prepared(
    lambda _: postings.insert().inline(), sets=("entry_id", "account", "user_id", "micros", "effective_ms")
)
_MOVE_BALANCE = Prepared(
    lambda _: (
        update(balances)
        .where(balances.c.user_id == parameter("user"))
        .values(
            receivable_micros=balances.c.receivable_micros + parameter("owed"),
            credit_micros=balances.c.credit_micros + parameter("credit"),
            version=balances.c.version + 1,
        )
    )
)


def _balance() -> Any:
    return select(balances).where(balances.c.user_id == parameter("user"))


class Ledger:
    """Append-only: entries are posted or reversed, never changed."""

    def __init__(self, connection: Connection, now_ms: Callable[[], int], guard: PostingGuard) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._guard = guard

    def balance(self, user_id: int) -> Balance:
        """The user's balance; in a write transaction locked until its end.

        Raises:
            LookupError: no such user.
        """
        writes = self._connection.get_execution_options().get("bioql_write")
        row = (_BALANCE_TO_CHANGE if writes else _BALANCE).row(self._connection, user=user_id)
        if row is None:
            raise LookupError(f"user {user_id} has no balance")
        return Balance(row.receivable_micros, row.credit_micros, row.version)

    def hold(self, user_id: int) -> bool:
        """Keep everybody else from the user's money until the transaction ends; False if somebody has it now."""
        return _HOLD.scalar(self._connection, user=user_id) is not None

    def post(self, fact: Fact) -> bool:
        """Post a fact about a user, once.

        Returns:
            True if it was posted; False if the same kind and source had been posted before.
        """
        self._guard.before(fact)
        return self.post_entry(fact.entry(self.balance(fact.user_id))) is not None

    def post_entry(self, entry: JournalEntry) -> int | None:
        """Post a balanced entry, once. Returns its id, or None if its kind and source had been posted before.

        Raises:
            OperatorError: `ledger.unsafe` while something is broken in the books.
        """
        self._guard.before(entry)
        entry_id: int | None = _POST_ENTRY.scalar(
            self._connection,
            kind=entry.kind.value,
            source_type=entry.source_type,
            source_id=entry.source_id,
            effective_ms=entry.effective_ms,
            recorded_ms=self._now_ms(),
            operator=entry.operator,
            memo=entry.memo,
            currency=entry.currency,
            reverses=entry.reverses,
        )
        if entry_id is None:
            return None
        for posting in entry.postings:
            _POST.run(
                self._connection,
                entry_id=entry_id,
                account=posting.account.value,
                user_id=posting.user_id,
                micros=posting.micros,
                effective_ms=entry.effective_ms,
            )
        for user_id in {posting.user_id for posting in entry.postings if posting.user_id is not None}:
            self._move_balance(user_id, entry.postings)
        self._guard.posted(entry_id, entry)
        return entry_id

    def _move_balance(self, user_id: int, moved: tuple[Posting, ...]) -> None:
        def change(account: Account) -> int:
            return sum(p.micros for p in moved if p.user_id == user_id and p.account is account)

        owed, credit = change(Account.RECEIVABLE), change(Account.CUSTOMER_CREDIT)
        _MOVE_BALANCE.run(self._connection, user=user_id, owed=owed, credit=credit)

    def recount(self, user_id: int) -> Balance:
        """Keep as balance what the user's postings add up to, and answer it."""
        added = insert(self._connection, balances).values(user_id=user_id).on_conflict_do_nothing()
        self._connection.execute(added)
        self._connection.execute(
            update(balances)
            .where(balances.c.user_id == user_id)
            .values(
                receivable_micros=posted_to(Account.RECEIVABLE),
                credit_micros=posted_to(Account.CUSTOMER_CREDIT),
                version=balances.c.version + 1,
            )
        )
        return self.balance(user_id)

    def entry(self, entry_id: int) -> JournalEntry | None:
        """An entry as it was posted."""
        row = self._connection.execute(select(journal_entries).where(journal_entries.c.id == entry_id)).one_or_none()
        if row is None:
            return None
        posted = self._connection.execute(
            select(postings).where(postings.c.entry_id == entry_id).order_by(postings.c.id)
        )
        return JournalEntry(
            kind=EntryKind(row.kind),
            source_type=row.source_type,
            source_id=row.source_id,
            effective_ms=row.effective_ms,
            postings=tuple(Posting(Account(each.account), each.micros, each.user_id) for each in posted),
            memo=row.memo,
            operator=row.operator,
            reverses=row.reverses,
        )

    def statement(self, user_id: int, after: Cursor | None, limit: int) -> Page[StatementLine]:
        """A user's entries, newest first, each with the balance right after it (owed minus credit)."""
        touched = (
            select(postings.c.entry_id, func.sum(postings.c.micros).label("micros"))
            .where(postings.c.user_id == user_id, postings.c.account.in_(_PER_USER))
            .group_by(postings.c.entry_id)
            .subquery()
        )
        # Running totals over one user's own entries; a user has thousands, not millions.
        lines = (
            select(
                journal_entries,
                touched.c.micros,
                func.sum(touched.c.micros).over(order_by=journal_entries.c.id).label("after_micros"),
            )
            .join(touched, touched.c.entry_id == journal_entries.c.id)
            .subquery()
        )
        statement = select(lines).order_by(lines.c.id.desc()).limit(limit + 1)
        if after is not None:
            statement = statement.where(lines.c.id < after.id)
        rows = self._connection.execute(statement).all()
        found = tuple(
            StatementLine(
                entry_id=row.id,
                kind=EntryKind(row.kind),
                effective_ms=row.effective_ms,
                recorded_ms=row.recorded_ms,
                memo=row.memo,
                operator=row.operator,
                micros=int(row.micros),
                after_micros=int(row.after_micros),
                source_type=row.source_type,
                source_id=row.source_id,
            )
            for row in rows[:limit]
        )
        return Page(found, Cursor(0, found[-1].entry_id) if len(rows) > limit else None)

    def postings_from(self, source_type: str, source_id: str) -> list[Posting]:
        """What a source posted, e.g. a payment intent; empty when nothing."""
        rows = self._connection.execute(
            select(postings)
            .join(journal_entries, journal_entries.c.id == postings.c.entry_id)
            .where(
                # All kinds, named so that the unique index is found by its first column.
                journal_entries.c.kind.in_([kind.value for kind in EntryKind]),
                journal_entries.c.source_type == source_type,
                journal_entries.c.source_id == source_id,
            )
            .order_by(postings.c.id)
        )
        return [Posting(Account(row.account), row.micros, row.user_id) for row in rows]

    def posted_micros(self, kind: EntryKind, source_type: str, source_prefix: str, account: Account) -> int:
        """Sum already posted to an account by entries of a kind whose source id starts with a prefix.

        Cumulative amounts, such as refunds of a charge, post only what is new beyond this.
        """
        total = self._connection.execute(
            select(func.coalesce(func.sum(postings.c.micros), 0))
            .join(journal_entries, journal_entries.c.id == postings.c.entry_id)
            .where(
                journal_entries.c.kind == kind.value,
                journal_entries.c.source_type == source_type,
                # Not LIKE: on SQLite it takes "ch_A" for "ch_a", and Stripe's ids tell them apart.
                func.substr(journal_entries.c.source_id, 1, len(source_prefix)) == source_prefix,
                postings.c.account == account.value,
            )
        ).scalar_one()
        return int(total)
