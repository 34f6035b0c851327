"""Copies that are made before an upgrade or an import: named so, kept while they are among the newest, and waived."""

from pathlib import Path

import pytest

from bioql_console.domain.backups import KEPT, Reason, file_name, read_name
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.importing import ImportOptions, run_import
from bioql_console.services.backups import Backups
from bioql_console.services.changes import Changes
from bioql_console.storage.database import Database, sqlite_url
from tests.disks import disk_missing, small_disk
from tests.legacy_files import make_file, sample_content
from tests.storage.people import NOW, rows
from tests.storage.test_migrations import old_ledger

TEST = Environment.TEST


def test_only_the_newest_of_those_made_by_themselves_are_kept(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir(exist_ok=True)
    made = [
        file_name(environment, "0012", NOW + number, "SQLite", reason)
        for environment in (TEST, Environment.LIVE)
        for number in range(KEPT)
        for reason in Reason
    ]
    for name in (*made, "damaged-test-1.db", "notes.txt"):
        (folder / name).touch()
    backups = Backups(database, folder, Changes())
    removed = backups.tidy()
    old = {
        file_name(environment, "0012", NOW + number, "SQLite", reason)
        for environment in (TEST, Environment.LIVE)
        for number in range(KEPT // 2)
        for reason in (Reason.UPGRADE, Reason.IMPORT)
    }
    assert set(removed) == old
    assert {path.name for path in folder.iterdir()} == {*made, "damaged-test-1.db", "notes.txt"} - old
    told = rows(database, "SELECT subject FROM activity WHERE action = 'removed an old backup'")
    assert {name for (name,) in told} == old
    assert backups.tidy() == []


def importing(tmp_path: Path, data_dir: Path) -> ImportOptions:
    users_db = make_file(tmp_path / "users.db", sample_content())
    return ImportOptions(users_db, False, True, data_dir, None, TEST)


def test_an_import_tidies_up_once_it_is_in(tmp_path: Path, data_dir: Path) -> None:
    folder = data_dir / "backups"
    folder.mkdir()
    older = [file_name(TEST, "0012", NOW - number, "SQLite", Reason.IMPORT) for number in range(KEPT)]
    for name in older:
        (folder / name).touch()
    report = run_import(importing(tmp_path, data_dir))
    made = read_name(Path(report.backup))
    assert made is not None
    assert (made.reason, made.environment) == (Reason.IMPORT, TEST)
    assert {path.name for path in folder.iterdir()} == {made.path.name, *older[:-1]}


def test_an_upgrade_names_its_copy(tmp_path: Path) -> None:
    path = old_ledger(tmp_path / "bioql.db")
    database = Database(sqlite_url(path), lambda: NOW)
    database.open(tmp_path / "backups")
    database.close()
    (made,) = [read_name(each) for each in (tmp_path / "backups").iterdir()]
    assert made is not None
    assert (made.reason, made.schema) == (Reason.UPGRADE, "0001")


@pytest.mark.fault(
    "Backup",
    "An import into a ledger whose disk has no room for a copy",
    "It is refused before anything is changed; --no-backup goes on without a copy, still all or nothing.",
    figure="0 bytes free: 0 users brought in, then all",
)
@pytest.mark.skipif(disk_missing() is not None, reason=str(disk_missing()))
def test_an_import_can_do_without_a_copy(tmp_path: Path, data_dir: Path) -> None:
    database = Database(sqlite_url(data_dir / "test" / "bioql.db"), lambda: NOW)
    database.open(None)
    database.close()
    folder = data_dir / "backups"
    folder.mkdir()
    options = importing(tmp_path, data_dir)
    with small_disk(folder, 1) as disk:
        disk.fill()
        with pytest.raises(OperatorError) as refused:
            run_import(options)
        assert refused.value.code == "backup.no_space"
        assert rows(database, "SELECT count(*) FROM users") == [(0,)]
        report = run_import(options._replace(backup=False))
        assert (report.written, report.backup) == (True, "")
        assert [path.name for path in folder.iterdir()] == ["ballast"]
    database.close()
