"""Opening a database: new, old, foreign, newer, damaged, cut off, killed."""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from bioql_console.domain.errors import OperatorError
from bioql_console.storage import migrate
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.tables import metadata
from tests.storage.raw import raw

NOW = 1_795_000_000_000


def at(path: Path) -> Database:
    return Database(sqlite_url(path), lambda: NOW)


def refusal(path: Path) -> OperatorError:
    database = at(path)
    with pytest.raises(OperatorError) as refused:
        database.open(path.parent / "backups")
    database.close()
    assert refused.value.fix
    return refused.value


def test_a_new_database_is_private_and_whole(tmp_path: Path) -> None:
    database = at(tmp_path / "bioql.db")
    database.open(tmp_path / "backups")
    with database.read() as work:
        assert work.verifier.run().ok
    database.close()
    assert (tmp_path / "bioql.db").stat().st_mode & 0o077 == 0


def test_the_tables_are_what_the_migrations_make(tmp_path: Path) -> None:
    database = at(tmp_path / "bioql.db")
    database.open(tmp_path / "backups")
    with database._engine.connect() as connection, warnings.catch_warnings():
        # Indexes on expressions can't be read back; the query plans prove them instead.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
        context = MigrationContext.configure(connection, opts={"include_object": _ours})
        assert compare_metadata(context, metadata) == []
    database.close()


def _ours(_thing: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    """Full-text search brings tables of its own."""
    return not (kind == "table" and str(name).startswith("users_search"))


def test_a_newer_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "bioql.db"
    database = at(path)
    database.open(tmp_path / "backups")
    database.close()
    with raw(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert refusal(path).code == "db.too_new"
    reader = at(path)
    with pytest.raises(OperatorError) as refused:
        reader.open_existing()
    reader.close()
    assert refused.value.code == "db.too_new"


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.db"
    with raw(path) as connection:
        connection.execute("CREATE TABLE users (id INTEGER)")
    assert refusal(path).code == "db.foreign"


@pytest.mark.parametrize(("content", "code"), [(b"", "db.empty"), (b"no database at all" * 500, "db.corrupt")])
def test_what_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "bioql.db"
    path.write_bytes(content)
    assert refusal(path).code == code
    assert path.read_bytes() == content


def test_an_absent_database_is_not_made_by_a_reader(tmp_path: Path) -> None:
    database = at(tmp_path / "bioql.db")
    with pytest.raises(OperatorError) as refused:
        database.open_existing()
    database.close()
    assert refused.value.code == "db.absent"
    assert not (tmp_path / "bioql.db").exists()


def test_an_older_schema_is_copied_before_it_is_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bioql.db"
    database = at(path)
    database.open(tmp_path / "backups")
    upgraded: list[bool] = []
    monkeypatch.setattr(migrate, "HEAD", "0003")
    monkeypatch.setattr(migrate, "_run", lambda _connection: upgraded.append(True))
    database.open(tmp_path / "backups")
    database.close()
    copies = list((tmp_path / "backups").glob("bioql-0002-*.db"))
    assert upgraded == [True]
    assert len(copies) == 1
    assert copies[0].stat().st_mode & 0o077 == 0
    with raw(copies[0]) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)


WRITER = """
import sys, time
from bioql_console.domain.ledger import usage_fact
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.storage.database import Database, sqlite_url
from pathlib import Path
database = Database(sqlite_url(Path(sys.argv[1])), lambda: 1)
database.open(Path(sys.argv[1]).parent / "backups")
with database.write() as work:
    work.users.add(NewUser("A", "a@uni.example", ApiKey.of("k"), 1))
    work.commit()
number = 0
while True:
    with database.write() as work:
        for _ in range(20):
            number += 1
            work.ledger.post(usage_fact(f"u{number}", 1, 1_000_000, 1, ""))
        work.commit()
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_committed_and_leaves_nothing_half(tmp_path: Path) -> None:
    path = tmp_path / "bioql.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [int(writer.stdout.readline()) for _ in range(5)]
    os.kill(writer.pid, signal.SIGKILL)
    rest = [int(line) for line in writer.stdout.read().split() if line]
    writer.wait(10)
    writer.stdout.close()
    committed = (said + rest)[-1]
    database = at(path)
    database.open(tmp_path / "backups")
    with database.read() as work:
        owed = work.ledger.balance(1).owed_micros
        found = work.verifier.run()
    database.close()
    assert found.ok, found.differences
    assert owed >= committed * 1_000_000
    assert owed % 20_000_000 == 0, "half a transaction is there"
