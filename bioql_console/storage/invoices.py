"""Invoices of Stripe's, as far as we heard of them."""

from typing import Any

from sqlalchemy import Connection, or_, select, update

from bioql_console.domain.invoices import ENDED, ORDER, Invoice, InvoiceSource, InvoiceState
from bioql_console.domain.paging import Cursor, InvoiceQuery, Page
from bioql_console.storage.prepared import Prepared, among, parameter
from bioql_console.storage.statements import insert, like_literal, search_term
from bioql_console.storage.tables import invoice_payments, invoices, users


class Invoices:
    """One row an invoice, as it stands at Stripe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def follow(self, heard: Invoice) -> Invoice:
        """Store what an event says; an event that is older than what we know changes nothing but gaps."""
        self._connection.execute(
            insert(self._connection, invoices)
            .values(invoice_id=heard.id, user_id=heard.user_id, **_values(heard))
            .on_conflict_do_nothing(index_elements=["invoice_id"])
        )
        known = self.get(heard.id)
        assert known is not None
        if known.user_id == heard.user_id and _newer(heard, known):
            values = _values(heard) | {
                "url": heard.url or known.url,
                "number": heard.number or known.number,
                # Credit notes that we have not sent yet count already; those made by hand we learn about here.
                "settled_cents": max(heard.settled_cents, known.settled_cents),
            }
            self._connection.execute(update(invoices).where(invoices.c.invoice_id == heard.id).values(**values))
        return self.get(heard.id) or known

    def get(self, invoice_id: str) -> Invoice | None:
        row = _BY_ID.row(self._connection, invoice=invoice_id)
        return None if row is None else _invoice(row)

    def settle(self, invoice_id: str, cents: int) -> None:
        """Note that a payment by link took over so much of an invoice; negative cents give it back."""
        self._connection.execute(
            update(invoices)
            .where(invoices.c.invoice_id == invoice_id)
            .values(settled_cents=invoices.c.settled_cents + cents)
        )

    def of_user(self, user_id: int, *states: InvoiceState) -> list[Invoice]:
        """A user's invoices in these states, oldest first."""
        wanted = [state.value for state in states]
        return [_invoice(row) for row in _OF_USER.rows(self._connection, user=user_id, states=wanted)]

    def latest(self, user_id: int) -> Invoice | None:
        """A user's newest invoice."""
        row = self._connection.execute(
            _select().where(invoices.c.user_id == user_id).order_by(invoices.c.id.desc()).limit(1)
        ).one_or_none()
        return None if row is None else _invoice(row)

    def page(self, query: InvoiceQuery, after: Cursor | None, limit: int) -> Page[Invoice]:
        """Newest first."""
        statement = _select().order_by(invoices.c.id.desc()).limit(limit + 1)
        if query.states:
            statement = statement.where(invoices.c.state.in_(query.states))
        if query.user_id is not None:
            statement = statement.where(invoices.c.user_id == query.user_id)
        if term := search_term(query.text):
            pattern = like_literal(term)
            columns = (users.c.name, invoices.c.invoice_id, invoices.c.number)
            statement = statement.where(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if after is not None:
            statement = statement.where(invoices.c.id < after.id)
        rows = self._connection.execute(statement).all()
        more = Cursor(0, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(_invoice(row) for row in rows[:limit]), more)

    def add_payment(self, payment_intent: str, invoice_id: str) -> None:
        """Remember which invoice a payment was for, so that its refund or dispute finds the user."""
        self._connection.execute(
            insert(self._connection, invoice_payments)
            .values(payment_intent=payment_intent, invoice_id=invoice_id)
            .on_conflict_do_nothing(index_elements=["payment_intent"])
        )

    def payments_of(self, invoice_id: str) -> list[str]:
        """The payment intents that were for an invoice."""
        found = select(invoice_payments.c.payment_intent).where(invoice_payments.c.invoice_id == invoice_id)
        return list(self._connection.execute(found.order_by(invoice_payments.c.payment_intent)).scalars())

    def of_payment(self, payment_intent: str) -> str | None:
        """The invoice that a payment was for."""
        found: str | None = _OF_PAYMENT.scalar(self._connection, payment=payment_intent)
        return found


def _newer(heard: Invoice, known: Invoice) -> bool:
    """Events come in any order; an invoice only ever goes forward, and more is paid of it, never less."""
    if known.state in ENDED:
        return heard.state is known.state and heard.paid_cents >= known.paid_cents
    further = (ORDER[heard.state], heard.paid_cents, heard.attempts)
    return further >= (ORDER[known.state], known.paid_cents, known.attempts)


def _values(invoice: Invoice) -> dict[str, Any]:
    return {
        "number": invoice.number,
        "state": invoice.state.value,
        "reason": invoice.reason,
        "total_cents": invoice.total_cents,
        "due_cents": invoice.due_cents,
        "paid_cents": invoice.paid_cents,
        "created_ms": invoice.created_ms,
        "period_start_ms": invoice.period_start_ms,
        "period_end_ms": invoice.period_end_ms,
        "due_ms": invoice.due_ms,
        "source": invoice.source.value,
        "subscription": invoice.subscription,
        "url": invoice.url,
        "settled_cents": invoice.settled_cents,
        "attempts": invoice.attempts,
    }


def _select() -> Any:
    return select(invoices, users.c.name.label("user_name")).join(users, users.c.id == invoices.c.user_id)


_BY_ID = Prepared(lambda _: _select().where(invoices.c.invoice_id == parameter("invoice")))
_OF_USER = Prepared(
    lambda connection: (
        _select()
        .where(invoices.c.user_id == parameter("user"), among(connection, invoices.c.state, "states"))
        .order_by(invoices.c.id)
    )
)
_OF_PAYMENT = Prepared(
    lambda _: select(invoice_payments.c.invoice_id).where(invoice_payments.c.payment_intent == parameter("payment"))
)


def _invoice(row: Any) -> Invoice:
    return Invoice(
        id=row.invoice_id,
        user_id=row.user_id,
        number=row.number,
        state=InvoiceState(row.state),
        reason=row.reason,
        total_cents=row.total_cents,
        due_cents=row.due_cents,
        paid_cents=row.paid_cents,
        created_ms=row.created_ms,
        period_start_ms=row.period_start_ms,
        period_end_ms=row.period_end_ms,
        due_ms=row.due_ms,
        source=InvoiceSource(row.source),
        subscription=row.subscription,
        url=row.url,
        settled_cents=row.settled_cents,
        attempts=row.attempts,
        user_name=row.user_name,
    )
