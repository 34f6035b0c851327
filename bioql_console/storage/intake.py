"""Storing what was delivered: one statement, made once, whose values go to the driver as they are.

Everything else about the inbox is asked a few times a second. This is what an acknowledgement waits for.
"""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from bioql_console.domain.webhooks import EventState, ReceivedEvent
from bioql_console.storage.straight import send
from bioql_console.storage.tables import inbox

# Each with PostgreSQL's type.
COLUMNS = {
    "event_id": "text",
    "type": "text",
    "api_version": "text",
    "livemode": "boolean",
    "created_ms": "bigint",
    "received_ms": "bigint",
    "source": "text",
    "signature": "text",
    "body": "bytea",
    "state": "text",
    "deliveries": "bigint",
}
NAMES = ", ".join(COLUMNS)
AGAIN = "ON CONFLICT (event_id) DO UPDATE SET deliveries = inbox.deliveries + excluded.deliveries"
SQLITE = f"INSERT INTO inbox ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))}) {AGAIN}"
# A column is one value, in binary: a server reads a statement for each row otherwise, and each byte of a body as two.
# Events are numbered as they came and stored in the order of their ids: two servers that are sent the same ones in
# another order would wait for each other.
POSTGRESQL = f"""
INSERT INTO inbox (sequence, {NAMES})
SELECT * FROM (
    SELECT nextval(pg_get_serial_sequence('inbox', 'sequence')), {NAMES}
    FROM unnest({", ".join(f"%b::{kind}[]" for kind in COLUMNS.values())}) WITH ORDINALITY AS came ({NAMES}, place)
    ORDER BY place
) AS numbered ORDER BY event_id {AGAIN}
"""


def store(connection: Connection, events: Sequence[ReceivedEvent]) -> None:
    """Store events; one that is known already only counts as delivered once more."""
    times = Counter(event.id for event in events)  # in the order of their first coming
    first = {event.id: event for event in reversed(events)}
    rows = [_row(first[event_id], count) for event_id, count in times.items()]
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(POSTGRESQL, tuple(map(list, zip(*rows, strict=True))))
    else:
        if not connection.in_transaction():
            connection.begin()
        send(connection, SQLITE, rows, many=True).close()
    connection.get_execution_options().get("bioql_written", set()).add(inbox.name)


def _row(event: ReceivedEvent, deliveries: int) -> tuple[object, ...]:
    return (
        event.id,
        event.type,
        event.api_version,
        event.livemode,
        event.created_ms,
        event.received_ms,
        event.source.value,
        event.signature,
        event.body,
        EventState.RECEIVED.value,
        deliveries,
    )
