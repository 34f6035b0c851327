"""A backup is one moment of a ledger that goes on, whole and looked through before it has a name."""

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.domain.backups import Backup, Reason, file_name, read_name
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import payment_fact, usage_fact
from bioql_console.storage.backing_up import verified
from bioql_console.storage.backup_content import content_of
from bioql_console.storage.database import Database
from tests.disks import disk_missing, small_disk
from tests.storage.killing import kills_itself
from tests.storage.people import NOW, add_people, person
from tests.storage.raw import raw

TEST = Environment.TEST


def busy_ledger(database: Database, users: int = 50) -> None:
    """People who owe, of an account."""
    ids = add_people(database, *(person(f"User {number}") for number in range(users)))
    with database.write() as work:
        for user in ids:
            work.ledger.post(usage_fact(f"u{user}", user, 5_000_000, NOW, ""))
        work.activity.record("ada", "charged", "everybody")
        work.commit()


@contextlib.contextmanager
def writing_all_the_time(database: Database) -> Iterator[None]:
    """Another thread posts a payment, again and again, each with its trail in the same transaction."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with database.write() as work:
                work.ledger.post(payment_fact(f"pi_{number}", 1, 10_000, NOW, ""))
                work.activity.record("system", "paid", f"pi_{number}")
                work.commit()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)


@pytest.mark.fault(
    "Backup",
    "Backing up while payments are written",
    "The copy is one moment of the ledger: its books balance, and its trail ends where its postings end.",
    figure="payments all the time, 0 differences, on SQLite and PostgreSQL",
)
def test_a_backup_beside_writers_is_one_moment(database: Database, tmp_path: Path) -> None:
    busy_ledger(database)
    database.environment = TEST
    steps: list[str] = []
    with writing_all_the_time(database):
        made = database.back_up(
            tmp_path / "backups", verify=True, progress=lambda _done, _total, words: steps.append(words)
        )
    assert made.verification is not None
    assert made.verification.ok, made.verification.differences
    assert made.backup.path.stat().st_mode & 0o077 == 0
    assert {"copying", "looking through the copy", "recomputing the books in it"} == set(steps)
    found = content_of(made.backup.path)
    assert (found.environment, found.schema, found.made_ms) == (TEST, made.backup.schema, NOW)
    assert read_name(made.backup.path) is not None
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [made.backup.path.name], "something was left"
    if database.path is not None:
        with raw(made.backup.path) as copy:
            (paid,) = copy.execute("SELECT count(*) FROM journal_entries WHERE kind = 'payment'").fetchone()
            (said,) = copy.execute("SELECT count(*) FROM activity WHERE action = 'paid'").fetchone()
        assert paid == said


def test_stopping_a_backup_leaves_nothing(database: Database, tmp_path: Path) -> None:
    busy_ledger(database, 3)
    with pytest.raises(OperatorError) as ended:
        database.back_up(tmp_path / "backups", verify=True, cancelled=lambda: True)
    assert ended.value.code == "backup.stopped"
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_file_that_is_there_is_never_written_over(sqlite_database: Database, tmp_path: Path) -> None:
    target = tmp_path / "mine.db"
    target.write_bytes(b"something else")
    with pytest.raises(OperatorError) as refused:
        sqlite_database.back_up(target)
    assert refused.value.code == "backup.exists"
    assert target.read_bytes() == b"something else"


DIES_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from bioql_console.storage.database import Database
database = Database(sys.argv[1], lambda: 1)
def die(_done, _total, words):
    if words == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
database.back_up(Path(sys.argv[2]), verify=True, progress=die)
"""


@pytest.mark.fault(
    "Backup",
    "kill -9 in the middle of a backup",
    "No half backup ever has a backup's name; the next one removes what was left, and the ledger goes on.",
    figure="2 kills, on SQLite and PostgreSQL, 0 half backups",
)
@pytest.mark.parametrize("moment", ["copying", "recomputing the books in it"])
def test_kill_9_leaves_no_half_backup(database: Database, tmp_path: Path, moment: str) -> None:
    busy_ledger(database, 5)
    backups = tmp_path / "copies"
    url = database.url.render_as_string(hide_password=False)
    kills_itself(DIES_IN_THE_MIDDLE, url, backups, moment)
    assert [path for path in backups.iterdir() if read_name(path)] == []
    made = database.back_up(backups, verify=True)
    assert made.verification is not None
    assert made.verification.ok
    assert [path.name for path in backups.iterdir()] == [made.backup.path.name]


