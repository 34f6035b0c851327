"""Users: look-ups, the keyset-paged list, and edits."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)

from bioql_console.domain.invoices import Threshold
from bioql_console.domain.ledger import Balance
from bioql_console.domain.paging import Cursor, Page, UserQuery
from bioql_console.domain.users import ApiKey, NewUser, Plan, User
from bioql_console.storage.prepared import Prepared, parameter
from bioql_console.storage.statements import insert, like_literal, search_term
from bioql_console.storage.tables import balances, usage, users

# Beyond this many hits a term is common, and walking the sort order finds a page sooner than the search index.
COMMON_TERM = 2_000
# In the order of what is searched, all who have a term may stand at its end; then it is sooner to sort them.
COMMON_TERM_IN_A_ROW = 50_000

SORT_KEYS: dict[str, ColumnElement[str] | ColumnElement[int]] = {
    # Without case: SQLite folds A–Z only, PostgreSQL every letter.
    "name": func.lower(users.c.name),
    "email": users.c.email,
    "plan": users.c.plan,
    "created": users.c.created_ms,
    "owed": balances.c.receivable_micros,
    "customer": func.coalesce(users.c.stripe_customer_id, literal_column("''")),
    "seen": func.coalesce(users.c.last_used_ms, literal_column("0")),
}
SEARCHED = ("name", "email", "customer")


class Users:
    """The users of one database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: NewUser) -> User | None:
        """The stored user, or None when the e-mail address is taken."""
        user_id = self._connection.execute(
            insert(self._connection, users)
            .values(
                name=user.name,
                email=user.email,
                plan=user.plan.value,
                key_sha256=user.key.sha256,
                key_hint=user.key.hint,
                stripe_customer_id=user.stripe_customer_id,
                stripe_subscription_id=user.stripe_subscription_id,
                threshold_by=user.threshold_by.value if user.threshold_by else "",
                created_ms=user.created_ms,
            )
            .on_conflict_do_nothing(index_elements=["email"])
            .returning(users.c.id)
        ).scalar()
        if user_id is None:
            return None
        self._connection.execute(balances.insert().values(user_id=user_id))
        return self.get(user_id)

    def get(self, user_id: int) -> User | None:
        return _found(_BY_ID.row(self._connection, user=user_id))

    def to_edit(self, user_id: int) -> User | None:
        """The same, and nobody else edits the user until the transaction ends."""
        row = self._connection.execute(
            _select().where(users.c.id == user_id).with_for_update(key_share=True, of=users)
        ).one_or_none()
        return _found(row)

    def by_key(self, sha256: str) -> User | None:
        return _found(_BY_KEY.row(self._connection, sha256=sha256))

    def by_email(self, email: str) -> User | None:
        return _found(_BY_EMAIL.row(self._connection, email=email))

    def by_customer(self, stripe_customer_id: str) -> User | None:
        return _found(_BY_CUSTOMER.row(self._connection, customer=stripe_customer_id))

    def page(self, query: UserQuery, after: Cursor | None, limit: int) -> Page[User]:
        """Up to `limit` users behind `after`, in the query's order."""
        key, last = _sort_columns(query.sort)
        order = (key.desc(), last.desc()) if query.descending else (key.asc(), last.asc())
        common = COMMON_TERM_IN_A_ROW if query.sort in SEARCHED else COMMON_TERM
        conditions = self._conditions(query, self._hits(query, common), common)
        statement = _select().add_columns(key.label("sort_key")).where(*conditions)
        if after is None:
            behind = [statement.order_by(*order)]
        else:
            # Two questions, because SQLite enters an index on an expression by its first column only: it would read
            # every row of the same value (nobody was seen yet, say) up to this one.
            same = and_(key == after.value, last < after.id if query.descending else last > after.id)
            behind = [
                statement.where(same).order_by(order[1]),
                statement.where(key < after.value if query.descending else key > after.value).order_by(*order),
            ]
        rows: list[Row[tuple[object, ...]]] = []
        for part in behind:
            if len(rows) <= limit:
                rows += self._connection.execute(part.limit(limit + 1 - len(rows))).all()
        found = tuple(_user(row) for row in rows[:limit])
        more = Cursor(rows[limit - 1].sort_key, rows[limit - 1].id) if len(rows) > limit else None
        return Page(found, more)

    def count(self, query: UserQuery, at_most: int = 10_001) -> int:
        """How many users match, counting no further than `at_most` unless nothing narrows the list."""
        hits = self._hits(query, at_most)
        if hits is not None and len(hits) == at_most and query.narrows_by_text_only:
            return at_most
        conditions = self._conditions(query, hits, at_most)
        if not conditions:
            return self._connection.execute(select(func.count()).select_from(users)).scalar_one()
        matching = select(users.c.id).join(balances, balances.c.user_id == users.c.id).where(*conditions)
        return self._connection.execute(
            select(func.count()).select_from(matching.limit(at_most).subquery())
        ).scalar_one()

    def unbillable(self, since_ms: int, limit: int = 100) -> list[User]:
        """Users without a customer, whose key works and who ran shots since a time."""
        ran = exists().where(usage.c.user_id == users.c.id, usage.c.at_ms >= since_ms, usage.c.cost_micros > 0)
        statement = _select().where(users.c.stripe_customer_id.is_(None), ~users.c.disabled, ran)
        return [_user(row) for row in self._connection.execute(statement.order_by(users.c.id).limit(limit))]

    def _conditions(self, query: UserQuery, hits: Sequence[int] | None, common: int) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if term := search_term(query.text):
            conditions.append(_matches(term, hits if hits is not None and len(hits) < common else None))
        if query.owes:
            conditions.append(balances.c.receivable_micros > 0)
        if query.no_customer:
            conditions.append(users.c.stripe_customer_id.is_(None))
        if query.disabled:
            conditions.append(users.c.disabled)
        return conditions

    def _hits(self, query: UserQuery, at_most: int) -> Sequence[int] | None:
        """Whom the search index finds; None when it can't be asked. It takes the longer the more users there are."""
        term = search_term(query.text)
        if len(term) < 3 or self._connection.dialect.name != "sqlite":
            return None
        phrase = '"' + term.replace('"', '""') + '"'
        asked = text("SELECT rowid FROM users_search WHERE users_search MATCH :phrase LIMIT :most")
        return self._connection.execute(asked, {"phrase": phrase, "most": at_most}).scalars().all()

    def set_customer(self, user_id: int, stripe_customer_id: str, stripe_subscription_id: str | None = None) -> None:
        self._set(user_id, stripe_customer_id=stripe_customer_id, stripe_subscription_id=stripe_subscription_id)

    def set_threshold(self, user_id: int, by: Threshold | None) -> None:
        self._set(user_id, threshold_by=by.value if by else "")

    def set_plan(self, user_id: int, plan: Plan) -> None:
        self._edit(user_id, plan=plan.value)

    def set_key(self, user_id: int, key: ApiKey) -> None:
        self._edit(user_id, key_sha256=key.sha256, key_hint=key.hint)

    def set_disabled(self, user_id: int, disabled: bool) -> None:
        self._edit(user_id, disabled=disabled)

    def _edit(self, user_id: int, **values: object) -> None:
        """What operators decide, each time as a new version."""
        self._set(user_id, version=users.c.version + 1, **values)

    def _set(self, user_id: int, **values: object) -> None:
        self._connection.execute(update(users).where(users.c.id == user_id).values(**values))

    def touch(self, user_id: int, at_ms: int) -> None:
        """Remember that the user's key was used."""
        self._connection.execute(update(users).where(users.c.id == user_id).values(last_used_ms=at_ms))


