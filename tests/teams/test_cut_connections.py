"""The server cuts connections in the middle: the log holds one sentence with the next step, and no driver's tidying."""

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.users import Plan
from bioql_console.services.ports import Work
from bioql_console.storage.database import Database
from tests.storage.people import rows
from tests.teams.events import customers, paid

pytestmark = pytest.mark.postgresql
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = '{}'"
IN_A_TRANSACTION = CUT.format("idle in transaction")


@pytest.mark.fault(
    "PostgreSQL",
    "the server cuts connections while a console reads and writes",
    "The log holds one sentence with the next step; nothing was kept of what broke, and the next try goes well.",
    figure="6 cuts, 1 sentence",
)
def test_the_log_tells_of_a_cut_in_one_sentence(join: Callable[[], Database], caplog: pytest.LogCaptureFixture) -> None:
    ours, server = join(), join()
    customers(ours, 1, 3)

    def read() -> None:
        with ours.read() as work:
            work.users.get(1)
            cut(server)
            work.users.get(1)

    def write(deed: Callable[[Work], object]) -> None:
        with ours.write() as work:
            work.users.set_plan(1, Plan.PRO)
            cut(server)
            deed(work)

    for _ in range(2):
        with pytest.raises(OperatorError) as broken:
            read()
        assert broken.value.what.startswith("The connection to the database broke.")
        assert "check the database server and the network" in broken.value.fix
    many = [paid(1, link) for link in range(3)]
    for deed in (lambda work: work.inbox.add(many), lambda work: work.commit()):
        with pytest.raises(OperatorError) as broken:
            write(deed)
        assert broken.value.code == "db.unreachable"
    # Rows that go out in a pipeline, and a connection that is found cut as it is given back.
    with pytest.raises(DBAPIError), ours._engine.connect() as connection:
        send_many(connection, server)
    borrowed = ours._engine.raw_connection()
    borrowed.cursor().execute("SELECT 1")
    cut(server)
    borrowed.close()

    with ours.read() as work:
        assert work.users.get(1).plan is not Plan.PRO
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in loud] == ["bioql_console.storage.cut_connections"]
    assert loud[0].exc_info is None
    assert "check the database server and the network" in loud[0].getMessage()


def cut(server: Database) -> None:
    assert rows(server, IN_A_TRANSACTION) == [(True,)]


def send_many(connection: Connection, server: Database) -> None:
    connection.execute(text("SELECT 1"))
    cut(server)
    connection.execute(text("SELECT :n"), [{"n": each} for each in range(50)])


def test_asking_for_ones_rights_on_the_way_down_is_refused_in_a_sentence() -> None:
    """As a sender does before each call; the server has just gone."""
    gone = Database("postgresql+psycopg://ada@127.0.0.1:1/books", lambda: 0)
    with pytest.raises(OperatorError) as refused:
        gone.ask_for_rights()
    assert refused.value.code == "db.unreachable"
    gone.close()
