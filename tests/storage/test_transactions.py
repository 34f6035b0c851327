"""Transactions are real: all or nothing, one writer at a time, readers with a snapshot of their own."""

import sqlite3
import threading

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import usage_fact
from bioql_console.storage import sqlite_engine
from bioql_console.storage.database import Database
from tests.heard import heard
from tests.storage.people import NOW, add_people, person, rows


@pytest.fixture
def user(database: Database) -> int:
    return add_people(database, person())[0]


def charge(database: Database, user: int, usage_id: str, micros: int = 1_000_000) -> None:
    with database.write() as work:
        work.ledger.post(usage_fact(usage_id, user, micros, NOW, ""))
        work.commit()


def owed(database: Database, user: int) -> int:
    with database.read() as work:
        return work.ledger.balance(user).owed_micros


def test_leaving_without_commit_undoes_everything(database: Database, user: int) -> None:
    with database.write() as work:
        work.ledger.post(usage_fact("u", user, 5, NOW, ""))
        work.activity.record("ada", "did", "something")
    assert owed(database, user) == 0
    assert rows(database, "SELECT count(*) FROM journal_entries")[0][0] == 0
    assert rows(database, "SELECT count(*) FROM activity")[0][0] == 0


@pytest.mark.fault(
    "Database",
    "a failure in the middle of a transaction",
    "Nothing of it is kept, and trying again does all of it.",
    figure="1 failure, 0 rows left, on SQLite and PostgreSQL",
)
def test_a_failure_in_the_middle_undoes_everything(database: Database, user: int) -> None:
    def fail() -> None:
        with database.write() as work:
            work.ledger.post(usage_fact("u", user, 5, NOW, ""))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert owed(database, user) == 0
    charge(database, user, "u", 7)
    assert owed(database, user) == 7, "the source was burnt by a transaction that never was"


def test_a_reader_keeps_its_snapshot_and_waits_for_nobody(database: Database, user: int) -> None:
    charge(database, user, "u1")
    with database.read() as reader:
        assert reader.ledger.balance(user).owed_micros == 1_000_000
        charge(database, user, "u2")
        assert reader.ledger.balance(user).owed_micros == 1_000_000
        assert len(reader.ledger.statement(user, None, 10).rows) == 1
        assert reader.verifier.run().entries == 1
    assert owed(database, user) == 2_000_000


def test_a_reader_sees_nothing_unfinished(database: Database, user: int) -> None:
    with database.write() as writer:
        writer.ledger.post(usage_fact("u", user, 5, NOW, ""))
        assert owed(database, user) == 0
        writer.commit()
    assert owed(database, user) == 5


def test_a_reader_cannot_write(database: Database, user: int) -> None:
    with pytest.raises((OperatorError, DBAPIError), match=r"read-only|only be read"), database.read() as work:
        work.ledger.post(usage_fact("u", user, 5, NOW, ""))
    charge(database, user, "u", 7)
    assert owed(database, user) == 7, "the connection came back from the reader unable to write"


def test_the_second_writer_of_a_balance_waits_for_the_first(database: Database, user: int) -> None:
    read_by_second = threading.Event()
    seen: list[int] = []

    def second() -> None:
        with database.write() as work:
            seen.append(work.ledger.balance(user).owed_micros)
            read_by_second.set()

    with database.write() as work:
        work.ledger.post(usage_fact("u", user, 5, NOW, ""))
        thread = threading.Thread(target=second)
        thread.start()
        assert not read_by_second.wait(0.15), "it read a balance that was about to change"
        work.commit()
    thread.join(10)
    assert seen == [5]


def test_writers_take_the_lock_at_once_and_readers_none(sqlite_database: Database) -> None:
    with heard(sqlite_database) as said:
        with sqlite_database.write() as work:
            work.users.get(1)
        with sqlite_database.read() as work:
            work.users.get(1)
    assert [one for one in said if one.startswith("BEGIN")] == ["BEGIN IMMEDIATE", "BEGIN"]


