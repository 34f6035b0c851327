"""Ageing of what is owed, and one user's months."""

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from bioql_console.domain.ageing import AgedBalance, bucket_starts_ms, spread
from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.ledger import Account
from bioql_console.domain.statements import MonthCharges, utc_month
from bioql_console.storage.payment_tables import checkouts
from bioql_console.storage.tables import balances, postings, users


class Receivables:
    """Who owes what, and since when."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ageing(self, as_of_ms: int, terms_days: int) -> list[AgedBalance]:
        """Every user who owed something at `as_of_ms`, by name, with the debt spread over the buckets.

        What was paid later counts as open then; the total ties to the receivable account at that time.
        """
        starts = bucket_starts_ms(as_of_ms, terms_days)
        charge = and_(postings.c.micros > 0)
        charged = [
            func.sum(
                case(
                    (and_(charge, postings.c.effective_ms >= start, postings.c.effective_ms < end), postings.c.micros),
                    else_=0,
                )
            )
            for start, end in zip((*starts, -1), (as_of_ms + 1, *starts), strict=True)
        ]
        owed = func.sum(postings.c.micros)
        per_user = (
            select(
                postings.c.user_id,
                owed.label("owed"),
                *(column.label(f"bucket{i}") for i, column in enumerate(charged)),
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
        open_links = (
            select(checkouts.c.user_id, func.max(checkouts.c.expires_ms).label("expires_ms"))
            .where(checkouts.c.state == CheckoutState.OPEN.value)
            .group_by(checkouts.c.user_id)
            .subquery()
        )
        rows = self._connection.execute(
            select(per_user, users.c.name, users.c.stripe_customer_id, open_links.c.expires_ms)
            .join(users, users.c.id == per_user.c.user_id)
            .outerjoin(open_links, open_links.c.user_id == per_user.c.user_id)
            .order_by(func.lower(users.c.name), users.c.id)
        )
        return [
            AgedBalance(
                row.user_id,
                row.name,
                spread(int(row.owed), [int(row[2 + i]) for i in range(5)]),
                row.expires_ms,
                row.stripe_customer_id is not None,
            )
            for row in rows
        ]

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


def _charges(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        postings.c.user_id == user_id,
        postings.c.account == Account.RECEIVABLE.value,
        postings.c.micros > 0,
    )
