"""A private PostgreSQL server, on which every team has a database of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.storage.database import Database
from tests.databases import fresh_database, postgres_missing, private_cluster
from tests.storage.people import NOW
from tests.teams.network import PASSWORD, Network, network


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """One server for the whole run."""
    reason = postgres_missing()
    if reason:
        pytest.skip(reason)
    with private_cluster() as made:
        yield made


@pytest.fixture
def team_url(cluster: str, tmp_path: Path) -> str:
    """An empty ledger at the server."""
    url = fresh_database(cluster)
    made = Database(url, lambda: NOW)
    made.open(tmp_path / "backups")
    made.close()
    return url


@pytest.fixture
def join(team_url: str) -> Iterator[Callable[[], Database]]:
    """`join()` is what one more process of the team has: the same ledger by connections of its own."""
    joined: list[Database] = []

    def made() -> Database:
        joined.append(Database(team_url, lambda: NOW))
        return joined[-1]

    yield made
    for each in joined:
        each.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A server on the network, with the ledger `books`, the Sandbox's `till`, and ada, an operator with a password."""
    reason = postgres_missing()
    if reason:
        pytest.skip(reason)
    with network(tmp_path_factory.mktemp("authority")) as made:
        made.run("CREATE DATABASE books", "CREATE ROLE barred LOGIN")
        ledger = Database(made.cluster.format("books"), lambda: NOW)
        ledger.open(tmp_path_factory.mktemp("backups"))
        ledger.close()
        made.run("CREATE DATABASE till TEMPLATE books")
        sandbox = Database(made.cluster.format("till"), lambda: NOW)
        sandbox.environment = Environment.SANDBOX
        sandbox.open(None)
        sandbox.close()
        made.run(f"CREATE ROLE ada LOGIN PASSWORD '{PASSWORD}' IN ROLE bioql_operator")
        yield made
