"""Customers' requests for help: taken, resolved, reopened."""

import secrets
from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.tickets import Priority, Ticket, TicketState
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store


class Support:
    """Tickets, from the customer's form to the operator's answer."""

    def __init__(self, store: Store, changes: Changes, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._changes = changes
        self._now_ms = now_ms

    def open(self, user_id: int, priority: Priority, subject: str, message: str) -> Ticket:
        """Store a ticket under an id that nobody can guess or count by."""
        with self._store.write() as work:
            while True:
                number = f"TKT-{secrets.token_hex(5).upper()}"
                ticket = Ticket(number, user_id, priority, subject, message, TicketState.OPEN, self._now_ms())
                if work.tickets.add(ticket):
                    break
            work.commit()
        self._changes.publish(Change("tickets", user_id))
        return ticket

    def resolve(self, ticket_id: str, resolution: str, operator: str) -> None:
        """Close a ticket, saying what was done.

        Raises:
            OperatorError: `ticket.no_resolution`, `ticket.not_open`.
        """
        if not resolution.strip():
            raise OperatorError(
                "This needs a word on what was done.",
                fix="Say it for the colleague who reads it next.",
                code="ticket.no_resolution",
            )
        with self._store.write() as work:
            if not work.tickets.resolve(ticket_id, resolution.strip(), operator, self._now_ms()):
                raise _changed(ticket_id)
            work.activity.record(operator, "resolved ticket", ticket_id, reason=resolution.strip())
            work.commit()
        self._changes.publish(Change("tickets"), Change("activity"))

    def reopen(self, ticket_id: str, reason: str, operator: str) -> None:
        """Take a resolved ticket up again.

        Raises:
            OperatorError: `ticket.not_open`.
        """
        with self._store.write() as work:
            if not work.tickets.reopen(ticket_id):
                raise _changed(ticket_id)
            work.activity.record(operator, "reopened ticket", ticket_id, reason=reason.strip())
            work.commit()
        self._changes.publish(Change("tickets"), Change("activity"))


def _changed(ticket_id: str) -> OperatorError:
    return OperatorError(
        f"{ticket_id} is not as it was shown: somebody else was faster.",
        fix="Look at it again.",
        code="ticket.not_open",
    )
