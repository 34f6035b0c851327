"""What only a server can do to us: it goes away in the middle, or closes connections that lie idle."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import payment_fact
from bioql_console.storage.database import Database
from tests.storage.people import NOW, add_people, person, rows

pytestmark = pytest.mark.postgresql


@pytest.fixture
def server(postgresql_url: str, tmp_path: Path) -> Iterator[Database]:
    made = Database(postgresql_url, lambda: NOW)
    made.open(tmp_path / "backups")
    yield made
    made.close()


def cut_all_connections(database: Database) -> None:
    """As a restart of the server does."""
    other = Database(database.url.render_as_string(hide_password=False), lambda: NOW)
    cut = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert rows(other, cut)
    other.close()


@pytest.mark.fault(
    "PostgreSQL",
    "the server cuts the connection in the middle of a transaction",
    "All of it is undone, a sentence says so, and trying again does it once.",
    figure="every connection cut, 0 rows of the transaction left",
)
def test_a_connection_cut_in_the_middle_loses_the_whole_transaction_and_says_so(server: Database) -> None:
    (user,) = add_people(server, person())
    payment = payment_fact("pi_1", user, 5_000_000, NOW, "")

    def post_and_lose_the_server() -> None:
        with server.write() as work:
            assert work.ledger.post(payment)
            cut_all_connections(server)
            work.commit()

    with pytest.raises(OperatorError) as refused:
        post_and_lose_the_server()
    assert refused.value.code == "db.unreachable"
    assert refused.value.fix
    with server.write() as work:
        assert work.ledger.post(payment), "half of it was there"
        work.commit()
    with server.read() as work:
        assert work.ledger.balance(user).available_credit_micros == 5_000_000
        assert work.verifier.run().ok


@pytest.mark.fault(
    "PostgreSQL",
    "the server closes connections that lie idle",
    "They are replaced, and nobody notices.",
    figure="every idle connection cut, 0 failures",
)
def test_connections_closed_while_idle_are_replaced_unnoticed(server: Database) -> None:
    (user,) = add_people(server, person())
    cut_all_connections(server)
    with server.read() as work:
        assert work.users.get(user) is not None


def test_the_whole_ledger_cannot_be_emptied(server: Database) -> None:
    for table in ("journal_entries", "postings", "activity"):
        with server._engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.exec_driver_sql(f"TRUNCATE {table} CASCADE")


def test_the_status_bar_names_the_place_but_no_password() -> None:
    remote = Database("postgresql+psycopg://ada:hunter2@db.uni.example:5432/bioql", lambda: NOW)
    assert remote.words == "PostgreSQL · db.uni.example/bioql"
    assert remote.path is None
    remote.close()
