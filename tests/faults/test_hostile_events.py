"""Signed events whose texts no database takes, or that a terminal would run: on SQLite and on PostgreSQL."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.paging import EventQuery
from bioql_console.domain.webhooks import EventSource, EventState
from bioql_console.services.changes import Changes
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_intake import parse
from bioql_console.storage.database import Database
from tests.storage.people import NOW

UNSTORABLE = ("pi_\x00", "cus_\ud800", "a\x00b", "\udfff")
TYPES = ("checkout.session.completed", "invoice.paid", "charge.refunded", "charge.dispute.created", "customer.deleted")


@pytest.fixture
def ledger(url: str, tmp_path: Path) -> Iterator[Database]:
    database = Database(url, lambda: NOW)
    database.open(tmp_path / "backups")
    yield database
    database.close()


def hostile(number: int, kind: str, text: str) -> bytes:
    names = ("id", "customer", "payment_intent", "invoice", "currency", "status", "number", "client_reference_id")
    target = dict.fromkeys(names, text) | {"object": "x", "amount": 500, "amount_total": 500, "amount_paid": 500}
    content = {
        "id": f"evt_{number}",
        "object": "event",
        "type": kind,
        "livemode": False,
        "created": NOW // 1000,
        "account": text,
        "data": {"object": target},
    }
    return json.dumps(content).encode()


@pytest.mark.fault(
    "Text",
    "Signed events with null bytes and halves of letters where ids and amounts should be",
    "They are stored, acknowledged and decided, none of them counts for anything, and the events after them are "
    "applied; on PostgreSQL, which takes no null byte, as well.",
    figure="20 events, 0 postings, on SQLite and PostgreSQL",
)
def test_events_that_no_database_takes_hold_nothing_up(ledger: Database) -> None:
    bodies = [
        hostile(number, kind, text)
        for number, (kind, text) in enumerate((kind, text) for kind in TYPES for text in UNSTORABLE)
    ]
    with ledger.write() as work:
        work.inbox.add([parse(body, "", EventSource.HTTP, NOW) for body in bodies])
        work.commit()
    EventApplier(ledger, Environment.SANDBOX, Changes(), lambda: NOW).apply_waiting()
    with ledger.read() as work:
        events = work.inbox.page(EventQuery(), None, 100).rows
        assert work.verifier.run().entries == 0
    assert len(events) == len(bodies)
    assert {event.state for event in events} <= {EventState.QUARANTINED, EventState.IGNORED}
    assert not any("mistake" in event.reason for event in events), "each has its own reason"
