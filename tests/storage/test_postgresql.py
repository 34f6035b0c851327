"""The same ledger on PostgreSQL, for teams."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.demo_data import _store
from bioql_console.domain.ledger import payment_fact
from bioql_console.domain.paging import ActivityQuery, EventQuery, UserQuery
from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.services.demo import demo_users
from bioql_console.storage.database import Database
from tests.databases import fresh_database, postgres_missing, private_cluster

NOW = 1_795_000_000_000
pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    reason = postgres_missing()
    if reason:
        pytest.skip(reason)
    with private_cluster() as url:
        yield url


@pytest.fixture
def database(cluster: str, tmp_path: Path) -> Iterator[Database]:
    made = Database(fresh_database(cluster), lambda: NOW)
    made.open(tmp_path / "backups")
    with made.write() as work:
        for person in demo_users(40, 1, NOW):
            _store(work, person)
        work.commit()
    yield made
    made.close()


def test_demo_data_balances(database: Database) -> None:
    with database.read() as work:
        found = work.verifier.run()
        assert found.ok, found.differences
        assert found.users == 40
        assert work.users.get(1).balance.owed_micros == 350_000_000  # type: ignore[union-attr]
        assert work.figures.read(NOW, 30).users == 40
        assert sum(row.total_micros for row in work.receivables.ageing(NOW, 30)) == found.owed_micros


@pytest.mark.parametrize("sort", ["name", "email", "plan", "owed", "customer", "seen", "created"])
def test_pages_visit_everybody_once(database: Database, sort: str) -> None:
    seen: list[int] = []
    after = None
    while True:
        with database.read() as work:
            page = work.users.page(UserQuery(sort=sort), after, 7)
        seen += [user.id for user in page.rows]
        after = page.next_after
        if after is None:
            break
    assert sorted(seen) == list(range(1, 41))


def test_search_and_events_and_trail(database: Database) -> None:
    event = ReceivedEvent("evt_1", "customer.updated", b"{}", NOW, NOW, EventSource.HTTP, False)
    with database.write() as work:
        work.inbox.add([event, event])
        work.activity.record("tester", "did", "something")
        work.commit()
    with database.read() as work:
        assert [user.id for user in work.users.page(UserQuery(text="Jane Smith"), None, 10).rows] == [1]
        assert len(work.inbox.page(EventQuery(), None, 10).rows) == 1
        assert len(work.activity.page(ActivityQuery(), None, 10).rows) == 1
        assert work.activity.first_broken() is None


def test_two_at_once_post_a_payment_once(database: Database) -> None:
    posted: list[bool] = []
    gate = threading.Barrier(4)

    def post() -> None:
        gate.wait()
        with database.write() as work:
            posted.append(work.ledger.post(payment_fact("pi_x", 1, 350_000_000, NOW, "")))
            work.commit()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(posted) == [False, False, False, True]
    with database.read() as work:
        assert work.verifier.run().ok
        assert work.ledger.balance(1).owed_micros == 0


@pytest.mark.parametrize("table", ["journal_entries", "postings", "activity"])
def test_the_ledger_cannot_be_rewritten(database: Database, table: str) -> None:
    from sqlalchemy.exc import DBAPIError

    with database.write() as work:
        work.activity.record("tester", "did", "something")
        work.commit()
    with database._engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.exec_driver_sql(f"UPDATE {table} SET id = id")
