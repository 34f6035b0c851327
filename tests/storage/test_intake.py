"""What is delivered together is stored together: in the order in which it came, each event once."""

from dataclasses import replace

from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.storage.database import Database
from tests.storage.people import NOW, rows

# Bytes that a driver may not read as text: a null, a backslash, no UTF-8.
BODY = bytes(range(256))


def delivered(event_id: str, body: bytes = BODY) -> ReceivedEvent:
    return ReceivedEvent(event_id, "price.updated", body, NOW - 1, NOW, EventSource.HTTP, False, "2026-10-28", "t=1")


def store(database: Database, *events: ReceivedEvent) -> None:
    with database.write() as work:
        work.inbox.add(events)
        work.commit()


def test_events_keep_the_order_in_which_they_came(database: Database) -> None:
    store(database, *(delivered(f"evt_{name}") for name in "zbya"))
    store(database, delivered("evt_c"))
    with database.read() as work:
        waiting = work.inbox.waiting(10)
    assert [event.id for event in waiting] == ["evt_z", "evt_b", "evt_y", "evt_a", "evt_c"]
    assert waiting[0] == replace(delivered("evt_z"), sequence=waiting[0].sequence)


def test_what_comes_again_is_counted_and_keeps_its_first_body(database: Database) -> None:
    store(database, delivered("evt_1"), delivered("evt_2"), delivered("evt_1", b"{}"))
    store(database, delivered("evt_2", b"{}"))
    counted = rows(database, "SELECT event_id, deliveries FROM inbox ORDER BY sequence")
    assert [tuple(row) for row in counted] == [("evt_1", 2), ("evt_2", 2)]
    with database.read() as work:
        assert {event.body for event in work.inbox.waiting(10)} == {BODY}


def test_nothing_delivered_stores_nothing(database: Database) -> None:
    store(database)
    assert rows(database, "SELECT * FROM inbox") == []
