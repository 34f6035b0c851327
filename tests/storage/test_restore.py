"""A backup takes the ledger's place whole or not at all, and only where it belongs."""

import os
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import payment_fact
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.restoring import RestoreOptions, run_restore
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.storage.database import Database, sqlite_url
from tests.disks import disk_missing, small_disk
from tests.storage.killing import kills_itself
from tests.storage.people import NOW, person, rows
from tests.storage.raw import raw
from tests.storage.test_backup import busy_ledger

TEST = Environment.TEST
RUN = "run-1"
# Room for opening a ledger, and not for a copy of it.
LITTLE = 128 * 1024


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def asked(database: Database, file: Path, data_dir: Path, *, replace: bool = True) -> RestoreOptions:
    return RestoreOptions(file, replace, data_dir, url_of(database), TEST)


def backed_up(database: Database, folder: Path, *, users: int = 5) -> Path:
    """A ledger with usage on its way to Stripe, its backup, and a payment since."""
    busy_ledger(database, users)
    with database.write() as work:
        work.accounts.set(TEST, LedgerAccount("acct_ours", "Ours", NOW))
        work.outbox.add(MessageKind.METER_EVENT, RUN, user_id=1, stripe_customer_id="cus_1", value=500, occurred_ms=NOW)
        work.commit()
    database.environment = TEST
    file = database.back_up(folder).backup.path
    with database.write() as work:
        work.ledger.post(payment_fact("pi_since", 1, 1_000_000, NOW, ""))
        work.commit()
    database.close()
    return file


def paid(database: Database) -> int:
    """How many payments are in the books; leaves no connection open, which a restore would refuse."""
    database._file = None  # as a console that is started afterwards
    found = int(rows(database, "SELECT count(*) FROM journal_entries WHERE kind = 'payment'")[0][0])
    database.close()
    return found


@pytest.mark.fault(
    "Backup",
    "A ledger is restored from a backup",
    "It is verified and upgraded before it takes the place, what was there is backed up first, the trail names it, and "
    "what was on its way to Stripe is asked about before it is sent again.",
    figure="1 backup, there and back, on SQLite and PostgreSQL",
)
def test_a_backup_takes_the_ledgers_place(database: Database, data_dir: Path, tmp_path: Path) -> None:
    file = backed_up(database, tmp_path / "copies")
    assert paid(database) == 1
    content, restored = run_restore(asked(database, file, data_dir))
    assert (content.environment, restored.verification.ok) == (TEST, True)
    assert restored.kept is not None
    assert restored.kept.parent == data_dir / "backups"
    database._file = None  # as a console that is started afterwards
    database.open(None)
    assert paid(database) == 0
    with database.read() as work:
        assert work.verifier.run().ok
        (message,) = work.outbox.waiting_for(1)
        assert work.restores.lost(NOW + 1, 0)
    assert (message.attempts, message.first_tried_ms) == (1, NOW), "an answer to a first try would be taken for it"
    said = rows(database, "SELECT action, subject FROM activity ORDER BY id DESC LIMIT 1")
    assert said == [("restored a backup", file.name)]
    database.close()
    run_restore(asked(database, restored.kept, data_dir))
    assert paid(database) == 1, "what was kept is whole"


def test_new_rows_get_new_ids_after_a_restore(database: Database, data_dir: Path, tmp_path: Path) -> None:
    file = backed_up(database, tmp_path / "copies")
    run_restore(asked(database, file, data_dir))
    database._file = None  # as a console that is started afterwards
    database.open(None)
    with database.write() as work:
        added = work.users.add(person("New"))
        work.commit()
    assert added is not None
    assert added.id == 6


def refused(options: RestoreOptions) -> str:
    with pytest.raises(OperatorError) as error:
        run_restore(options)
    assert error.value.fix
    return error.value.code


@pytest.mark.fault(
    "Backup",
    "A restore over a ledger that is not empty, in use, of another account or another environment",
    "It is refused in a sentence before anything is touched.",
    figure="5 reasons, 0 bytes changed, on SQLite and PostgreSQL",
)
def test_what_does_not_belong_here_is_refused(database: Database, data_dir: Path, tmp_path: Path) -> None:
    file = backed_up(database, tmp_path / "copies")
    assert refused(asked(database, file, data_dir, replace=False)) == "restore.not_empty"
    assert refused(asked(database, file, data_dir)._replace(environment=Environment.LIVE)) == (
        "restore.other_environment"
    )
    with InstanceLock(data_dir, "window"):
        assert refused(asked(database, file, data_dir)) == "instance.running"
    with database._engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1 FROM users")
        assert refused(asked(database, file, data_dir)) == "db.in_use"
    database.close()
    with database.write() as work:
        work.accounts.set(TEST, LedgerAccount("acct_other", "Other", NOW))
        work.commit()
    database.close()
    assert refused(asked(database, file, data_dir)) == "restore.other_account"
    assert paid(database) == 1


@pytest.mark.fault(
    "Backup",
    "A backup that is cut off, changed, of a newer version, or none at all",
    "It is refused before anything is touched.",
    figure="4 files on SQLite, 3 on PostgreSQL, 0 rows changed",
)
def test_a_file_that_cannot_be_trusted_is_refused(database: Database, data_dir: Path, tmp_path: Path) -> None:
    file = backed_up(database, tmp_path / "copies", users=100)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    assert refused(asked(database, file, data_dir)) in ("restore.damaged", "db.corrupt")
    file.write_bytes(b"nothing of ours" * 100)
    assert refused(asked(database, file, data_dir)) == "restore.no_backup"
    file.unlink()
    assert refused(asked(database, file, data_dir)) == "restore.no_file"
    if database.path is not None:
        file.write_bytes(whole)
        with raw(file) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        assert refused(asked(database, file, data_dir)) == "db.too_new"
    assert paid(database) == 1


