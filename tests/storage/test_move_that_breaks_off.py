"""Whenever a move breaks off, the new database is empty or complete, and the ledger is written in one place only."""

import tempfile
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import payment_fact
from bioql_console.importing import ProgressLine
from bioql_console.moving import run_move
from bioql_console.restoring import RestoreOptions, run_restore
from bioql_console.storage import moving
from bioql_console.storage.database import Database, sqlite_url
from tests.databases import as_superuser, tablespace
from tests.disks import disk_missing, small_disk
from tests.storage.killing import kills_itself
from tests.storage.moving import LARGEST, TEST, asked, filled, opened, refused
from tests.storage.people import NOW, rows, tamper
from tests.storage.test_restore import url_of

pytestmark = pytest.mark.postgresql


@pytest.mark.fault(
    "Backup",
    "A row of the file can't be held by PostgreSQL, or the books in it don't balance",
    "The move is refused, the row or the difference is named, and the new database stays empty.",
    figure="3 kinds of row, 0 moved",
)
@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        ("UPDATE users SET name = 'nul' || char(0) || 'byte' WHERE id = 2", "move.refused", "users 2"),
        (f"UPDATE users SET version = {LARGEST} WHERE id = 2", "move.refused", "users"),
        ("UPDATE balances SET receivable_micros = 1 WHERE user_id = 2", "move.unsound", "1"),
    ],
)
def test_a_row_that_does_not_fit_undoes_everything(
    sqlite_database: Database, postgresql_url: str, data_dir: Path, damage: str, code: str, words: str
) -> None:
    filled(sqlite_database, 3)
    tamper(sqlite_database, damage)
    error = refused(asked(sqlite_database, postgresql_url, data_dir))
    assert error.code == code
    assert words in error.what
    nothing_moved(sqlite_database, postgresql_url)


def nothing_moved(source: Database, postgresql_url: str) -> None:
    """The new database is as good as new, and the old one goes on being written."""
    team = opened(postgresql_url)
    assert team.standing().empty
    assert rows(team, "SELECT count(*) FROM activity") == [(0,)]
    assert rows(team, "SELECT count(*) FROM plans")[0][0]
    team.close()
    source.close()
    source._file = None  # as a console that is started afterwards
    source.open(None)
    with source.write() as work:
        work.activity.record("ada", "went on", "here")
        work.commit()
    source.close()


DIES_IN_THE_MIDDLE = """
import os, signal, sys
from bioql_console.storage import moving
from bioql_console.storage.database import Database
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
moment = sys.argv[3]
if moment == "marking":
    moving._marked = die
source, target = (Database(url, lambda: 1) for url in sys.argv[1:3])
source.open_existing()
target.open(None)
moving.move(source, target, operator="ada", progress=lambda _done, _total, words: die() if words == moment else None)
"""


def killed(source: Database, target: str, moment: str) -> None:
    source.close()
    kills_itself(DIES_IN_THE_MIDDLE, url_of(source), target, moment)


@pytest.mark.fault(
    "Backup",
    "kill -9 in the middle of a move",
    "The new database is empty and the old one goes on; killed after the last step, the same command finishes it.",
    figure="2 kills, the ledger written in one place only",
)
def test_kill_9_leaves_nothing_there_and_everything_here(
    sqlite_database: Database, postgresql_url: str, data_dir: Path
) -> None:
    filled(sqlite_database, 5)
    killed(sqlite_database, postgresql_url, "recomputing the books")
    nothing_moved(sqlite_database, postgresql_url)
    killed(sqlite_database, postgresql_url, "marking")
    found = run_move(asked(sqlite_database, postgresql_url, data_dir))
    assert (found.moved.before, found.moved.marked) == (True, True)
    with pytest.raises(OperatorError) as elsewhere:
        sqlite_database.open(None)
    assert elsewhere.value.code == "db.moved_away"


