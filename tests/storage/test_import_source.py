"""The old server's file is only read: nothing beside it changes, and what can't be read is told with one next step."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.storage.database import Database
from bioql_console.storage.legacy_file import open_legacy
from tests.legacy_files import change_file, make_file, sample_content
from tests.storage.importing import balances, bring_in, expected_balances, importer
from tests.storage.raw import raw

State = dict[str, tuple[bytes, int]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the old server lives."""
    place = tmp_path / "old server"
    place.mkdir()
    return place


def state(folder: Path) -> State:
    """Every file's bytes and time."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def refusal(database: Database, path: Path) -> OperatorError:
    """How both a preview and an import refuse a file, which stays as it is."""
    before = state(path.parent) if path.parent.exists() else {}
    with pytest.raises(OperatorError) as preview:
        importer(database).preview(path)
    with pytest.raises(OperatorError) as refused:
        importer(database).run(path, operator="ada")
    assert preview.value.code == refused.value.code
    assert refused.value.fix
    assert balances(database) == {}
    assert (state(path.parent) if path.parent.exists() else {}) == before
    return refused.value


def test_reading_leaves_no_trace(sqlite_database: Database, folder: Path) -> None:
    path = make_file(folder / "users 100%.db", sample_content())
    path.chmod(0o400)
    before = state(folder)
    importer(sqlite_database).preview(path)
    bring_in(sqlite_database, path)
    assert state(folder) == before
    assert balances(sqlite_database) == expected_balances(path)


def test_a_file_in_wal_mode_without_a_log(sqlite_database: Database, folder: Path) -> None:
    path = make_file(folder / "users.db", sample_content())
    change_file(path, "PRAGMA journal_mode = WAL")
    assert path.read_bytes()[18] == 2
    before = state(folder)
    bring_in(sqlite_database, path)
    assert state(folder) == before


def test_rows_that_are_still_in_the_log_count(sqlite_database: Database, folder: Path, tmp_path: Path) -> None:
    """The old server runs, or was killed: its last rows are in the log only."""
    path = make_file(tmp_path / "users.db", sample_content())
    with closing(sqlite3.connect(path)) as server:
        server.execute("PRAGMA journal_mode = WAL")
        server.execute("UPDATE monthly_quotas SET total_cost = 61.0 WHERE id = 2")
        server.commit()
        for name in ("users.db", "users.db-wal"):
            (folder / name).write_bytes((tmp_path / name).read_bytes())
    before = state(folder)
    bring_in(sqlite_database, folder / "users.db")
    assert balances(sqlite_database)["ada@uni.example"] == 251_100_000
    assert state(folder) == before


def test_beside_a_server_that_has_it_open(sqlite_database: Database, folder: Path) -> None:
    path = make_file(folder / "users.db", sample_content())
    with closing(sqlite3.connect(path)) as server:
        server.execute("PRAGMA journal_mode = WAL")
        server.execute("UPDATE monthly_quotas SET total_cost = 61.0 WHERE id = 2")
        server.commit()
        bring_in(sqlite_database, path)
        server.execute("UPDATE monthly_quotas SET total_cost = 62.0 WHERE id = 2")
        server.commit()
    assert balances(sqlite_database)["ada@uni.example"] == 251_100_000


def test_a_locked_file(sqlite_database: Database, folder: Path) -> None:
    path = make_file(folder / "users.db", sample_content())
    with closing(sqlite3.connect(path)) as server:
        server.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OperatorError) as refused:
            importer(sqlite_database).preview(path)
    assert refused.value.code == "import.source_locked"


def test_a_change_that_was_not_finished(sqlite_database: Database, folder: Path, tmp_path: Path) -> None:
    path = make_file(tmp_path / "users.db", sample_content())
    with closing(sqlite3.connect(path)) as server:
        server.execute("PRAGMA cache_size = 1")
        server.execute("BEGIN")
        server.execute("CREATE TABLE big AS SELECT randomblob(5000) FROM users, users, users")
        server.execute("UPDATE users SET name = hex(randomblob(5000))")
        for name in ("users.db", "users.db-journal"):
            (folder / name).write_bytes((tmp_path / name).read_bytes())
    assert refusal(sqlite_database, folder / "users.db").code == "import.source_unfinished"


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 5_000])
def test_what_is_no_database(sqlite_database: Database, folder: Path, content: bytes) -> None:
    (folder / "users.db").write_bytes(content)
    assert refusal(sqlite_database, folder / "users.db").code == "import.source_damaged"


@pytest.mark.parametrize("kept", [4_096, 8_192, -4_096, -1])
def test_a_file_that_was_cut_off(sqlite_database: Database, folder: Path, kept: int) -> None:
    path = make_file(folder / "users.db", sample_content())
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(sqlite_database, path).code == "import.source_damaged"


@pytest.mark.fault(
    "Database",
    "the file to import is damaged deep inside",
    "The import is refused, and nothing of it is brought in.",
    figure="1 page of 4 KiB among 2,000 runs, 0 rows brought in",
)
def test_a_damaged_page_deep_inside(sqlite_database: Database, folder: Path) -> None:
    content = sample_content()
    run = content["usage_logs"][0]
    content["usage_logs"] = [{**run, "id": number} for number in range(1, 2_000)]
    path = make_file(folder / "users.db", content)
    whole = bytearray(path.read_bytes())
    at = len(whole) // 8_192 * 4_096
    whole[at : at + 4_096] = b"\x5a" * 4_096
    path.write_bytes(whole)
    assert refusal(sqlite_database, path).code == "import.source_damaged"


def test_what_is_not_there_or_no_file(sqlite_database: Database, folder: Path) -> None:
    assert refusal(sqlite_database, folder / "users.db").code == "import.source_absent"
    (folder / "users.db").mkdir()
    with pytest.raises(OperatorError) as refused:
        importer(sqlite_database).preview(folder / "users.db")
    assert refused.value.code == "import.source_unreadable"


def test_another_database(sqlite_database: Database, folder: Path) -> None:
    with raw(folder / "users.db") as other:
        other.execute("CREATE TABLE users (id INTEGER, login TEXT)")
    assert refusal(sqlite_database, folder / "users.db").code == "import.foreign"


def test_a_ledger_of_our_own(sqlite_database: Database, tmp_path: Path) -> None:
    assert sqlite_database.path is not None
    with pytest.raises(OperatorError) as refused:
        importer(sqlite_database).run(sqlite_database.path, operator="ada")
    assert refused.value.code == "import.own_ledger"


def test_a_file_that_changes_while_it_is_read(sqlite_database: Database, folder: Path) -> None:
    path = make_file(folder / "users.db", sample_content())
    change_file(path, "PRAGMA journal_mode = WAL")

    def tick(_done: int, _total: int, words: str) -> None:
        if words == "tickets":
            change_file(path, "UPDATE users SET balance = balance + 1")

    with pytest.raises(OperatorError) as refused:
        importer(sqlite_database).run(path, operator="ada", progress=tick)
    assert refused.value.code == "import.source_changed"
    assert balances(sqlite_database) == {}


def test_rows_come_in_the_order_of_their_users(folder: Path) -> None:
    content = sample_content()
    content["usage_logs"] = [{"id": 30 - number, "user_id": number % 3} for number in range(9)]
    with open_legacy(make_file(folder / "users.db", content)) as source:
        assert [row[:2] for row in source.rows("usage_logs")] == sorted(
            (number % 3, 30 - number) for number in range(9)
        )
        assert source.missing() == []
        assert source.count_rows() == 3 + 9 + 4 + 3 + 2


def test_any_thread_may_read(sqlite_database: Database, folder: Path) -> None:
    path = make_file(folder / "users.db", sample_content())
    found = []
    thread = threading.Thread(target=lambda: found.append(importer(sqlite_database).preview(path)))
    thread.start()
    thread.join(20)
    assert found[0].tally.brought.users == 3
