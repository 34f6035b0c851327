"""Refunds and disputes."""

from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from bioql_console.domain.ledger import Account, EntryKind
from bioql_console.domain.paging import Cursor, MoneyBackQuery, Page
from bioql_console.domain.refunds import TO_ANSWER, UNDECIDED, MoneyBack, MoneyBackKind
from bioql_console.storage.payment_tables import money_back, refund_totals
from bioql_console.storage.statements import insert, like_literal, search_term
from bioql_console.storage.tables import journal_entries, postings, users

KEPT = ("cents", "status", "reason", "heard_ms", "due_ms", "withdrawn", "reinstated", "answers", "user_id")


class MoneyBacks:
    """Every refund and dispute that was heard of, each as it stands."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def follow(self, heard: MoneyBack) -> MoneyBack:
        """Learn what an event says. Answers what is known then, whatever came first."""
        made = self._connection.execute(
            insert(self._connection, money_back)
            .values(
                object_id=heard.id,
                kind=heard.kind.value,
                payment_intent=heard.payment_intent,
                created_ms=heard.created_ms,
                **_values(heard),
            )
            .on_conflict_do_nothing(index_elements=["object_id"])
            .returning(money_back.c.id)
        ).scalar()
        if made is not None:
            return heard
        row = self._connection.execute(
            select(money_back).where(money_back.c.object_id == heard.id).with_for_update()
        ).one()
        known = _read(row).after(heard)
        self._connection.execute(update(money_back).where(money_back.c.object_id == heard.id).values(**_values(known)))
        return known

    def belongs_to(self, payment_intent: str, user_id: int) -> None:
        """The payment is in our books: what was heard about it is about this user."""
        self._connection.execute(
            update(money_back)
            .where(money_back.c.payment_intent == payment_intent, money_back.c.user_id.is_(None))
            .values(user_id=user_id)
        )

    def of_payment(self, payment_intent: str, kind: MoneyBackKind) -> list[MoneyBack]:
        """Newest first."""
        found = (
            _select()
            .where(money_back.c.payment_intent == payment_intent, money_back.c.kind == kind.value)
            .order_by(money_back.c.id.desc())
        )
        return [_read(row) for row in self._connection.execute(found)]

    def get(self, object_id: str) -> MoneyBack | None:
        row = self._connection.execute(_select().where(money_back.c.object_id == object_id)).one_or_none()
        return None if row is None else _read(row)

    def add_total(self, payment_intent: str, cents: int) -> None:
        """Keep the largest `amount_refunded` that was heard of a payment."""
        self._connection.execute(
            insert(self._connection, refund_totals)
            .values(payment_intent=payment_intent, cents=cents)
            .on_conflict_do_update(
                index_elements=["payment_intent"], set_={"cents": cents}, where=refund_totals.c.cents < cents
            )
        )

    def total_of(self, payment_intent: str) -> int:
        """The largest `amount_refunded` that was heard, in cents; 0 when none was."""
        found = select(refund_totals.c.cents).where(refund_totals.c.payment_intent == payment_intent)
        return self._connection.execute(found).scalar() or 0

    def held_micros(self, payment_intent: str) -> int:
        """What banks hold of a payment until its disputes are decided."""
        disputes = select(money_back.c.object_id).where(
            money_back.c.payment_intent == payment_intent, money_back.c.kind == MoneyBackKind.DISPUTE.value
        )
        total = (
            select(func.coalesce(func.sum(postings.c.micros), 0))
            .join(journal_entries, journal_entries.c.id == postings.c.entry_id)
            .where(
                postings.c.account == Account.DISPUTES.value,
                # Named so that the unique index is found by its first column.
                journal_entries.c.kind.in_((EntryKind.DISPUTE_HOLD.value, EntryKind.DISPUTE_RELEASE.value)),
                journal_entries.c.source_type == "dispute",
                journal_entries.c.source_id.in_(disputes),
            )
        )
        return int(self._connection.execute(total).scalar_one())

    def to_answer(self) -> list[MoneyBack]:
        """Disputes that wait for evidence, the most urgent first."""
        found = (
            _select()
            .where(money_back.c.kind == MoneyBackKind.DISPUTE.value, money_back.c.status.in_(sorted(TO_ANSWER)))
            .order_by(money_back.c.due_ms, money_back.c.id)
        )
        return [_read(row) for row in self._connection.execute(found)]

    def page(self, query: MoneyBackQuery, after: Cursor | None, limit: int) -> Page[MoneyBack]:
        """Newest first."""
        statement = _select().order_by(money_back.c.id.desc()).limit(limit + 1)
        if query.kinds:
            statement = statement.where(money_back.c.kind.in_(query.kinds))
        if query.undecided:
            statement = statement.where(money_back.c.status.in_(sorted({*UNDECIDED, "pending", "requires_action"})))
        if term := search_term(query.text):
            pattern = like_literal(term)
            columns = (users.c.name, money_back.c.object_id, money_back.c.payment_intent)
            statement = statement.where(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if after is not None:
            statement = statement.where(money_back.c.id < after.id)
        rows = self._connection.execute(statement).all()
        more = Cursor(0, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(_read(row) for row in rows[:limit]), more)


def _select() -> Any:
    return select(money_back, users.c.name.label("user_name")).outerjoin(users, users.c.id == money_back.c.user_id)


def _values(known: MoneyBack) -> dict[str, object]:
    return {name: getattr(known, name) for name in KEPT}


def _read(row: Row[Any]) -> MoneyBack:
    values = row._mapping
    return MoneyBack(
        id=values["object_id"],
        kind=MoneyBackKind(values["kind"]),
        payment_intent=values["payment_intent"],
        created_ms=values["created_ms"],
        user_name=values.get("user_name") or "",
        **{name: values[name] for name in KEPT},
    )