DIES_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from bioql_console import importing, restoring
from bioql_console.domain.environment import Environment
def die(_line, _done, _total, words):
    if words == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)
importing.ProgressLine.show = die
file, url, folder = sys.argv[1:4]
restoring.run_restore(restoring.RestoreOptions(Path(file), True, Path(folder), url, Environment.TEST))
"""


@pytest.mark.fault(
    "Backup",
    "kill -9 in the middle of a restore",
    "The old ledger is in its place, whole; the same restore then works.",
    figure="1 kill each on SQLite and PostgreSQL, 0 rows changed",
)
def test_kill_9_leaves_the_old_ledger(database: Database, data_dir: Path, tmp_path: Path) -> None:
    file = backed_up(database, tmp_path / "copies")
    kills_itself(DIES_IN_THE_MIDDLE, file, url_of(database), data_dir, "recomputing the books")
    assert paid(database) == 1
    with database.read() as work:
        assert work.verifier.run().ok
    database.close()
    run_restore(asked(database, file, data_dir))
    assert paid(database) == 0
    if database.path is not None:
        database.close()
        assert not [left for left in database.path.parent.iterdir() if "restoring" in left.name]


DIES_AT_THE_SWAP = """
import os, signal, sys
from pathlib import Path
from bioql_console import restoring
from bioql_console.domain.environment import Environment
from bioql_console.storage import sqlite_copy
publish = sqlite_copy.publish
def die(unfinished, path):
    if ".restoring-" in unfinished.name:
        if sys.argv[4] == "after":
            unfinished.replace(path)
        os.kill(os.getpid(), signal.SIGKILL)
    publish(unfinished, path)
sqlite_copy.publish = die
file, url, folder = sys.argv[1:4]
restoring.run_restore(restoring.RestoreOptions(Path(file), True, Path(folder), url, Environment.TEST))
"""


@pytest.mark.fault(
    "Backup",
    "kill -9 at the very swap of a restore",
    "The ledger is the old one or the restored one, whole, never none; the next start removes what was left beside.",
    figure="2 kills, right before and right after",
)
@pytest.mark.parametrize(("moment", "payments"), [("before", 1), ("after", 0)])
def test_kill_9_at_the_swap(
    sqlite_database: Database, data_dir: Path, tmp_path: Path, moment: str, payments: int
) -> None:
    file = backed_up(sqlite_database, tmp_path / "copies")
    kills_itself(DIES_AT_THE_SWAP, file, url_of(sqlite_database), data_dir, moment)
    path = sqlite_database.path
    assert path is not None
    assert bool(list(path.parent.glob(".*.restoring-*"))) == (moment == "before")
    sqlite_database._file = None  # as a console that is started afterwards
    sqlite_database.open(None)
    assert list(path.parent.glob(".*.restoring-*")) == []
    with sqlite_database.read() as work:
        assert work.verifier.run().ok
    assert paid(sqlite_database) == payments


@pytest.mark.fault(
    "Backup",
    "The ledger's disk is full while a backup is restored",
    "The restore is refused in a sentence, the ledger stays as it was, and with room the same restore works.",
    figure="0 bytes free, then 128 KiB: refused twice, 0 left behind",
)
@pytest.mark.skipif(disk_missing() is not None, reason=str(disk_missing()))
def test_a_full_disk_keeps_the_old_ledger(data_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, 4) as disk:
        database = Database(sqlite_url(folder / "bioql.db"), lambda: NOW)
        database.open(None)
        file = backed_up(database, tmp_path / "copies")
        disk.fill()
        assert refused(asked(database, file, data_dir)) == "db.full"
        ballast = folder / "ballast"
        os.truncate(ballast, ballast.stat().st_size - LITTLE)
        assert refused(asked(database, file, data_dir)) == "backup.no_space"
        assert sorted(path.name for path in folder.iterdir()) == ["ballast", "bioql.db"]
        disk.make_room()
        assert paid(database) == 1
        run_restore(asked(database, file, data_dir))
        assert paid(database) == 0
        database.close()


@pytest.mark.fault(
    "Backup",
    "The ledger's file is destroyed",
    "A restore puts the newest backup in its place and keeps the damaged file, with its log, in the backups folder.",
    figure="20,000 damaged bytes, all of them kept",
)
def test_a_damaged_ledger_is_replaced_and_kept(sqlite_database: Database, data_dir: Path, tmp_path: Path) -> None:
    file = backed_up(sqlite_database, tmp_path / "copies")
    assert sqlite_database.path is not None
    sqlite_database.path.write_bytes(os.urandom(20_000))
    broken = sqlite_database.path.read_bytes()
    assert refused(asked(sqlite_database, file, data_dir, replace=False)) == "restore.not_empty"
    _, restored = run_restore(asked(sqlite_database, file, data_dir))
    assert restored.kept is not None
    assert restored.kept.read_bytes() == broken
    assert paid(sqlite_database) == 0


def test_the_other_kind_is_refused(sqlite_database: Database, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "some.dump"
    file.write_bytes(b"PGDMP nothing more")
    assert refused(asked(sqlite_database, file, data_dir)) == "restore.damaged"
