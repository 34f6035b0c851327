"""Opening a database: new, newer, foreign, damaged, cut off, absent. What is refused is left as it was."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.failures import explained
from tests.storage.people import NOW, add_people, person
from tests.storage.raw import raw


@contextmanager
def at(path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(path), lambda: NOW)
    try:
        yield database
    finally:
        database.close()


def refusal(path: Path, *, reading: bool = False) -> OperatorError:
    """How `open` refuses the file, or with `reading` how `open_existing` does."""
    with at(path) as database, pytest.raises(OperatorError) as refused:
        database.open_existing() if reading else database.open(path.parent / "backups")
    assert refused.value.fix
    return refused.value


def filled(path: Path) -> Path:
    """A ledger with some users, closed again."""
    with at(path) as database:
        database.open(path.parent / "backups")
        add_people(database, *(person(f"User {number}") for number in range(200)))
    return path


def test_everything_written_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with at(tmp_path / "fresh" / "bioql.db") as database:
            database.open(tmp_path / "backups")
            add_people(database, person())
            written = sorted((tmp_path / "fresh").iterdir())
            modes = {path.name: oct(path.stat().st_mode & 0o777) for path in written}
    finally:
        os.umask(before)
    assert modes == {"bioql.db": "0o600", "bioql.db-shm": "0o600", "bioql.db-wal": "0o600"}
    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o700


def test_a_new_database_is_whole_and_opens_again(tmp_path: Path) -> None:
    path = filled(tmp_path / "bioql.db")
    with at(path) as again:
        again.open(tmp_path / "backups")
        with again.read() as work:
            found = work.verifier.run()
    assert (found.ok, found.users) == (True, 200)
    assert not (tmp_path / "backups").exists(), "nothing was upgraded, so nothing needed a copy"


@pytest.mark.fault(
    "Database",
    "a ledger that a newer console wrote",
    "It is refused, naming both versions, and not a byte of it is changed.",
    figure="0 bytes changed",
)
@pytest.mark.parametrize("reading", [False, True])
def test_a_newer_database_is_refused_untouched(tmp_path: Path, reading: bool) -> None:
    path = filled(tmp_path / "bioql.db")
    with raw(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    refused = refusal(path, reading=reading)
    assert refused.code == "db.too_new"
    assert "9999" in refused.what
    assert path.read_bytes() == before


@pytest.mark.fault(
    "Database",
    "a database of another program",
    "It is refused, and not a byte of it is changed.",
    figure="0 bytes changed",
)
@pytest.mark.parametrize("reading", [False, True])
def test_a_foreign_database_is_refused_untouched(tmp_path: Path, reading: bool) -> None:
    path = tmp_path / "users.db"
    with raw(path) as connection:
        connection.execute("CREATE TABLE users (id INTEGER, api_key TEXT)")
    before = path.read_bytes()
    assert refusal(path, reading=reading).code == "db.foreign"
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["users.db"]


@pytest.mark.fault(
    "Database",
    "a file of zero bytes, or one that is no database",
    "It is refused with the way back to a copy, and never written over.",
    figure="3 files, 0 bytes changed",
)
@pytest.mark.parametrize("reading", [False, True])
@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "db.empty"), (b"no database at all" * 500, "db.corrupt"), (b"SQLite format 3\x00" + b"\xff" * 5_000, None)],
)
def test_what_is_no_database_is_refused_and_kept(
    tmp_path: Path, content: bytes, code: str | None, reading: bool
) -> None:
    path = tmp_path / "bioql.db"
    path.write_bytes(content)
    assert refusal(path, reading=reading).code == (code or "db.corrupt")
    assert path.read_bytes() == content


@pytest.mark.fault(
    "Database",
    "a file that was cut off, by one byte or by most of it",
    "It is refused with the way back to a copy, and left as it is.",
    figure="10 lengths, 0 bytes changed",
)
@pytest.mark.parametrize("reading", [False, True])
@pytest.mark.parametrize("kept", [1, 99, 100, 4_095, 4_096, 8_192, 20_000, -4_096, -50, -1])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kept: int, reading: bool) -> None:
    path = filled(tmp_path / "bioql.db")
    whole = path.read_bytes()
    cut = whole[:kept]
    path.write_bytes(cut)
    assert refusal(path, reading=reading).code == ("db.empty" if len(cut) < 100 else "db.corrupt")
    assert path.read_bytes() == cut


def test_a_file_whose_last_pages_wait_in_the_log_is_not_cut_off(tmp_path: Path) -> None:
    """As a crash leaves it: the header may be ahead of the file's length."""
    path = tmp_path / "bioql.db"
    with at(path) as database:
        database.open(tmp_path / "backups")
        add_people(database, *(person(f"User {number}") for number in range(200)))
        copies = {left.name: left.read_bytes() for left in tmp_path.iterdir() if left.is_file()}
    assert len(copies["bioql.db-wal"]) > 0
    after_crash = tmp_path / "after"
    after_crash.mkdir()
    for name, content in copies.items():
        (after_crash / name).write_bytes(content)
    with at(after_crash / "bioql.db") as database:
        database.open(tmp_path / "backups")
        with database.read() as work:
            assert work.verifier.run().users == 200