def test_what_is_committed_is_on_the_disk(sqlite_database: Database) -> None:
    assert rows(sqlite_database, "PRAGMA journal_mode") == [("wal",)]
    assert rows(sqlite_database, "PRAGMA synchronous") == [(2,)]
    assert rows(sqlite_database, "PRAGMA foreign_keys") == [(1,)]


@pytest.mark.fault(
    "Database",
    "another program holds the write lock for too long",
    "The write is refused with a sentence and the next step, nothing is half done, and reading goes on.",
    figure="1 write refused, 0 readers kept waiting",
)
def test_a_locked_database_says_so(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_TIMEOUT_MS", 50)
    other = Database(str(sqlite_database.url), lambda: NOW)
    (user,) = add_people(sqlite_database, person())
    with sqlite_database.write() as work:
        work.ledger.post(usage_fact("u", user, 5, NOW, ""))
        with pytest.raises(OperatorError) as refused, other.write() as late:
            late.ledger.balance(user)
    assert refused.value.code == "db.locked"
    assert refused.value.fix
    with other.read() as work:
        assert work.ledger.balance(user).owed_micros == 0, "a reader was locked out too"
    other.close()


@pytest.mark.fault(
    "Database",
    "many threads of the console write at the same time",
    "They write one after another; none is refused, and none is told of another program that holds the database.",
    figure="8 threads, 120 writes, 0 refused",
)
def test_our_own_threads_write_in_turn(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_TIMEOUT_MS", 0)  # who finds the file locked is refused at once
    several = Database(str(sqlite_database.url), lambda: NOW)
    (user,) = add_people(sqlite_database, person())
    failed: list[Exception] = []

    def write(thread: int) -> None:
        try:
            for number in range(15):
                charge(several, user, f"{thread}-{number}")
        except OperatorError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert owed(several, user) == 8 * 15 * 1_000_000
    several.close()


def test_who_waits_too_long_for_our_own_writes_is_told_so(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "TURN_WITHIN_S", 0.01)
    refused: list[OperatorError] = []

    def write() -> None:
        try:
            with sqlite_database.write():
                pytest.fail("two at once")
        except OperatorError as error:
            refused.append(error)

    with sqlite_database.write() as work:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        work.touch()
        work.commit()
    assert [error.code for error in refused] == ["db.busy"]
    assert sqlite_database.trouble is None, "the disk was blamed"


@pytest.mark.fault(
    "Database",
    "the database may not grow any more",
    "The write is refused as a full disk; everything committed before is there, and the books balance.",
    figure="2 more pages, then refused; 0 charges lost",
)
def test_a_full_disk_says_so_and_keeps_what_was_there(sqlite_database: Database) -> None:
    (user,) = add_people(sqlite_database, person())
    pages = rows(sqlite_database, "PRAGMA page_count")[0][0]

    def limit(raw: sqlite3.Connection, *_rest: object) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages + 2}").close()

    small = Database(str(sqlite_database.url), lambda: NOW)
    event.listen(small._engine, "connect", limit)
    posted: list[int] = []

    def fill() -> None:
        for number in range(10_000):
            charge(small, user, f"u{number}")
            posted.append(number)

    with pytest.raises(OperatorError) as refused:
        fill()
    small.close()
    assert refused.value.code == "db.full"
    assert owed(sqlite_database, user) == len(posted) * 1_000_000
    with sqlite_database.read() as work:
        assert work.verifier.run().ok


def test_a_mistake_of_ours_is_no_fault_of_the_disk(database: Database) -> None:
    """PostgreSQL quotes the row in its error; the words in it must not decide what happened."""
    shared = person("Ada", stripe_customer_id="cus_full_locked_connect")
    add_people(database, shared)
    with pytest.raises(IntegrityError), database.write() as work:
        work.users.add(person("Bob", stripe_customer_id="cus_full_locked_connect"))


def test_readers_of_a_file_keep_little_of_it_and_writers_as_much_as_sqlite_says(sqlite_database: Database) -> None:
    kept = []
    for engine in (sqlite_database._readers, sqlite_database._engine):
        with engine.connect() as connection:
            kept.append(connection.exec_driver_sql("PRAGMA cache_size").scalar_one())
    assert kept == [-sqlite_engine.READERS_CACHE_KIB, -2_000]
