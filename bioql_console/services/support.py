"""Taking customers' requests for help."""

import secrets
from collections.abc import Callable

from bioql_console.domain.tickets import Priority, Ticket, TicketState
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store


class Support:
    """Opens tickets."""

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
