"""Storing what was delivered: one statement for all rows, made once, whose values go to the driver as they are.

Everything else about the inbox is asked a few times a second. This is what an acknowledgement waits for.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from bioql_console.domain.webhooks import EventState, ReceivedEvent
from bioql_console.storage.bulk import reserve_ids
from bioql_console.storage.tables import inbox

COLUMNS = (
    "event_id",
    "type",
    "api_version",
    "livemode",
    "created_ms",
    "received_ms",
    "source",
    "signature",
    "body",
    "state",
)
AGAIN = f"ON CONFLICT (event_id) DO UPDATE SET deliveries = {inbox.name}.deliveries + 1"


def _insert(columns: Sequence[str], marks: Sequence[str]) -> str:
    return f"INSERT INTO {inbox.name} ({', '.join(columns)}) VALUES ({', '.join(marks)}) {AGAIN}"


SQLITE = _insert(COLUMNS, "?" * len(COLUMNS))
# A body goes as it is, in binary; as text each of its bytes would be two.
POSTGRESQL = _insert(("sequence", *COLUMNS), ["%s", *("%b" if column == "body" else "%s" for column in COLUMNS)])


def store(connection: Connection, events: Sequence[ReceivedEvent]) -> None:
    """Store events; one that is known already only counts as delivered once more.

    PostgreSQL's are numbered first and then stored in the order of their ids: two servers that are sent the same
    events in another order would wait for each other.
    """
    rows = [_row(event) for event in events]
    if connection.dialect.name == "postgresql":
        numbers = reserve_ids(connection, inbox, len(rows))
        numbered = sorted(zip(rows, numbers, strict=True), key=lambda each: str(each[0][0]))
        connection.exec_driver_sql(POSTGRESQL, [(number, *row) for row, number in numbered])
    else:
        connection.exec_driver_sql(SQLITE, rows)
    connection.get_execution_options().get("bioql_written", set()).add(inbox.name)


def _row(event: ReceivedEvent) -> tuple[object, ...]:
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
    )