def _matches(term: str, hits: Sequence[int] | None) -> ColumnElement[bool]:
    """Args: hits: All whom the search index found; None when everybody is to be looked at."""
    by_id = [users.c.id == int(term)] if term.isascii() and term.isdigit() and len(term) < 16 else []
    if hits is not None:
        found = func.json_each(json.dumps(list(hits))).table_valued("value")
        return or_(users.c.id.in_(select(found.c.value)), *by_id)
    pattern = like_literal(term)
    columns = (users.c.name, users.c.email, users.c.stripe_customer_id, users.c.key_hint)
    return or_(*(column.ilike(pattern, escape="\\") for column in columns), *by_id)


def _sort_columns(sort: str) -> tuple[ColumnElement[str] | ColumnElement[int], ColumnElement[int]]:
    # Sorting by what is owed walks the index of the balances, so its tie-breaker must be theirs too.
    return SORT_KEYS[sort], balances.c.user_id if sort == "owed" else users.c.id


@cache
def _select() -> Select[tuple[object, ...]]:
    return select(
        users, balances.c.receivable_micros, balances.c.credit_micros, balances.c.version.label("balance_version")
    ).join(balances, and_(balances.c.user_id == users.c.id))


_BY_ID = Prepared(lambda _: _select().where(users.c.id == parameter("user")))
_BY_KEY = Prepared(lambda _: _select().where(users.c.key_sha256 == parameter("sha256")))
_BY_EMAIL = Prepared(lambda _: _select().where(users.c.email == parameter("email")))
_BY_CUSTOMER = Prepared(lambda _: _select().where(users.c.stripe_customer_id == parameter("customer")))


def _found(row: Any) -> User | None:
    return None if row is None else _user(row)


def _user(row: Any) -> User:
    return User(
        id=row.id,
        name=row.name,
        email=row.email,
        plan=Plan(row.plan),
        key_hint=row.key_hint,
        stripe_customer_id=row.stripe_customer_id,
        stripe_subscription_id=row.stripe_subscription_id,
        disabled=bool(row.disabled),
        created_ms=row.created_ms,
        last_used_ms=row.last_used_ms,
        version=row.version,
        threshold_by=Threshold(row.threshold_by) if row.threshold_by else None,
        balance=Balance(row.receivable_micros, row.credit_micros, row.balance_version),
    )