def test_what_went_on_after_a_cut_off_move_is_not_marked_away(
    sqlite_database: Database, postgresql_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(sqlite_database, 2)
    with monkeypatch.context() as patch:
        patch.setattr(moving, "_marked", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_move(asked(sqlite_database, postgresql_url, data_dir))
    with sqlite_database.write() as work:
        work.ledger.post(payment_fact("pi_since", 1, 7, NOW, ""))
        work.commit()
    sqlite_database.close()
    assert refused(asked(sqlite_database, postgresql_url, data_dir)).code == "move.not_empty"


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.fault(
    "Backup",
    "The team's database is lost right after a move",
    "The old file, backed up and restored, takes writes again; what happened since is fetched from Stripe.",
    figure="1 move there and back",
)
def test_the_old_file_is_the_way_back(
    sqlite_database: Database, postgresql_url: str, data_dir: Path, tmp_path: Path
) -> None:
    filled(sqlite_database, 2)
    run_move(asked(sqlite_database, postgresql_url, data_dir))
    file = sqlite_database.back_up(tmp_path / "copies").backup.path
    sqlite_database.close()
    run_restore(RestoreOptions(file, True, data_dir, url_of(sqlite_database), TEST))
    sqlite_database._file = None  # as a console that is started afterwards
    sqlite_database.open(None)
    with sqlite_database.write() as work:
        assert work.restores.lost(NOW + 1, 0)
        work.commit()


@pytest.mark.fault(
    "Backup",
    "The new database's server ends the connection in the middle of a move",
    "It is said in a sentence, the new database is empty, and the old one goes on.",
    figure="cut at 2 moments, 0 rows moved",
)
def test_a_server_that_goes_away_undoes_the_move(
    sqlite_database: Database, postgresql_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(sqlite_database, 3)

    def cut(_line: object, _done: int, _total: int, words: str) -> None:
        if words in ("copying postings", "comparing postings"):
            others = f"datname = '{make_url(postgresql_url).database}' AND pid <> pg_backend_pid()"
            as_superuser(postgresql_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    with monkeypatch.context() as patch:
        patch.setattr(ProgressLine, "show", cut)
        assert refused(asked(sqlite_database, postgresql_url, data_dir)).code in ("move.broken_off", "db.unreachable")
    nothing_moved(sqlite_database, postgresql_url)


@pytest.mark.fault(
    "Backup",
    "The disk of the new database's PostgreSQL server fills up before or in the middle of a move",
    "It is said in a sentence, the new database is empty, the old one goes on; with room the same command moves all.",
    figure="0 bytes free at 2 moments, 0 rows moved, then every row",
)
@pytest.mark.skipif(disk_missing() is not None, reason=str(disk_missing()))
@pytest.mark.parametrize(("moment", "code"), [("at the start", "db.full"), ("copying postings", "move.full")])
def test_a_full_disk_of_the_server_undoes_the_move(
    sqlite_database: Database,
    postgresql_cluster: str,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    code: str,
) -> None:
    filled(sqlite_database, 3)
    # Below /tmp itself, where the server's user may go.
    with (
        tempfile.TemporaryDirectory(prefix="space-", dir="/tmp") as folder,
        small_disk(Path(folder), 32) as disk,
        tablespace(postgresql_cluster, disk.folder) as url,
    ):

        def fill(_line: object, _done: int, _total: int, words: str) -> None:
            if words == moment:
                disk.fill()

        if moment == "at the start":
            disk.fill()
        with monkeypatch.context() as patch:
            patch.setattr(ProgressLine, "show", fill)
            error = refused(asked(sqlite_database, url, data_dir))
        assert (error.code, "disk" in error.what, "full" in error.what) == (code, True, True), (
            error.what,
            error.__cause__,
        )
        disk.make_room()
        nothing_moved(sqlite_database, url)
        found = run_move(asked(sqlite_database, url, data_dir)).moved
        assert (found.marked, found.verification.ok) == (True, True)


@pytest.mark.fault(
    "Backup",
    "The old ledger's disk fills up before it can be marked as moved",
    "The move counts and says that the mark is missing; with room, the same command sets it.",
    figure="0 bytes free, 3 customers moved once, marked by the second run",
)
@pytest.mark.skipif(disk_missing() is not None, reason=str(disk_missing()))
def test_a_full_disk_delays_the_mark_only(
    postgresql_url: str, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, 4) as disk:
        source = Database(sqlite_url(folder / "bioql.db"), lambda: NOW)
        source.open(None)
        filled(source, 3)

        def fill(_line: object, _done: int, _total: int, words: str) -> None:
            if words == "recomputing the books":
                disk.fill()

        with monkeypatch.context() as patch:
            patch.setattr(ProgressLine, "show", fill)
            assert not run_move(asked(source, postgresql_url, data_dir)).moved.marked
        disk.make_room()
        found = run_move(asked(source, postgresql_url, data_dir)).moved
        assert (found.before, found.marked) == (True, True)
        source.close()
