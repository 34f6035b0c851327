"""The world of the money stories: on SQLite, and those marked `both_databases` on PostgreSQL as well."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.storage.database import Database, sqlite_url
from tests.databases import copied, drop_database, fresh_database, postgres_missing, private_cluster
from tests.money.consoles import Console
from tests.money.world import World

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A story that takes the world, or a ledger's address, is told on each database that it names."""
    if metafunc.definition.get_closest_marker("both_databases"):
        metafunc.parametrize("database_kind", KINDS, indirect=True)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture(scope="session")
def postgresql_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty ledger on a private server, to copy."""
    reason = postgres_missing()
    if reason:
        pytest.skip(reason)
    with private_cluster() as cluster:
        url = fresh_database(cluster)
        made = Database(url, lambda: 0)
        made.open(tmp_path_factory.mktemp("ledger"))
        made.close()
        yield url


@pytest.fixture
def postgresql_copy(postgresql_ledger: str) -> Iterator[str]:
    """An empty ledger of one's own."""
    url = copied(postgresql_ledger)
    yield url
    drop_database(url)


@pytest.fixture
def ledger_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger may be made, or is empty."""
    if database_kind == "sqlite":
        return sqlite_url(tmp_path / "bioql.db")
    return str(request.getfixturevalue("postgresql_copy"))


@pytest.fixture
def world(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    url = None if database_kind == "sqlite" else request.getfixturevalue("postgresql_copy")
    made = World(tmp_path, "w", url)
    yield made
    made.close()


@pytest.fixture
def other(world: World) -> Iterator[Console]:
    console = Console(world)
    yield console
    console.database.close()
