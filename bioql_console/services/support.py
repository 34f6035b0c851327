"""Customers' requests for help: taken, resolved, reopened."""

import secrets
from collections.abc import Callable

from bioql_console.domain.edits import Conflict
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.tickets import Priority, Ticket, TicketState
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store, Work


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

    def resolve(self, ticket_id: str, resolution: str, operator: str, seen_version: int) -> None:
        """Close a ticket, saying what was done.

        Args:
            seen_version: The `Ticket.version` that the operator looked at.

        Raises:
            Conflict: somebody changed it since.
            OperatorError: `ticket.no_resolution`, `ticket.unknown`.
        """
        words = resolution.strip()
        if not words:
            raise OperatorError(
                "This needs a word on what was done.",
                fix="Say it for the colleague who reads it next.",
                code="ticket.no_resolution",
            )
        with self._store.write() as work:
            self._require_unchanged(work, ticket_id, seen_version, f"resolved: {words}")
            work.tickets.resolve(ticket_id, words, operator, self._now_ms())
            work.activity.record(operator, "resolved ticket", ticket_id, reason=words)
            work.commit()
        self._changes.publish(Change("tickets"), Change("activity"))

    def reopen(self, ticket_id: str, reason: str, operator: str, seen_version: int) -> None:
        """Take a resolved ticket up again.

        Raises:
            Conflict: somebody changed it since.
            OperatorError: `ticket.unknown`.
        """
        words = reason.strip()
        with self._store.write() as work:
            self._require_unchanged(work, ticket_id, seen_version, f"open again: {words}")
            work.tickets.reopen(ticket_id)
            work.activity.record(operator, "reopened ticket", ticket_id, reason=words)
            work.commit()
        self._changes.publish(Change("tickets"), Change("activity"))

    def _require_unchanged(self, work: Work, ticket_id: str, seen_version: int, mine: str) -> None:
        ticket = work.tickets.to_edit(ticket_id)
        if ticket is None:
            raise OperatorError(f"There is no ticket {ticket_id}.", fix="Search for it again.", code="ticket.unknown")
        if ticket.version != seen_version:
            theirs = f"resolved: {ticket.resolution}" if ticket.state is TicketState.RESOLVED else "open"
            raise Conflict(
                ticket_id,
                work.activity.latest(ticket_id),
                theirs=theirs,
                mine=mine,
                version=ticket.version,
                now_ms=self._now_ms(),
            )
