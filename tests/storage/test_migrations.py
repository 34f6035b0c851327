"""Upgrades: a copy first, all or nothing, and the tables end up as the code describes them."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bioql_console.domain.errors import OperatorError
from bioql_console.storage import migrate
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.tables import metadata
from tests.storage.killing import kills_itself
from tests.storage.people import NOW, rows
from tests.storage.raw import raw

EXPRESSION_INDEXES = {"ix_users_name", "ix_users_customer", "ix_users_seen"}


def old_ledger(path: Path) -> Path:
    """A ledger as the first version made it, with a user who owes $5."""
    database = Database(sqlite_url(path), lambda: NOW)
    database.open(path.parent / "unused")
    database.close()
    path.unlink()
    with raw(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    database = Database(sqlite_url(path), lambda: NOW)
    with database._engine.connect().execution_options(bioql_write=True) as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.commit()
    database.close()
    # By hand: today's code knows columns that the first version did not have.
    with raw(path) as connection:
        connection.executescript(f"""
            INSERT INTO users (id, name, email, plan, key_sha256, key_hint, created_ms)
                VALUES (1, 'ada', 'ada@uni.example', 'free', 'hash', '…', {NOW});
            INSERT INTO balances (user_id, receivable_micros, version) VALUES (1, 5000000, 1);
            INSERT INTO journal_entries VALUES (1, 'usage', 'usage', 'u', {NOW}, {NOW}, 'system', '', 'usd', NULL);
            INSERT INTO postings (entry_id, account, user_id, micros, effective_ms)
                VALUES (1, 'receivable', 1, 5000000, {NOW}), (1, 'usage_revenue', NULL, -5000000, {NOW});
        """)
    return path


def revision(path: Path) -> str:
    with raw(path) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    assert ScriptDirectory(str(migrate.MIGRATIONS)).get_current_head() == migrate.HEAD


def test_the_tables_are_what_the_migrations_make(database: Database) -> None:
    with database._engine.connect() as connection, warnings.catch_warnings():
        # SQLite's indexes on expressions can't be read back; the query plans prove them instead.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
        context = MigrationContext.configure(connection, opts={"include_object": _ours, "compare_type": True})
        assert compare_metadata(context, metadata) == []


def _ours(_thing: object, name: str | None, _kind: str, _reflected: bool, _compared: object) -> bool:
    """Full-text search brings tables of its own; indexes on expressions are in the migrations only."""
    return not str(name).startswith("users_search") and name not in EXPRESSION_INDEXES


def test_the_indexes_on_expressions_exist(database: Database) -> None:
    catalogue = (
        "SELECT name FROM sqlite_master WHERE type = 'index'"
        if database.path
        else "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
    )
    assert {name for (name,) in rows(database, catalogue)} >= EXPRESSION_INDEXES


def test_an_old_ledger_is_copied_and_then_upgraded(tmp_path: Path) -> None:
    path = old_ledger(tmp_path / "bioql.db")
    database = Database(sqlite_url(path), lambda: NOW)
    with pytest.raises(OperatorError) as refused:
        database.open_existing()
    assert refused.value.code == "db.too_old", "a reader must not upgrade"
    database.open(tmp_path / "backups")
    with database.read() as work:
        found = work.verifier.run()
    database.close()
    assert (found.ok, found.owed_micros) == (True, 5_000_000)
    assert revision(path) == migrate.HEAD

    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name == "bioql-ledger-0001-20261118T110640000Z-upgrade.db"
    assert copy.stat().st_mode & 0o077 == 0
    assert (tmp_path / "backups").stat().st_mode & 0o077 == 0
    assert revision(copy) == "0001"
    with raw(copy) as connection:
        assert connection.execute("SELECT sum(receivable_micros) FROM balances").fetchone() == (5_000_000,)


def test_a_copy_can_be_restored_and_upgraded_again(tmp_path: Path) -> None:
    path = old_ledger(tmp_path / "bioql.db")
    for _ in range(2):
        database = Database(sqlite_url(path), lambda: NOW)
        database.open(tmp_path / "backups")
        database.close()
        copy = max((tmp_path / "backups").iterdir())
        path.write_bytes(copy.read_bytes())
    assert revision(path) == "0001"
    assert len(list((tmp_path / "backups").iterdir())) == 2, "a copy was written over another"


@pytest.mark.fault(
    "Crash",
    "an upgrade that fails half-way",
    "Nothing is changed, and the copy made before it is kept.",
    figure="1 failure after every step, 0 changes",
)
def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = old_ledger(tmp_path / "bioql.db")
    really = migrate.run

    def stumble(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        really(connection)
        raise RuntimeError("a migration stumbled")

    monkeypatch.setattr(migrate, "run", stumble)
    database = Database(sqlite_url(path), lambda: NOW)
    with pytest.raises(RuntimeError, match="stumbled"):
        database.open(tmp_path / "backups")
    database.close()
    _as_it_was(path)
    assert len(list((tmp_path / "backups").iterdir())) == 1


def _as_it_was(path: Path) -> None:
    assert revision(path) == "0001"
    with raw(path) as connection:
        names = dict(connection.execute("SELECT name, sql FROM sqlite_master"))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT sum(receivable_micros) FROM balances").fetchone() == (5_000_000,)
    assert "half" not in names
    assert "lower" not in names["ix_users_name"]


DIES_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from bioql_console.storage import migrate
from bioql_console.storage.database import Database, sqlite_url
path, really = Path(sys.argv[1]), migrate.run
def run(connection):
    really(connection)
    os.kill(os.getpid(), signal.SIGKILL)
migrate.run = run
Database(sqlite_url(path), lambda: 1).open(path.parent / "backups")
"""


@pytest.mark.fault(
    "Crash",
    "kill -9 in the middle of an upgrade",
    "The ledger is as it was before, and the next start upgrades it.",
    figure="2 kills, of a new and of an old ledger",
)
@pytest.mark.parametrize("new", [False, True])
def test_kill_9_during_an_upgrade_leaves_nothing_half(tmp_path: Path, new: bool) -> None:
    path = tmp_path / "bioql.db" if new else old_ledger(tmp_path / "bioql.db")
    kills_itself(DIES_IN_THE_MIDDLE, path)
    if new:
        with raw(path) as connection:
            assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    else:
        _as_it_was(path)
    database = Database(sqlite_url(path), lambda: NOW)
    database.open(tmp_path / "backups")
    with database.read() as work:
        found = work.verifier.run()
    database.close()
    assert (found.ok, found.users) == (True, 0 if new else 1)


@pytest.mark.fault(
    "PostgreSQL",
    "several consoles start at once on an empty database",
    "One schema is made, and all of them work with it.",
    figure="3 at once, 1 schema",
)
def test_several_that_start_at_once_make_one_schema(url: str, tmp_path: Path) -> None:
    gate = threading.Barrier(3)

    def start(_number: int) -> list[tuple[Any, ...]]:
        database = Database(url, lambda: NOW)
        gate.wait(10)
        database.open(tmp_path / "backups")
        versions = rows(database, "SELECT version_num FROM alembic_version")
        database.close()
        return versions

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(start, range(3))) == [[(migrate.HEAD,)]] * 3
