"""Disks that fail, fill up, or lose the ledger's file: nothing is acknowledged that is not stored."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.storage import sqlite_engine
from bioql_console.storage.database import Database, sqlite_url
from tests.disks import SmallDisk, disk_missing, small_disk
from tests.server.test_webhooks import event
from tests.sites import Site
from tests.storage.people import NOW, add_people, person
from tests.storage.raw import raw

STORING = Path(__file__).with_name("storing.py")
FAILING = "enable_random name=posix/io/sync/fdatasync,probability=0.05,failinfo=5"
FIU = ("fiu-run", "-x", "-c", FAILING)


def ledger(path: Path) -> Path:
    made = Database(sqlite_url(path), lambda: NOW)
    made.open(path.parent / "backups")
    add_people(made, person())
    made.close()
    return path


def stored_by_a_program(path: Path, tries: int, largest: int = 0, before: Sequence[str] = ()) -> dict[str, Any]:
    """What a program of its own could store: {"stored": numbers, "codes": {code: times}}.

    Args:
        largest: The size that no file may exceed, 0 for any.
    """
    command = [*before, sys.executable, str(STORING), str(path), str(tries), str(largest)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True, cwd=Path.cwd())
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def nothing_lost(path: Path, acknowledged: Sequence[int]) -> None:
    database = Database(sqlite_url(path), lambda: NOW)
    database.open(path.parent / "backups")
    with database.read() as work:
        wanted = [f"evt_{number}" for number in acknowledged]
        assert work.inbox.known(wanted) == set(wanted), "what was acknowledged is not there"
        assert work.verifier.run().ok
    with database.write() as work:
        work.activity.record("ada", "went on", "")
        work.commit()
    database.close()


@pytest.mark.fault(
    "Database",
    "the disk fails to keep what was written, one time in twenty (fsync)",
    "Those events are answered with 503; every acknowledged one is there, and the file is sound.",
    figure="300 events a run",
)
def test_a_disk_that_fails_to_keep_what_was_written(tmp_path: Path) -> None:
    if shutil.which(FIU[0]) is None:
        pytest.skip("fiu-run is not installed (Debian package fiu-utils)")
    path = ledger(tmp_path / "bioql.db")
    found = stored_by_a_program(path, 300, before=FIU)
    assert found["codes"].keys() == {"db.io"}, "no write failed"
    nothing_lost(path, found["stored"])


@pytest.mark.fault(
    "Database",
    "the file may not grow any more in the middle of storing events (ulimit)",
    "From then on events are answered with 503; every acknowledged one is there, and the file is sound.",
    figure="200 events, the file may grow by 200 kB, 0 acknowledged ones lost",
)
def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    path = ledger(tmp_path / "bioql.db")
    found = stored_by_a_program(path, 200, largest=path.stat().st_size + 200_000)
    assert 0 < len(found["stored"]) < 200
    assert found["codes"].keys() == {"db.io"}
    nothing_lost(path, found["stored"])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if reason := disk_missing():
        pytest.skip(reason)
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, 3) as made:
        yield made


@pytest.mark.fault(
    "Database",
    "the disk is full while the console starts, upgrades or copies",
    "The start is refused with a sentence and the next step, and the ledger is as it was.",
    figure="0 bytes free: not a byte of the ledger is changed",
)
def test_a_full_disk_at_the_start(disk: SmallDisk) -> None:
    path = ledger(disk.folder / "bioql.db")
    whole = path.read_bytes()
    with raw(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    old = path.read_bytes()
    disk.fill()
    database = Database(sqlite_url(path), lambda: NOW)
    with pytest.raises(OperatorError) as refused:
        database.open(disk.folder / "backups")
    database.close()
    assert refused.value.code in ("db.full", "db.io", "db.backup_failed")
    assert path.read_bytes() == old
    disk.make_room()
    path.write_bytes(whole)
    nothing_lost(path, [])


@pytest.mark.fault(
    "Database",
    "the disk is write-protected",
    "The start is refused with a sentence and the next step; with the protection gone it starts as before.",
    figure="1 disk mounted read-only, 0 bytes changed",
)
def test_a_write_protected_disk(disk: SmallDisk) -> None:
    path = ledger(disk.folder / "bioql.db")
    disk.write_protect()
    database = Database(sqlite_url(path), lambda: NOW)
    with pytest.raises(OperatorError) as refused:
        database.try_writing()
    database.close()
    assert refused.value.code in ("db.read_only", "db.missing")
    disk.unprotect()
    nothing_lost(path, [])


@pytest.mark.parametrize("how", ["deleted", "replaced"])
@pytest.mark.expected_logs("Nothing can be written")
@pytest.mark.fault(
    "Database",
    "the ledger's file is deleted or replaced under the running console",
    "Nothing is acknowledged into the lost file, no empty one is made in its place, and it says what to do; once the "
    "right file is back, all goes on.",
    figure="2 ways, deleted and replaced: 0 events lost",
)
def test_the_file_is_taken_away(site: Site, how: str) -> None:
    path: Path = site.console.store.path
    aside = path.with_name("aside.db")
    assert site.deliver(event(site, id="evt_1")).status_code == 200
    site.settled()
    path.rename(aside)
    if how == "replaced":
        path.write_bytes(b"another ledger")
    answer = site.deliver(event(site, id="evt_2"))
    assert answer.status_code == 503
    assert "deleted, moved or replaced" in answer.json()["error"]
    assert site.http.get("/health").json()["database"] != "connected"
    assert path.exists() == (how == "replaced")
    check = site.console.doctor.run(only=("database",))[0]
    assert (check.ok, "right file" in check.cure) == (False, True)
    aside.replace(path)
    assert site.deliver(event(site, id="evt_2")).status_code == 200
    assert {each.id for each in site.events()} == {"evt_1", "evt_2"}


HOLDS_THE_LOCK = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.expected_logs("Nothing can be written")
@pytest.mark.fault(
    "Database",
    "another program holds the ledger's lock while webhooks arrive",
    "They are answered with 503 and nothing is stored; customers still read their balance; later all goes on.",
    figure="1 event, refused once and stored once",
)
def test_another_program_holds_the_lock(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(site.console.store.path)) as probe:
        assert probe.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    monkeypatch.setattr(sqlite_engine, "BUSY_TIMEOUT_MS", 100)
    site.console.store._engine.dispose()  # so that connections with the shorter patience are made
    command = [sys.executable, "-c", HOLDS_THE_LOCK, str(site.console.store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        answer = site.deliver(event(site, id="evt_1"))
        assert answer.status_code == 503
        assert "Another program holds the database" in answer.json()["error"]
        assert site.owed() == 350.0
        assert site.http.get("/health").json()["database"] == "read only"
        other.communicate("\n", timeout=20)
    assert site.deliver(event(site, id="evt_1")).status_code == 200
    assert site.http.get("/health").json()["database"] == "connected"
    assert [each.id for each in site.events()] == ["evt_1"]
