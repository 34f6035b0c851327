"""Databases for the stories: every one that takes `database` is told twice, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.storage.database import Database, sqlite_url
from tests.databases import fresh_database, postgres_missing, private_cluster
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
def postgresql_url(postgresql_cluster: str) -> str:
    """A new, empty PostgreSQL database."""
    return fresh_database(postgresql_cluster)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database of either kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "bioql.db")
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    """An open ledger without users, of either kind."""
    made = Database(url, lambda: NOW)
    made.open(tmp_path / "backups")
    yield made
    made.close()


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An open ledger without users, for what only SQLite has: files, plans, locks."""
    made = Database(sqlite_url(tmp_path / "bioql.db"), lambda: NOW)
    made.open(tmp_path / "backups")
    yield made
    made.close()