@pytest.mark.fault(
    "Backup",
    "The disk is full while a backup is written",
    "The backup is refused in a sentence, nothing is left of it, and the ledger goes on.",
    figure="0 bytes free, 0 left behind, on SQLite and PostgreSQL",
)
@pytest.mark.skipif(disk_missing() is not None, reason=str(disk_missing()))
def test_a_full_disk_is_said(database: Database, tmp_path: Path) -> None:
    busy_ledger(database, 30)
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, 1) as disk:
        disk.fill()
        with pytest.raises(OperatorError) as refused:
            database.back_up(folder)
        assert refused.value.code == "backup.no_space"
        assert [path.name for path in folder.iterdir()] == ["ballast"]
        with database.read() as work:
            assert work.verifier.run().ok
        disk.make_room()
        assert database.back_up(folder, verify=True).backup.path.exists()


@pytest.mark.fault(
    "Backup",
    "The ledger's file is damaged when it is backed up",
    "No backup is made of it, and the newest whole one is named as the way out.",
    figure="64 bytes damaged, 0 backups made",
)
def test_damage_is_not_backed_up(sqlite_database: Database, tmp_path: Path) -> None:
    busy_ledger(sqlite_database, 300)
    path = sqlite_database.path
    assert path is not None
    sqlite_database.close()
    with raw(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_users_plan'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096 + 8)
        file.write(os.urandom(64))
    with pytest.raises(OperatorError) as refused:
        sqlite_database.back_up(tmp_path / "copies")
    assert refused.value.code in ("backup.damaged", "db.backup_failed")
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_copy_verifies_by_itself(sqlite_database: Database, tmp_path: Path) -> None:
    busy_ledger(sqlite_database, 5)
    made = sqlite_database.back_up(tmp_path / "copies")
    assert made.verification is None, "nobody asked"
    assert verified(made.backup.path).users == 5


def test_names_tell_environment_schema_time_and_reason(tmp_path: Path) -> None:
    name = file_name(Environment.LIVE, "0012", NOW + 7, "PostgreSQL", Reason.IMPORT)
    assert name == "bioql-live-0012-20261118T110640007Z-import.dump"
    found = read_name(tmp_path / name)
    assert found == Backup(tmp_path / name, Environment.LIVE, "0012", NOW + 7, "PostgreSQL", reason=Reason.IMPORT)
    plain = read_name(tmp_path / file_name(TEST, "0012", NOW, "SQLite"))
    assert plain is not None
    assert plain.reason is Reason.HAND
    for other in (
        *("bioql.db", "bioql-live-0012-20261318T110640007Z.db", "damaged-live-1.db", "bioql-x-1-2.db"),
        "bioql-live-0012-20261118T110640007Z-other.db",
    ):
        assert read_name(tmp_path / other) is None


@pytest.mark.postgresql
def test_pg_dump_that_is_missing_or_too_old_is_explained(
    postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bioql_console.storage import postgresql_programs

    database = Database(postgresql_url, lambda: NOW)
    try:
        database.open(None)
        for found, code in (({}, "backup.no_program"), ({9: tmp_path}, "backup.old_program")):
            monkeypatch.setattr(postgresql_programs, "installed", lambda found=found: found)
            with pytest.raises(OperatorError) as refused:
                database.back_up(tmp_path / "copies")
            assert refused.value.code == code
            assert "postgresql-client-" in refused.value.fix
    finally:
        database.close()


@pytest.mark.postgresql
@pytest.mark.fault(
    "Backup",
    "Somebody lists the processes of the machine while PostgreSQL is backed up",
    "The password is in no argument: pg_dump gets it in its own environment only, without any of Stripe's secrets.",
    figure="0 arguments and 0 of Stripe's secrets in the environment",
)
def test_the_password_is_no_argument(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bioql_console.storage import postgresql_programs

    tool = tmp_path / "bin"
    tool.mkdir()
    program = tool / "pg_dump"
    program.write_text(
        f'#!/bin/sh\ntr "\\0" "\\n" < /proc/$$/cmdline > {tmp_path}/argv\nenv > {tmp_path}/env\nexit 1\n'
    )
    program.chmod(0o700)
    monkeypatch.setattr(postgresql_programs, "installed", lambda: {99: tool})
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_OfBackupTests")
    address = Database(postgresql_url, lambda: NOW).url.set(password="hunter2")
    database = Database(address.render_as_string(hide_password=False), lambda: NOW)
    try:
        database.open(None)
        with pytest.raises(OperatorError) as refused:
            database.back_up(tmp_path / "copies")
    finally:
        database.close()
    assert refused.value.code == "backup.program_failed"
    assert "hunter2" not in (tmp_path / "argv").read_text() + refused.value.sentence()
    said = (tmp_path / "env").read_text()
    assert "PGPASSWORD=hunter2" in said
    assert "sk_test_" not in said


def test_no_space_is_told_from_other_failures(tmp_path: Path) -> None:
    from bioql_console.storage.sqlite_copy import refused

    assert refused(tmp_path, OSError(errno.ENOSPC, "No space left on device")).code == "backup.no_space"
    assert refused(tmp_path, OSError(errno.EACCES, "Permission denied")).code == "db.backup_failed"
