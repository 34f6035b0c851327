"""What must hold of entries, postings and kept balances: queries that find what breaks it.

Each check looks at all rows, or at those whose ids lie in a span, so that it can be done in small steps.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, true

from bioql_console.domain.ledger import PER_USER, Account, EntryKind
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.verification import Difference, Mend
from bioql_console.storage.prepared import Prepared, among
from bioql_console.storage.tables import balances, invoice_payments, journal_entries, postings, users

RESTORE = "Restore the newest backup and compare; don't go on posting until it is explained."
RECOUNT = "Take the sum of the postings, which are whole: “Mend…” at the top of the window."
REVERSE = "Reverse the entry that is too many: “Mend…” at the top of the window."


@dataclass(frozen=True, slots=True)
class Span:
    """Ids from `first` to `last`, both included."""

    first: int
    last: int


def within(column: Any, span: Span | None) -> Any:
    return true() if span is None else column.between(span.first, span.last)


def not_taken_back(entries: Any) -> Any:
    """That no other entry reverses it."""
    reversal = journal_entries.alias()
    # A list that is made once: no index leads from an entry to what reverses it.
    taken_back = select(reversal.c.reverses).where(
        reversal.c.kind == EntryKind.REVERSAL.value, reversal.c.reverses.is_not(None)
    )
    return entries.c.id.not_in(taken_back)


# --- entries


def unbalanced_entries(connection: Connection, span: Span | None) -> list[Difference]:
    total = func.sum(postings.c.micros)
    rows = connection.execute(
        select(postings.c.entry_id, total)
        .where(within(postings.c.entry_id, span))
        .group_by(postings.c.entry_id)
        .having(total != 0)
    )
    return [
        Difference(f"Entry {entry} does not balance: it is off by {plain_dollars(int(off))}.", RESTORE)
        for entry, off in rows
    ]


def lonely_entries(connection: Connection, span: Span | None) -> list[Difference]:
    rows = connection.execute(
        select(journal_entries.c.id)
        .outerjoin(postings, postings.c.entry_id == journal_entries.c.id)
        .where(within(journal_entries.c.id, span))
        .group_by(journal_entries.c.id)
        .having(func.count(postings.c.id) < 2)
    )
    return [Difference(f"Entry {row.id} has fewer than two postings.", RESTORE) for row in rows]


def payments_posted_twice(connection: Connection, span: Span | None) -> list[Difference]:
    """A payment on an invoice counts under the invoice, and not under itself as well."""
    itself, invoiced = journal_entries.alias(), journal_entries.alias()
    rows = connection.execute(
        select(itself.c.id, itself.c.source_id, invoiced.c.id.label("other"), invoiced.c.source_id.label("invoice"))
        .join(invoice_payments, invoice_payments.c.payment_intent == itself.c.source_id)
        .join(
            invoiced,
            and_(
                invoiced.c.kind == EntryKind.PAYMENT.value,
                invoiced.c.source_type == "invoice",
                invoiced.c.source_id == invoice_payments.c.invoice_id,
            ),
        )
        .where(
            itself.c.kind == EntryKind.PAYMENT.value,
            itself.c.source_type == "payment_intent",
            within(itself.c.id, span),
            not_taken_back(itself),
            not_taken_back(invoiced),
        )
    )
    return [
        Difference(
            f"Payment {row.source_id} was posted twice: as entry {row.id}, and with invoice {row.invoice} as entry "
            f"{row.other}.",
            REVERSE,
            mend=Mend.REVERSE,
            entry_id=row.id,
        )
        for row in rows
    ]


def sources_posted_twice(connection: Connection) -> list[Difference]:
    """The database refuses it by a unique key, unless somebody took that away."""
    key = (journal_entries.c.kind, journal_entries.c.source_type, journal_entries.c.source_id)
    rows = connection.execute(
        select(*key, func.max(journal_entries.c.id).label("last"), func.count().label("times"))
        .where(not_taken_back(journal_entries))
        .group_by(*key)
        .having(func.count() > 1)
    )
    return [
        Difference(
            f"{row.source_type} {row.source_id} was posted {row.times} times as {row.kind}, the last time as entry "
            f"{row.last}.",
            REVERSE,
            mend=Mend.REVERSE,
            entry_id=row.last,
        )
        for row in rows
    ]


# --- postings


def misdated_postings(connection: Connection, span: Span | None) -> list[Difference]:
    """Postings repeat their entry's time, by which debts are aged."""
    rows = connection.execute(
        select(postings.c.id, postings.c.entry_id, postings.c.user_id)
        .join(journal_entries, journal_entries.c.id == postings.c.entry_id)
        .where(postings.c.effective_ms != journal_entries.c.effective_ms, within(postings.c.id, span))
    )
    return [
        Difference(f"Posting {row.id} has another time than its entry {row.entry_id}.", RESTORE, row.user_id)
        for row in rows
    ]


