"""The ledger's cash at Stripe, entry by entry, as reconciliation compares it."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from bioql_console.domain.cash import CashEntry, PaidRow, Part
from bioql_console.domain.imports import INVOICE_SOURCE
from bioql_console.domain.ledger import Account, EntryKind
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.reconciliation import Period
from bioql_console.storage.payment_tables import checkouts
from bioql_console.storage.statements import utc_day
from bioql_console.storage.tables import invoices, journal_entries, postings

ROWS_AT_ONCE = 5_000
DISPUTE_MEMO = "Dispute of "
# Entries whose source is Stripe's own id of a payment, and those that reconciliation posted itself.
PAID_BY = ("payment_intent", "invoice")
CORRECTION = "reconciliation"


class CashFacts:
    """Entries against the account of cash at Stripe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def cash(self, period: Period) -> Iterator[CashEntry]:
        """Every entry against the account of cash at Stripe that took effect in the period."""
        inside = postings.c.effective_ms.between(period.from_ms, period.to_ms - 1)
        return map(_entry, self._stream(_cash().where(inside)))

    def cash_of(self, part: str, document: str) -> list[CashEntry]:
        """The entries of one document, of all times."""
        source, kind = journal_entries.c.source_id, journal_entries.c.source_type
        own = {
            Part.PAYMENT.value: and_(kind.in_(PAID_BY), source == document),
            Part.REFUND.value: and_(kind == "charge", func.substr(source, 1, len(document) + 1) == f"{document}:"),
            Part.DISPUTE.value: and_(kind == "dispute", source == document),
        }
        start = f"{part}:{document}:"
        corrected = and_(kind == CORRECTION, func.substr(source, 1, len(start)) == start)
        kinds = journal_entries.c.kind.in_([each.value for each in EntryKind])
        found = _cash().where(kinds, or_(own.get(part, corrected), corrected))
        return [each for each in map(_entry, self._connection.execute(found)) if each.document == document]

    def cash_by_day(self, period: Period) -> dict[int, int]:
        """Micros against the account, by start of UTC day: counted without looking at what each entry is."""
        day = utc_day(postings.c.effective_ms)
        rows = self._connection.execute(
            select(day, func.sum(postings.c.micros))
            .where(
                postings.c.account == Account.STRIPE_CLEARING.value,
                postings.c.effective_ms.between(period.from_ms, period.to_ms - 1),
            )
            .group_by(day)
        )
        return {int(start): int(micros) for start, micros in rows}

    def brought_in(self, invoice: str) -> bool:
        """Whether an invoice's payment came in with another database."""
        found = select(journal_entries.c.id).where(
            journal_entries.c.source_type == INVOICE_SOURCE, journal_entries.c.source_id == invoice
        )
        return self._connection.execute(found.limit(1)).first() is not None

    def held_micros(self, dispute: str) -> int:
        """What a dispute still holds in our books."""
        total = (
            select(func.coalesce(func.sum(postings.c.micros), 0))
            .join(journal_entries, journal_entries.c.id == postings.c.entry_id)
            .where(
                postings.c.account == Account.DISPUTES.value,
                journal_entries.c.kind.in_((EntryKind.DISPUTE_HOLD.value, EntryKind.DISPUTE_RELEASE.value)),
                journal_entries.c.source_type == "dispute",
                journal_entries.c.source_id == dispute,
            )
        )
        return int(self._connection.execute(total).scalar_one())

    def overpaying(self, period: Period) -> list[tuple[int, str]]:
        """Payments of which a part became credit: user and source."""
        rows = self._connection.execute(
            select(postings.c.user_id, journal_entries.c.source_id)
            .join(journal_entries, journal_entries.c.id == postings.c.entry_id)
            .where(
                journal_entries.c.kind == EntryKind.PAYMENT.value,
                journal_entries.c.source_type.in_(PAID_BY),
                journal_entries.c.effective_ms.between(period.from_ms, period.to_ms - 1),
                postings.c.account == Account.CUSTOMER_CREDIT.value,
                postings.c.micros < 0,
            )
        )
        return [(user, source) for user, source in rows]

    def payments_of(self, user_id: int) -> list[PaidRow]:
        """A user's payments in the order in which they took effect, each with what was owed right before it."""
        changed = func.sum(postings.c.micros).label("micros")
        made = func.coalesce(func.min(checkouts.c.created_ms), func.min(invoices.c.created_ms)).label("made_ms")
        entry = journal_entries.c
        rows = self._connection.execute(
            select(entry.id, entry.kind, entry.source_type, entry.source_id, entry.effective_ms, changed)
            .join(postings, postings.c.entry_id == entry.id)
            .where(postings.c.user_id == user_id)
            .group_by(entry.id, entry.kind, entry.source_type, entry.source_id, entry.effective_ms)
            .order_by(entry.effective_ms, entry.id)
        ).all()
        asked = dict(
            self._connection.execute(
                select(entry.id, made)
                .join(postings, and_(postings.c.entry_id == entry.id, postings.c.user_id == user_id))
                .outerjoin(checkouts, checkouts.c.payment_intent == entry.source_id)
                .outerjoin(invoices, invoices.c.invoice_id == entry.source_id)
                .where(entry.kind == EntryKind.PAYMENT.value)
                .group_by(entry.id)
            ).all()
        )
        found, owed = [], 0
        for row in rows:
            if row.kind == EntryKind.PAYMENT.value and row.source_type in PAID_BY:
                cents = -int(row.micros) // MICROS_PER_CENT
                before = owed // MICROS_PER_CENT
                found.append(PaidRow(row.source_id, row.id, cents, row.effective_ms, asked.get(row.id), before))
            owed += int(row.micros)
        return found

    def _stream(self, statement: Select[Any]) -> Iterator[Any]:
        return iter(self._connection.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)))


def _cash() -> Select[Any]:
    other = postings.alias("other")
    user = select(func.min(other.c.user_id)).where(other.c.entry_id == postings.c.entry_id).scalar_subquery()
    return (
        select(
            journal_entries.c.id,
            journal_entries.c.kind,
            journal_entries.c.source_type,
            journal_entries.c.source_id,
            journal_entries.c.memo,
            user.label("user_id"),
            postings.c.micros,
            postings.c.effective_ms,
        )
        .join(journal_entries, journal_entries.c.id == postings.c.entry_id)
        .where(postings.c.account == Account.STRIPE_CLEARING.value)
    )


def _entry(row: Any) -> CashEntry:
    part, document, payment = _document(row.source_type, row.source_id, row.memo)
    return CashEntry(part, document, row.id, payment, row.user_id, row.micros // MICROS_PER_CENT, row.effective_ms)


def _document(source_type: str, source_id: str, memo: str) -> tuple[str, str, str]:
    """What an entry is compared by, and the payment it is about where it says so."""
    if source_type in PAID_BY:
        return Part.PAYMENT.value, source_id, source_id if source_type == "payment_intent" else ""
    if source_type == "charge":
        payment = source_id.partition(":")[0]
        return Part.REFUND.value, payment, payment
    if source_type == "dispute":
        return Part.DISPUTE.value, source_id, memo.removeprefix(DISPUTE_MEMO).partition(" ")[0]
    if source_type == CORRECTION:
        part, document, _ = source_id.split(":", 2)
        return part, document, document if part == Part.REFUND.value else ""
    return Part.OTHER.value, f"{source_type}:{source_id}", ""