@pytest.mark.fault(
    "Database",
    "`verify` or `doctor` where there is no ledger",
    "They say so, and make none.",
    figure="0 files made",
)
def test_an_absent_database_is_not_made_by_a_reader(tmp_path: Path) -> None:
    assert refusal(tmp_path / "bioql.db", reading=True).code == "db.absent"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(
    "Database",
    "the folder of the ledger can't be made",
    "The start is refused with a sentence and the next step.",
    figure="1 start refused",
)
def test_a_folder_that_cannot_be_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, no folder")
    assert refusal(tmp_path / "taken" / "bioql.db").code == "db.cannot_create"


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "bioql.db").mkdir()
    assert refusal(tmp_path / "bioql.db").code == "db.missing"


def test_a_restored_copy_works_like_the_original(tmp_path: Path) -> None:
    """Some tools write copies without the journal that lets readers and the writer work side by side."""
    path = filled(tmp_path / "bioql.db")
    with raw(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    with at(path) as database:
        database.open(tmp_path / "backups")
        with database.read() as reader:
            before = reader.users.get(1)
            add_people(database, person())
            assert reader.users.get(1) == before
    assert path.read_bytes()[18:20] == b"\x02\x02", "the header does not say WAL"


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("database is locked", "db.locked"),
        ("database or disk is full", "db.full"),
        ("attempt to write a readonly database", "db.read_only"),
        ("database disk image is malformed", "db.corrupt"),
        ("file is not a database", "db.corrupt"),
        ("disk I/O error", "db.io"),
        ("unable to open database file", "db.missing"),
    ],
)
def test_what_the_world_does_is_said_in_words(told: str, code: str) -> None:
    from sqlalchemy.exc import OperationalError

    with pytest.raises(OperatorError) as refused, explained("SQLite"):
        raise OperationalError("SELECT 1", {}, sqlite3.OperationalError(told))
    assert refused.value.code == code
    assert "SQLite" in refused.value.what


@pytest.mark.fault(
    "PostgreSQL",
    "no server answers at the address",
    "The start is refused with a sentence and the next step, and the password is in no text.",
    figure="1 start refused, 0 texts with the password",
)
def test_a_server_that_is_not_there_says_so(tmp_path: Path) -> None:
    database = Database(f"postgresql+psycopg://nobody:hunter2@/none?host={tmp_path}", lambda: NOW)
    with pytest.raises(OperatorError) as refused:
        database.open(tmp_path / "backups")
    database.close()
    assert refused.value.code == "db.unreachable"
    assert "hunter2" not in refused.value.sentence() + database.words + repr(refused.value.__cause__)
