"""The walk through the books in the background, as a thread."""

import threading
from typing import Any

import pytest

from bioql_console.services.book_safety import BookSafety
from bioql_console.services.changes import Changes
from bioql_console.services.ledger_sweep import LedgerSweep
from bioql_console.storage.database import Database
from tests.storage.people import NOW
from tests.waiting import wait_until


class Stumbling:
    """A database whose first read meets a bug of ours."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reads = 0

    def read(self) -> Any:
        self._reads += 1
        if self._reads == 1:
            raise ZeroDivisionError("a bug")
        return self._database.read()


def test_a_bug_is_told_and_the_walks_go_on(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    store: Any = Stumbling(sqlite_database)
    safety = BookSafety(sqlite_database, Changes(), lambda: NOW)
    sweep = LedgerSweep(store, safety, lambda: NOW, first_s=0, every_s=0.01)
    sweep.start()
    wait_until(lambda: sweep.whole_ms is not None)
    sweep.stop()
    assert [each.exc_type for each in told] == [ZeroDivisionError]
