"""What must hold between the ledger and what it was made from: usage, events, the trail, the file itself."""

from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, text

from bioql_console.domain.ledger import Account, EntryKind
from bioql_console.domain.money import plain_dollars
from bioql_console.domain.verification import Difference, Mend
from bioql_console.domain.webhooks import EventState
from bioql_console.storage.activity import ActivityLog
from bioql_console.storage.book_checks import RESTORE, REVERSE, Span, not_taken_back, within
from bioql_console.storage.tables import inbox, invoice_payments, journal_entries, postings, usage

# Events that say how much was paid; others about the same payment say what went back.
PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded", "invoice.paid")
PAYMENT_SOURCES = ("payment_intent", "invoice", "invoice_outside")


def _usage_entry() -> Any:
    return and_(
        journal_entries.c.kind == EntryKind.USAGE.value,
        journal_entries.c.source_type == "usage",
        journal_entries.c.source_id == usage.c.usage_id,
    )


def usage_without_entry(connection: Connection, span: Span | None) -> list[Difference]:
    revenue = and_(postings.c.entry_id == journal_entries.c.id, postings.c.account == Account.USAGE_REVENUE.value)
    posted = func.coalesce(-postings.c.micros, 0)
    rows = connection.execute(
        select(usage.c.usage_id, usage.c.user_id, usage.c.cost_micros, posted.label("posted"))
        .outerjoin(journal_entries, _usage_entry())
        .outerjoin(postings, revenue)
        .where(usage.c.cost_micros != posted, ~usage.c.opening, within(usage.c.id, span))
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


def usage_of_another(connection: Connection, span: Span | None) -> list[Difference]:
    rows = connection.execute(
        select(usage.c.usage_id, usage.c.user_id, postings.c.user_id.label("charged"))
        .join(journal_entries, _usage_entry())
        .join(postings, postings.c.entry_id == journal_entries.c.id)
        .where(postings.c.user_id != usage.c.user_id, within(usage.c.id, span))
    )
    return [
        Difference(f"Usage {row.usage_id} of user {row.user_id} was charged to user {row.charged}.", RESTORE)
        for row in rows
    ]


def payments_not_posted(connection: Connection, span: Span | None) -> list[Difference]:
    """Applied events about money must have left an entry for their payment."""
    # An invoice's payment is posted under the invoice.
    source = func.coalesce(invoice_payments.c.invoice_id, inbox.c.object_id)
    rows = connection.execute(
        select(inbox.c.event_id, inbox.c.object_id, inbox.c.user_id)
        .outerjoin(invoice_payments, invoice_payments.c.payment_intent == inbox.c.object_id)
        .outerjoin(
            journal_entries,
            and_(
                journal_entries.c.kind == EntryKind.PAYMENT.value,
                journal_entries.c.source_type.in_(PAYMENT_SOURCES),
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
            within(inbox.c.sequence, span),
        )
    )
    return [
        Difference(
            f"Event {row.event_id} counts as applied, but payment {row.object_id} is not posted.",
            "Replay the event on the Webhooks page.",
            row.user_id,
            Mend.REPLAY,
        )
        for row in rows
    ]


def more_posted_than_paid(connection: Connection, span: Span | None) -> list[Difference]:
    """No payment may count for more than Stripe said was collected."""
    cash = and_(
        postings.c.entry_id == journal_entries.c.id,
        postings.c.account.in_((Account.STRIPE_CLEARING.value, Account.BANK.value)),
    )
    posted = func.sum(postings.c.micros)
    rows = connection.execute(
        select(
            *(inbox.c.event_id, inbox.c.object_id, inbox.c.user_id, inbox.c.amount_micros),
            posted.label("posted"),
            func.max(journal_entries.c.id).label("entry_id"),
        )
        .join(
            journal_entries,
            and_(
                journal_entries.c.kind == EntryKind.PAYMENT.value,
                journal_entries.c.source_type.in_(PAYMENT_SOURCES),
                journal_entries.c.source_id == inbox.c.object_id,
            ),
        )
        .join(postings, cash)
        .where(
            inbox.c.state == EventState.APPLIED.value,
            inbox.c.type.in_(PAID),
            inbox.c.amount_micros > 0,
            within(inbox.c.sequence, span),
            not_taken_back(journal_entries),
        )
        .group_by(inbox.c.event_id, inbox.c.object_id, inbox.c.user_id, inbox.c.amount_micros)
        .having(posted > inbox.c.amount_micros)
    )
    return [
        Difference(
            f"Stripe collected {plain_dollars(row.amount_micros)} of {row.object_id}, but "
            f"{plain_dollars(int(row.posted))} was posted for it.",
            REVERSE,
            row.user_id,
            Mend.REVERSE,
            row.entry_id,
        )
        for row in rows
    ]


def broken_chain(connection: Connection, span: Span | None) -> list[Difference]:
    """Each record of the trail follows from the one before it."""
    trail = ActivityLog(connection, lambda: 0)
    broken = trail.first_broken() if span is None else trail.first_broken(span.first, span.last)
    if broken is None:
        return []
    return [Difference(f"The activity trail was changed at record {broken} or right before it.", RESTORE)]


def file_damage(connection: Connection) -> list[Difference]:
    """What SQLite itself finds. PostgreSQL has no such check to ask for."""
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.execute(text("PRAGMA integrity_check(5)")).scalars().all()
    broken = [Difference(f"The database file is damaged: {row}.", RESTORE) for row in rows if row != "ok"]
    orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
    return broken + [Difference(f"A row of {row[0]} points to nothing in {row[2]}.", RESTORE) for row in orphans[:5]]
