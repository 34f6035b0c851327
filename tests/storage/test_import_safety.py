"""All or nothing: whatever happens in the middle, the ledger is as it was, and the next attempt does it all."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.imports import ImportReport
from bioql_console.domain.paging import UserQuery
from bioql_console.services.changes import Change, Changes
from bioql_console.services.legacy.legacy_import import LegacyImport
from bioql_console.storage.database import Database
from bioql_console.storage.legacy_file import open_legacy
from tests.legacy_files import key_of, make_file, sample_content
from tests.storage.importing import balances, bring_in, check_books, everything, expected_balances, importer
from tests.storage.killing import kills_itself
from tests.storage.people import NOW, add_people, person


@pytest.fixture
def users_db(tmp_path: Path) -> Path:
    return make_file(tmp_path / "users.db", sample_content())


@pytest.fixture
def long_db(tmp_path: Path) -> Path:
    """More users than one page takes."""
    users = [
        {"id": number, "email": f"u{number}@uni.example", "api_key": key_of(number), "balance": 1.0}
        for number in range(1, 4_501)
    ]
    quotas = [{"user_id": number, "month": "2026-10", "total_cost": 3.0} for number in range(1, 4_501)]
    return make_file(tmp_path / "long.db", {"users": users, "monthly_quotas": quotas})


def test_cancelling_undoes_everything(database: Database, long_db: Path) -> None:
    add_people(database, person())
    before = everything(database)
    said: list[str] = []
    with pytest.raises(OperatorError) as ended:
        importer(database).run(
            long_db,
            operator="ada",
            progress=lambda _done, _total, words: said.append(words),
            cancelled=lambda: said.count("users") == 2,
        )
    assert ended.value.code == "import.cancelled"
    assert everything(database) == before
    bring_in(database, long_db)
    assert len(balances(database)) == 4_501


def test_a_bug_in_the_middle_undoes_everything(database: Database, long_db: Path) -> None:
    before = everything(database)

    def stumble(done: int, _total: int, _words: str) -> None:
        if done > 5_000:
            raise RuntimeError("stumbled")

    with pytest.raises(RuntimeError, match="stumbled"):
        importer(database).run(long_db, operator="ada", progress=stumble)
    assert everything(database) == before
    check_books(database)


def test_progress_goes_up_to_the_end(database: Database, long_db: Path) -> None:
    seen: list[tuple[int, int]] = []
    importer(database).run(long_db, operator="ada", progress=lambda done, total, _words: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (9_000, 9_000)


DIES_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from bioql_console.services.changes import Changes
from bioql_console.services.legacy.legacy_import import LegacyImport
from bioql_console.storage.database import Database
from bioql_console.storage.legacy_file import open_legacy
database = Database(sys.argv[1], lambda: 1)
database.open(Path(sys.argv[3]))
def die(done, total, words):
    if words == sys.argv[4] and done > 4_000:
        os.kill(os.getpid(), signal.SIGKILL)
imports = LegacyImport(database, open_legacy, lambda: None, Changes(), lambda: 1_795_000_000_000)
imports.run(Path(sys.argv[2]), operator="ada", progress=die)
"""


@pytest.mark.fault(
    "Crash",
    "kill -9 in the middle of an import",
    "Nothing of it is there, the books balance, and doing it again brings in everything.",
    figure="2 kills each on SQLite and PostgreSQL, 0 rows left",
)
@pytest.mark.parametrize("moment", ["tickets", "writing to disk"])
def test_kill_9_in_the_middle_leaves_nothing_half(url: str, tmp_path: Path, long_db: Path, moment: str) -> None:
    kills_itself(DIES_IN_THE_MIDDLE, url, long_db, tmp_path / "backups", moment)
    database = Database(url, lambda: NOW)
    database.open(tmp_path / "backups")
    assert balances(database) == {}
    check_books(database)
    bring_in(database, long_db)
    assert balances(database) == expected_balances(long_db)
    database.close()


def test_the_ledger_is_copied_before(sqlite_database: Database, users_db: Path, tmp_path: Path) -> None:
    add_people(sqlite_database, person(email="first@uni.example"))
    report = bring_in(sqlite_database, users_db)
    (copy,) = (tmp_path / "copies").iterdir()
    assert report.backup == str(copy)
    assert copy.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("SELECT email FROM users").fetchall() == [("first@uni.example",)]


def test_a_copy_of_what_did_not_change_is_not_kept(sqlite_database: Database, users_db: Path, tmp_path: Path) -> None:
    bring_in(sqlite_database, users_db)
    copies = set((tmp_path / "copies").iterdir())
    assert bring_in(sqlite_database, users_db, now_ms=NOW + 1).backup == ""
    assert set((tmp_path / "copies").iterdir()) == copies


def test_without_a_copy_nothing_is_brought_in(sqlite_database: Database, users_db: Path, tmp_path: Path) -> None:
    (tmp_path / "copies").write_text("a file, no folder")
    with pytest.raises(OperatorError) as refused:
        importer(sqlite_database).run(users_db, operator="ada")
    assert refused.value.code == "db.backup_failed"
    assert balances(sqlite_database) == {}


@pytest.mark.fault(
    "Processes",
    "two imports of one file at the same moment",
    "It is brought in once.",
    figure="2 at once, brought in once",
)
def test_two_imports_at_once_bring_it_in_once(database: Database, users_db: Path) -> None:
    gate = threading.Barrier(2)

    def run(_number: int) -> ImportReport:
        gate.wait(10)
        return LegacyImport(database, open_legacy, lambda: None, Changes(), lambda: NOW).run(users_db, operator="ada")

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(run, range(2)))
    assert sorted(report.nothing_new for report in reports) == [False, True]
    assert balances(database) == expected_balances(users_db)
    check_books(database)


def test_readers_go_on_and_see_nothing_of_it_until_it_is_done(database: Database, users_db: Path) -> None:
    seen = []

    def look(_done: int, _total: int, _words: str) -> None:
        with database.read() as work:
            seen.append(work.users.count(UserQuery()))

    importer(database).run(users_db, operator="ada", progress=look)
    assert set(seen) == {0}
    assert len(seen) > 5


def test_somebody_who_registers_meanwhile_waits(database: Database, users_db: Path) -> None:
    """On either database the import and the registration come one after the other."""
    started = threading.Event()
    registering = ThreadPoolExecutor(1)

    def go_on(_done: int, _total: int, words: str) -> None:
        if words == "tickets" and not started.is_set():
            started.set()

    def register() -> list[int]:
        started.wait(10)
        return add_people(database, person(email="late@uni.example"))

    with registering:
        late = registering.submit(register)
        importer(database).run(users_db, operator="ada", progress=go_on)
        assert late.result(10) == [4]
    check_books(database)


def test_views_are_told_once_it_is_done(sqlite_database: Database, users_db: Path) -> None:
    changes = Changes()
    heard: list[Change] = []
    changes.subscribe(heard.append)
    imports = LegacyImport(sqlite_database, open_legacy, lambda: None, changes, lambda: NOW)
    imports.preview(users_db)
    assert heard == []
    imports.run(users_db, operator="ada")
    assert {change.topic for change in heard} == {"users", "balances", "usage", "activity"}
    heard.clear()
    imports.run(users_db, operator="ada")
    assert heard == []
