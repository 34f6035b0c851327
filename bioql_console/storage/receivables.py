"""Ageing of what is owed, and one user's months."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Select, case, func, literal, null, select, union_all

from bioql_console.domain.ageing import AgedBalance, Ageing, AgeingQuery, bucket_starts_ms
from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.ledger import Account
from bioql_console.domain.statements import MonthCharges, utc_month
from bioql_console.storage.bulk import wide_cache
from bioql_console.storage.interrupting import interruptible
from bioql_console.storage.payment_tables import checkouts
from bioql_console.storage.sqlite_copy import never
from bioql_console.storage.statements import like_literal, search_term
from bioql_console.storage.tables import balances, postings, users

EVERYBODY = AgeingQuery()
BUCKET_NAMES = ("bucket0", "bucket1", "bucket2", "bucket3", "bucket4")


class Receivables:
    """Who owes what, and since when."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ageing(
        self,
        as_of_ms: int,
        terms_days: int,
        query: AgeingQuery = EVERYBODY,
        cancelled: Callable[[], bool] = never,
    ) -> Ageing:
        """Who owed something at `as_of_ms`, the debts spread over the buckets, and the sums over everybody.

        What was paid later counts as open then; the total ties to the receivable account at that time. All of it is
        worked out by the database in one pass, however many owe; only the rows that are shown come here.

        Raises:
            Cancelled: by `cancelled`; only SQLite asks.
        """
        aged = self._aged(as_of_ms, terms_days, query)
        listed = self._listed(aged, query)
        columns = ("user_id", "name", "customer", "expires_ms", *BUCKET_NAMES)
        sums = select(
            literal(0).label("part"),
            null().label("sort_key"),
            func.count().label("user_id"),
            literal("").label("name"),
            literal("").label("customer"),
            null().label("expires_ms"),
            *(func.coalesce(func.sum(aged.c[name]), 0).label(name) for name in BUCKET_NAMES),
        )
        rows = select(literal(1).label("part"), listed.c.sort_key, *(listed.c[name] for name in columns))
        both = union_all(sums, rows)
        order = both.selected_columns
        direction = order.sort_key.desc() if query.descending else order.sort_key.asc()
        with wide_cache(self._connection), interruptible(self._connection, cancelled):
            first, *found = self._connection.execute(both.order_by(order.part, direction, order.user_id)).all()
        _, _, customers, _, _, _, *sums_micros = first
        return Ageing(tuple(_aged_balance(row[2:]) for row in found), customers, _five(sums_micros))

    def each_aged(self, as_of_ms: int, terms_days: int, query: AgeingQuery) -> Iterator[AgedBalance]:
        """All that `ageing` counts, in the query's order, one after the other."""
        listed = self._listed(self._aged(as_of_ms, terms_days, query), query, limited=False)
        columns = ("user_id", "name", "customer", "expires_ms", *BUCKET_NAMES)
        direction = listed.c.sort_key.desc() if query.descending else listed.c.sort_key.asc()
        ordered = select(*(listed.c[name] for name in columns)).order_by(direction, listed.c.user_id)
        rows = self._connection.execute(ordered, execution_options={"yield_per": 1_000})
        return (_aged_balance(row) for row in rows)

    def _aged(self, as_of_ms: int, terms_days: int, query: AgeingQuery) -> CTE:
        """Each debtor once: what is owed, and how it spreads over the buckets.

        The youngest charges are open, as far as they add up to what is owed; the rest counts as oldest (`spread`).
        """
        until = [
            func.sum(
                case(
                    (postings.c.micros > 0, case((postings.c.effective_ms >= start, postings.c.micros), else_=0)),
                    else_=0,
                )
            )
            for start in bucket_starts_ms(as_of_ms, terms_days)
        ]
        owed = func.sum(postings.c.micros)
        charged = (
            select(
                postings.c.user_id,
                owed.label("owed"),
                *(column.label(f"until{number}") for number, column in enumerate(until)),
            )
            .where(
                postings.c.account == Account.RECEIVABLE.value,
                postings.c.user_id.is_not(None),
                postings.c.effective_ms <= as_of_ms,
            )
            .group_by(postings.c.user_id)
            .having(owed > 0)
            .subquery()
        )
        covered = [self._lesser(charged.c.owed, charged.c[f"until{number}"]) for number in range(4)]
        buckets = [
            covered[0],
            *(covered[number] - covered[number - 1] for number in range(1, 4)),
            charged.c.owed - covered[3],
        ]
        chosen: Select[Any] = select(
            charged.c.user_id,
            charged.c.owed,
            *(bucket.label(name) for bucket, name in zip(buckets, BUCKET_NAMES, strict=True)),
        )
        if term := search_term(query.text):
            matches = users.c.name.ilike(like_literal(term), escape="\\")
            chosen = chosen.join(users, users.c.id == charged.c.user_id).where(matches)
        return chosen.cte("aged").prefix_with("MATERIALIZED")

    def _lesser(self, one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
        either = func.least if self._connection.dialect.name == "postgresql" else func.min
        return either(one, other)

    def _listed(self, aged: CTE, query: AgeingQuery, *, limited: bool = True) -> Any:
        """The debtors that are shown, with what their rows say beside the debt."""
        key = {"name": func.lower(users.c.name), "total": aged.c.owed}.get(query.sort)
        key = aged.c[query.sort] if key is None else key
        open_links = (
            select(checkouts.c.user_id, func.max(checkouts.c.expires_ms).label("expires_ms"))
            .where(checkouts.c.state == CheckoutState.OPEN.value)
            .group_by(checkouts.c.user_id)
            .subquery()
        )
        first = select(aged, key.label("sort_key"))
        if query.sort == "name":
            first = first.join(users, users.c.id == aged.c.user_id)
        first = first.order_by(key.desc() if query.descending else key.asc(), aged.c.user_id)
        shown = (first.limit(query.limit) if limited else first).subquery()
        return (
            select(shown, users.c.name, users.c.stripe_customer_id.label("customer"), open_links.c.expires_ms)
            .join(users, users.c.id == shown.c.user_id)
            .outerjoin(open_links, open_links.c.user_id == shown.c.user_id)
            .subquery()
        )

    def oldest_open_ms(self, user_id: int) -> int | None:
        """When the oldest charge that is still unpaid was made; None when nothing is owed."""
        owed = self._connection.execute(
            select(balances.c.receivable_micros).where(balances.c.user_id == user_id)
        ).scalar()
        charges = self._connection.execute(
            select(postings.c.effective_ms, postings.c.micros)
            .where(*_charges(user_id))
            .order_by(postings.c.effective_ms.desc(), postings.c.id.desc())
        )
        remaining, oldest = owed or 0, None
        for row in charges:
            if remaining <= 0:
                break
            remaining -= row.micros
            oldest = row.effective_ms
        return oldest

    def months(self, user_id: int) -> list[MonthCharges]:
        """A user's charges by UTC month, oldest first."""
        months: dict[str, MonthCharges] = {}
        rows = self._connection.execute(
            select(postings.c.effective_ms, postings.c.micros)
            .where(*_charges(user_id))
            .order_by(postings.c.effective_ms)
        )
        for row in rows:
            month = utc_month(row.effective_ms)
            before = months.get(month, MonthCharges(month, 0, 0))
            months[month] = MonthCharges(month, before.charged_micros + row.micros, row.effective_ms)
        return list(months.values())


def _aged_balance(row: Any) -> AgedBalance:
    user_id, name, customer, expires_ms, *buckets = row
    return AgedBalance(user_id, name, _five(buckets), expires_ms, customer is not None)


def _five(micros: Any) -> tuple[int, int, int, int, int]:
    current, days_30, days_60, days_90, older = map(int, micros)
    return current, days_30, days_60, days_90, older


def _charges(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        postings.c.user_id == user_id,
        postings.c.account == Account.RECEIVABLE.value,
        postings.c.micros > 0,
    )
