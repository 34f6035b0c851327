"""Many events share a transaction, and each of them is settled as if it were alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.webhooks import EventState, Outcome
from bioql_console.services import event_applier
from bioql_console.services.event_applier import TOGETHER
from bioql_console.services.event_decisions import decide
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.inbox import Inbox
from tests.empty_ledger import empty_ledger
from tests.heard import heard
from tests.storage.people import NOW
from tests.teams.events import CENTS, OWED_MICROS, applier, customers, paid, receive

PEOPLE = 3 * TOGETHER


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    """People who all paid, and nobody has looked yet."""
    database = Database(sqlite_url(empty_ledger(tmp_path / "bioql.db")), lambda: NOW)
    database.open(None)
    customers(database, PEOPLE, 1)
    receive(database, *(paid(number, 0) for number in range(1, PEOPLE + 1)))
    yield database
    database.close()


def owed(database: Database) -> list[int]:
    with database.read() as work:
        assert work.verifier.run().ok
        return [work.ledger.balance(number).owed_micros for number in range(1, PEOPLE + 1)]


def states(database: Database) -> dict[EventState, int]:
    with database.read() as work:
        return work.inbox.counts()


LESS = OWED_MICROS - CENTS * 10_000


def test_many_share_a_commit(ledger: Database) -> None:
    with heard(ledger) as said:
        assert applier(ledger, TOGETHER).apply_waiting() == PEOPLE
    assert said.count("BEGIN IMMEDIATE") == PEOPLE / TOGETHER
    assert owed(ledger) == [LESS] * PEOPLE


def test_who_stumbles_over_one_settles_the_others(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Exception] = []

    def stumbles(received: Any, body: Any, work: Any) -> Outcome:
        outcome = decide(received, body, work)
        if received.id == paid(7, 0).id:
            raise ZeroDivisionError("stumbled")
        return outcome

    monkeypatch.setattr(event_applier, "decide", stumbles)
    monkeypatch.setattr(event_applier, "note_bug", told.append)
    assert applier(ledger, TOGETHER).apply_waiting() == PEOPLE
    assert len(told) == 1
    assert states(ledger) == {EventState.APPLIED: PEOPLE - 1, EventState.QUARANTINED: 1}
    assert owed(ledger) == [OWED_MICROS if number == 7 else LESS for number in range(1, PEOPLE + 1)]


def test_what_another_settled_meanwhile_is_not_posted_again(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    settle = Inbox.settle

    def overtaken(self: Inbox, event_id: str, outcome: Outcome, at_ms: int) -> bool:
        return event_id != paid(7, 0).id and settle(self, event_id, outcome, at_ms)

    monkeypatch.setattr(Inbox, "settle", overtaken)
    work = applier(ledger, TOGETHER)
    assert work.apply_waiting() == PEOPLE - 1
    assert states(ledger) == {EventState.APPLIED: PEOPLE - 1, EventState.RECEIVED: 1}
    assert owed(ledger) == [OWED_MICROS if number == 7 else LESS for number in range(1, PEOPLE + 1)]
