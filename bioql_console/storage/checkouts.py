"""Checkout links."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.money import cents_half_up
from bioql_console.domain.paging import CheckoutQuery, Cursor, Page
from bioql_console.storage.payment_tables import ONE_OPEN_LINK, checkouts
from bioql_console.storage.prepared import Prepared, parameter
from bioql_console.storage.statements import insert, like_literal, search_term
from bioql_console.storage.tables import balances, users


class Checkouts:
    """Every link that was ever asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, link: CheckoutLink) -> bool:
        """Store a link before Stripe is asked for it, so that a crash leaves a trace to finish.

        Returns:
            False if the user has an open link; nothing is stored then.
        """
        stored = (
            insert(self._connection, checkouts)
            .values(
                reference=link.reference,
                user_id=link.user_id,
                amount_cents=link.amount_cents,
                balance_version=link.balance_version,
                state=link.state.value,
                created_ms=link.created_ms,
                operator=link.operator,
                part=link.part,
            )
            .on_conflict_do_nothing(index_elements=["user_id"], index_where=ONE_OPEN_LINK)
            .returning(checkouts.c.id)
        )
        return self._connection.execute(stored).scalar() is not None

    def opened(self, reference: str, session_id: str, url: str, expires_ms: int) -> None:
        """Stripe answered. An event may have been faster; its state stays, and a closed link gets no address."""
        self._connection.execute(
            update(checkouts)
            .where(checkouts.c.reference == reference)
            .values(session_id=session_id, expires_ms=expires_ms)
        )
        self._connection.execute(
            update(checkouts)
            .where(
                checkouts.c.reference == reference,
                checkouts.c.state.in_((CheckoutState.CREATING.value, CheckoutState.OPEN.value)),
            )
            .values(state=CheckoutState.OPEN.value, url=url)
        )

    def set_state(
        self,
        reference: str,
        state: CheckoutState,
        *,
        session_id: str = "",
        payment_intent: str = "",
        since_ms: int | None = None,
    ) -> None:
        """Follow Stripe. A paid link stays paid, whatever arrives late.

        Args:
            since_ms: When a bank was asked to pay.
        """
        payable = state in (CheckoutState.OPEN, CheckoutState.CREATING)
        _SET_STATE.run(
            self._connection,
            link=reference,
            state=state.value,
            since=since_ms,
            session=session_id or None,
            payment=payment_intent or None,
            no_url=None if payable else "",
        )

    def by_reference(self, reference: str) -> CheckoutLink | None:
        return _found(_BY_REFERENCE.row(self._connection, reference=reference))

    def by_session(self, session_id: str) -> CheckoutLink | None:
        return _found(_BY_SESSION.row(self._connection, session=session_id))

    def by_payment(self, payment_intent: str) -> CheckoutLink | None:
        # Links that nobody paid yet have none; they are not each other's.
        return _found(_BY_PAYMENT.row(self._connection, payment=payment_intent)) if payment_intent else None

    def unfinished(self, user_id: int | None = None) -> list[CheckoutLink]:
        """Links that are open or whose creation was cut off, of one user or of all; newest first."""
        if user_id is None:
            return [_link(row) for row in _UNFINISHED.rows(self._connection)]
        return [_link(row) for row in _UNFINISHED_OF_USER.rows(self._connection, user=user_id)]

    def without_session(self, since_ms: int) -> list[CheckoutLink]:
        """Links that Stripe has not answered yet, and those that were given up before it did, made since then."""
        given_up = and_(checkouts.c.state == CheckoutState.EXPIRED.value, checkouts.c.created_ms >= since_ms)
        lost = or_(checkouts.c.state == CheckoutState.CREATING.value, given_up)
        found = [
            _link(row) for row in self._connection.execute(_select().where(checkouts.c.session_id.is_(None), lost))
        ]
        # Those given up first: what took their place may be among the others.
        return sorted(found, key=lambda link: link.state is CheckoutState.CREATING)

    def processing_cents(self, user_id: int) -> int:
        """What banks were asked to pay on a user's links and have not paid yet."""
        return int(_PROCESSING_CENTS.scalar(self._connection, user=user_id))

    def page(self, query: CheckoutQuery, after: Cursor | None, limit: int) -> Page[CheckoutLink]:
        """Newest first."""
        statement = _select().order_by(checkouts.c.id.desc()).limit(limit + 1)
        if query.states:
            statement = statement.where(checkouts.c.state.in_(query.states))
        if query.user_id is not None:
            statement = statement.where(checkouts.c.user_id == query.user_id)
        if term := search_term(query.text):
            pattern = like_literal(term)
            columns = (users.c.name, checkouts.c.session_id, checkouts.c.payment_intent)
            statement = statement.where(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if after is not None:
            statement = statement.where(checkouts.c.id < after.id)
        rows = self._connection.execute(statement).all()
        more = Cursor(0, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(_link(row) for row in rows[:limit]), more)


@cache
def _select() -> Any:
    """Links with their users' names and what is owed right now."""
    other = checkouts.alias("other")
    on_its_way = (
        select(func.coalesce(func.sum(other.c.amount_cents), 0))
        .where(other.c.user_id == checkouts.c.user_id, other.c.state == CheckoutState.PROCESSING.value)
        .correlate(checkouts)
        .scalar_subquery()
    )
    return (
        select(
            checkouts,
            users.c.name.label("user_name"),
            func.coalesce(balances.c.receivable_micros, 0).label("owed_micros"),
            on_its_way.label("on_its_way_cents"),
        )
        .join(users, users.c.id == checkouts.c.user_id)
        .outerjoin(balances, balances.c.user_id == checkouts.c.user_id)
    )


def _one(condition: ColumnElement[bool]) -> Prepared:
    return Prepared(lambda _: _select().where(condition).order_by(checkouts.c.id.desc()).limit(1))


def _unfinished() -> Any:
    states = (CheckoutState.CREATING.value, CheckoutState.OPEN.value)
    return _select().where(checkouts.c.state.in_(states)).order_by(checkouts.c.id.desc())


_BY_REFERENCE = _one(checkouts.c.reference == parameter("reference"))
_BY_SESSION = _one(checkouts.c.session_id == parameter("session"))
_BY_PAYMENT = _one(checkouts.c.payment_intent == parameter("payment"))
_UNFINISHED = Prepared(lambda _: _unfinished())
_UNFINISHED_OF_USER = Prepared(lambda _: _unfinished().where(checkouts.c.user_id == parameter("user")))
_PROCESSING_CENTS = Prepared(
    lambda _: select(func.coalesce(func.sum(checkouts.c.amount_cents), 0)).where(
        checkouts.c.user_id == parameter("user"), checkouts.c.state == CheckoutState.PROCESSING.value
    )
)
_SET_STATE = Prepared(
    lambda _: (
        update(checkouts)
        .where(checkouts.c.reference == parameter("link"), checkouts.c.state != CheckoutState.PAID.value)
        .values(
            since_ms=func.coalesce(parameter("since"), checkouts.c.since_ms),
            session_id=func.coalesce(parameter("session"), checkouts.c.session_id),
            payment_intent=func.coalesce(parameter("payment"), checkouts.c.payment_intent),
            url=func.coalesce(parameter("no_url"), checkouts.c.url),
        )
    ),
    sets=("state",),
)


def _found(row: Any) -> CheckoutLink | None:
    return None if row is None else _link(row)


def _link(row: Any) -> CheckoutLink:
    return CheckoutLink(
        reference=row.reference,
        user_id=row.user_id,
        amount_cents=row.amount_cents,
        balance_version=row.balance_version,
        state=CheckoutState(row.state),
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        session_id=row.session_id or "",
        url=row.url,
        payment_intent=row.payment_intent,
        operator=row.operator,
        user_name=row.user_name,
        part=bool(row.part),
        since_ms=row.since_ms,
        due_cents=cents_half_up(row.owed_micros) - int(row.on_its_way_cents),
    )
