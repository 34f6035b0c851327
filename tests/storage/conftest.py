"""Databases for the stories: every one that takes `database` is told twice, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.storage.database import Database, sqlite_url
from tests.databases import copied, drop_database, fresh_database, postgres_missing, private_cluster
from tests.empty_ledger import empty_ledger
from tests.storage.people import NOW


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[str]:
    """One private cluster for the whole run."""
    reason = postgres_missing()
    if reason:
        pytest.skip(reason)
    with private_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgresql_url(postgresql_cluster: str) -> Iterator[str]:
    """A new, empty PostgreSQL database."""
    url = fresh_database(postgresql_cluster)
    yield url
    drop_database(url)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty ledger to copy: twice as fast as making the tables each time."""
    url = fresh_database(postgresql_cluster)
    made = Database(url, lambda: NOW)
    made.open(tmp_path_factory.mktemp("template"))
    made.close()
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database of either kind."""
    return sqlite_url(tmp_path / "bioql.db") if kind == "sqlite" else str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open ledger without users, of either kind."""
    sqlite = kind == "sqlite"
    file = tmp_path / "bioql.db"
    url = sqlite_url(empty_ledger(file)) if sqlite else copied(request.getfixturevalue("postgresql_template"))
    made = Database(url, lambda: NOW)
    made.open(tmp_path / "backups")
    yield made
    made.close()
    if not sqlite:
        drop_database(url)


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An open ledger without users, for what only SQLite has: files, plans, locks."""
    made = Database(sqlite_url(empty_ledger(tmp_path / "bioql.db")), lambda: NOW)
    made.open(tmp_path / "backups")
    yield made
    made.close()
