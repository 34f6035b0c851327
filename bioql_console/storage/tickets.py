"""Support tickets."""

from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from bioql_console.domain.paging import Cursor, Page, TicketQuery
from bioql_console.domain.tickets import URGENCY, Priority, Ticket, TicketState
from bioql_console.storage.statements import insert, like_literal, search_term
from bioql_console.storage.tables import tickets, users


class Tickets:
    """What customers wrote, and what became of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, ticket: Ticket) -> bool:
        """True if it was stored; False when there is one of this id."""
        stored = self._connection.execute(
            insert(self._connection, tickets)
            .values(
                ticket_id=ticket.id,
                user_id=ticket.user_id,
                priority=ticket.priority.value,
                urgency=URGENCY[ticket.priority],
                subject=ticket.subject,
                message=ticket.message,
                state=ticket.state.value,
                created_ms=ticket.created_ms,
                resolved_ms=ticket.resolved_ms,
                resolution=ticket.resolution,
                operator=ticket.operator,
            )
            .on_conflict_do_nothing(index_elements=["ticket_id"])
            .returning(tickets.c.id)
        ).scalar()
        return stored is not None

    def get(self, ticket_id: str) -> Ticket | None:
        row = self._connection.execute(_select().where(tickets.c.ticket_id == ticket_id)).one_or_none()
        return None if row is None else _ticket(row)

    def to_edit(self, ticket_id: str) -> Ticket | None:
        """The same, and nobody else edits it until the transaction ends."""
        row = self._connection.execute(
            _select().where(tickets.c.ticket_id == ticket_id).with_for_update(of=tickets)
        ).one_or_none()
        return None if row is None else _ticket(row)

    def resolve(self, ticket_id: str, resolution: str, operator: str, at_ms: int) -> None:
        self._edit(
            ticket_id,
            state=TicketState.RESOLVED.value,
            resolution=resolution,
            operator=operator,
            resolved_ms=at_ms,
        )

    def reopen(self, ticket_id: str) -> None:
        self._edit(ticket_id, state=TicketState.OPEN.value, resolved_ms=None)

    def _edit(self, ticket_id: str, **values: object) -> None:
        self._connection.execute(
            update(tickets).where(tickets.c.ticket_id == ticket_id).values(version=tickets.c.version + 1, **values)
        )

    def open_count(self) -> int:
        return self._connection.execute(
            select(func.count()).select_from(tickets).where(tickets.c.state == TicketState.OPEN.value)
        ).scalar_one()

    def page(self, query: TicketQuery, after: Cursor | None, limit: int) -> Page[Ticket]:
        """Unresolved ones most urgent first and oldest first; all of them newest first."""
        if query.unresolved:
            statement = _select().where(tickets.c.state == TicketState.OPEN.value)
            statement = statement.order_by(tickets.c.urgency, tickets.c.id)
        else:
            statement = _select().order_by(tickets.c.id.desc())
        if query.user_id is not None:
            statement = statement.where(tickets.c.user_id == query.user_id)
        if term := search_term(query.text):
            pattern = like_literal(term)
            columns = (tickets.c.ticket_id, tickets.c.subject, users.c.name, users.c.email)
            statement = statement.where(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if after is not None and query.unresolved:
            same = (tickets.c.urgency == after.value) & (tickets.c.id > after.id)
            statement = statement.where(or_(tickets.c.urgency > after.value, same))
        elif after is not None:
            statement = statement.where(tickets.c.id < after.id)
        rows = self._connection.execute(statement.limit(limit + 1)).all()
        more = Cursor(rows[limit - 1].urgency, rows[limit - 1].id) if len(rows) > limit else None
        return Page(tuple(_ticket(row) for row in rows[:limit]), more)


def _select() -> Any:
    return select(tickets, users.c.name.label("user_name"), users.c.email.label("user_email")).join(
        users, users.c.id == tickets.c.user_id
    )


def _ticket(row: Row[Any]) -> Ticket:
    values = row._mapping
    return Ticket(
        id=values["ticket_id"],
        user_id=values["user_id"],
        priority=Priority(values["priority"]),
        subject=values["subject"],
        message=values["message"],
        state=TicketState(values["state"]),
        created_ms=values["created_ms"],
        resolved_ms=values["resolved_ms"],
        resolution=values["resolution"],
        operator=values["operator"],
        user_name=values["user_name"],
        user_email=values["user_email"],
        sequence=values["id"],
        version=values["version"],
    )