def postings_without_entry(connection: Connection, span: Span | None) -> list[Difference]:
    rows = connection.execute(
        select(postings.c.id, postings.c.entry_id, postings.c.user_id)
        .outerjoin(journal_entries, journal_entries.c.id == postings.c.entry_id)
        .where(journal_entries.c.id.is_(None), within(postings.c.id, span))
    )
    return [
        Difference(f"Posting {row.id} belongs to entry {row.entry_id}, which is not there.", RESTORE, row.user_id)
        for row in rows
    ]


def wrongly_named_postings(connection: Connection, span: Span | None) -> list[Difference]:
    rows = connection.execute(
        select(postings.c.id).where(
            postings.c.account.in_([account.value for account in PER_USER]) != postings.c.user_id.is_not(None),
            within(postings.c.id, span),
        )
    )
    return [Difference(f"Posting {row.id} names a user wrongly.", RESTORE) for row in rows]


# --- kept balances


def wrong_balances(connection: Connection, span: Span | None) -> list[Difference]:
    return _told(connection.execute(_wrong_balances(within(balances.c.user_id, span))))


def _wrong_balances(which: Any) -> Any:
    receivable, credit = posted_to(Account.RECEIVABLE), posted_to(Account.CUSTOMER_CREDIT)
    return select(balances, receivable.label("receivable"), credit.label("credit")).where(
        which, or_(balances.c.receivable_micros != receivable, balances.c.credit_micros != credit)
    )


def _told(rows: Iterable[Any]) -> list[Difference]:
    return [
        Difference(
            f"User {row.user_id} is shown as owing {plain_dollars(row.receivable_micros)} with credit of "
            f"{plain_dollars(-row.credit_micros)}, but the postings say {plain_dollars(int(row.receivable))} "
            f"and {plain_dollars(-int(row.credit))}.",
            RECOUNT,
            row.user_id,
            Mend.RECOUNT,
        )
        for row in rows
    ]


def wrong_balances_of(connection: Connection, user_ids: Iterable[int]) -> list[Difference]:
    return _told(_WRONG_BALANCES_OF.rows(connection, users=list(user_ids)))


def posted_to(account: Account) -> Any:
    """The sum of what was posted to one of a user's accounts, for the row of `balances` it is selected beside."""
    return (
        select(func.coalesce(func.sum(postings.c.micros), 0))
        .where(postings.c.user_id == balances.c.user_id, postings.c.account == account.value)
        .correlate(balances)
        .scalar_subquery()
    )


def debt_and_credit(connection: Connection, span: Span | None) -> list[Difference]:
    rows = connection.execute(
        select(balances).where(
            within(balances.c.user_id, span),
            or_(
                balances.c.receivable_micros < 0,
                balances.c.credit_micros > 0,
                and_(balances.c.receivable_micros != 0, balances.c.credit_micros != 0),
            ),
        )
    )
    return [
        Difference(
            f"User {row.user_id} is in debt and in credit at once, or below zero.", RECOUNT, row.user_id, Mend.RECOUNT
        )
        for row in rows
    ]


def missing_balances(connection: Connection, span: Span | None) -> list[Difference]:
    rows = connection.execute(
        select(users.c.id)
        .outerjoin(balances, balances.c.user_id == users.c.id)
        .where(balances.c.user_id.is_(None), within(users.c.id, span))
    )
    return [Difference(f"User {row.id} has no balance.", RECOUNT, row.id, Mend.RECOUNT) for row in rows]


# --- what one transaction just posted


def entries_as_posted(connection: Connection, expected: Mapping[int, int]) -> list[Difference]:
    """Read back from the database.

    Args:
        expected: How many postings each entry was given, by its id.
    """
    rows = _AS_POSTED.rows(connection, entries=list(expected))
    found = {entry_id: (int(total), count) for entry_id, total, count in rows}
    return [
        Difference(f"Entry {entry_id} was not stored as it was posted; it was taken back.", RESTORE)
        for entry_id, count in expected.items()
        if found.get(entry_id) != (0, count)
    ]


def users_as_posted(connection: Connection, touched: Mapping[int, int], each_time: int) -> list[Difference]:
    """The kept balances of the users that were posted to.

    Args:
        touched: How many entries each of them got, by user id.
        each_time: Of a user with more entries than this, not every posting makes us add them all up.
    """
    versions = {row.user_id: row.version for row in _VERSIONS.rows(connection, users=list(touched))}
    lost = [
        Difference(f"User {user_id} has no balance.", RECOUNT, user_id, Mend.RECOUNT)
        for user_id in touched
        if user_id not in versions
    ]
    due = [
        user_id for user_id, version in versions.items() if version % max(1, version // each_time) < touched[user_id]
    ]
    return lost + wrong_balances_of(connection, due)


_WRONG_BALANCES_OF = Prepared(
    lambda connection: _wrong_balances(among(connection, balances.c.user_id, "users")),
)
_AS_POSTED = Prepared(
    lambda connection: (
        select(postings.c.entry_id, func.sum(postings.c.micros).label("micros"), func.count().label("number"))
        .where(among(connection, postings.c.entry_id, "entries"))
        .group_by(postings.c.entry_id)
    )
)
_VERSIONS = Prepared(
    lambda connection: select(balances.c.user_id, balances.c.version).where(
        among(connection, balances.c.user_id, "users")
    )
)
