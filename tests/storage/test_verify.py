"""`verify` finds whatever was tampered with or broken, and says where."""

import random
import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import adjustment_fact, payment_fact, usage_fact, welcome_credit_fact
from bioql_console.domain.usage import Usage
from bioql_console.domain.verification import Verification
from bioql_console.domain.webhooks import EventSource, EventState, Outcome, ReceivedEvent
from bioql_console.storage.database import Database, sqlite_url
from tests.storage.people import NOW, add_people, person, rows, tamper

# What is done to the books, and what verify must say of it. In them, user 1 ran u1 for $5 and paid $5 of it, user 2
# ran u2 for $3 out of a welcome credit of $10; entries 1 to 4, postings 1 to 8, in this order.
PLANTED = {
    "a posting was changed": (
        "UPDATE postings SET micros = micros + 1 WHERE id = 1",
        [r"Entry 1 does not balance: it is off by \$0\.000001", r"User 1 is shown as owing \$0\.00 .* \$0\.000001"],
    ),
    "a whole entry was changed": (
        "UPDATE postings SET micros = micros * 2 WHERE entry_id = 1",
        [r"User 1 is shown as owing \$0\.00 .* \$5\.00", r"Usage u1 costs \$5\.00, but \$10\.00 was posted"],
    ),
    "a posting was deleted": (
        "DELETE FROM postings WHERE id = 2",
        [r"Entry 1 does not balance", r"Entry 1 has fewer than two postings", r"Usage u1 costs \$5\.00, but \$0\.00"],
    ),
    "an entry lost all postings": (
        "DELETE FROM postings WHERE entry_id = 2",
        [r"Entry 2 has fewer than two postings", r"User 1 is shown as owing"],
    ),
    "a posting was dated back": (
        "UPDATE postings SET effective_ms = effective_ms - 1 WHERE id = 1",
        [r"Posting 1 has another time than its entry 1"],
    ),
    "an entry was dated back": (
        "UPDATE journal_entries SET effective_ms = 0 WHERE id = 2",
        [r"Posting 3 has another time than its entry 2", r"Posting 4 has another time than its entry 2"],
    ),
    "a debt was lowered": (
        "UPDATE balances SET receivable_micros = receivable_micros + 1 WHERE user_id = 1",
        [r"User 1 is shown as owing \$0\.000001 with credit of \$0\.00, but the postings say \$0\.00 and \$0\.00"],
    ),
    "credit was invented": (
        "UPDATE balances SET credit_micros = credit_micros - 1000000 WHERE user_id = 2",
        [r"User 2 is shown as owing \$0\.00 with credit of \$8\.00, but the postings say \$0\.00 and \$7\.00"],
    ),
    "debt and credit at once": (
        "UPDATE balances SET receivable_micros = 1 WHERE user_id = 2",
        [r"User 2 is in debt and in credit at once", r"User 2 is shown as owing \$0\.000001"],
    ),
    "a balance was deleted": ("DELETE FROM balances WHERE user_id = 2", [r"User 2 has no balance"]),
    "a debt names nobody": (
        "UPDATE postings SET user_id = NULL WHERE id = 1",
        [r"Posting 1 names a user wrongly", r"User 1 is shown as owing"],
    ),
    "revenue names a user": (
        "UPDATE postings SET user_id = 1 WHERE id = 2",
        [r"Posting 2 names a user wrongly"],
    ),
    "somebody else was charged": (
        "UPDATE postings SET user_id = 2 WHERE id = 1",
        [r"Usage u1 of user 1 was charged to user 2", r"User 1 is shown", r"User 2 is shown"],
    ),
    "a run became cheaper": (
        "UPDATE usage SET cost_micros = 1000000 WHERE usage_id = 'u1'",
        [r"Usage u1 costs \$1\.00, but \$5\.00 was posted for it"],
    ),
    "a run was never charged": (
        "UPDATE usage SET usage_id = 'u9' WHERE usage_id = 'u1'",
        [r"Usage u9 costs \$5\.00, but \$0\.00 was posted for it"],
    ),
    "a payment was never posted": (
        "UPDATE inbox SET object_id = 'pi_9'",
        [r"Event evt_1 counts as applied, but payment pi_9 is not posted"],
    ),
    "the trail was changed": (
        "UPDATE activity SET reason = 'another' WHERE id = 2",
        [r"The activity trail was changed at record 2 or right before it"],
    ),
    "a record is missing from the trail": (
        "DELETE FROM activity WHERE id = 2",
        [r"The activity trail was changed at record 3 or right before it"],
    ),
}


@pytest.fixture
def books(database: Database) -> Database:
    """A small ledger with one of everything that verify looks at."""
    fill_books(database)
    return database


def fill_books(database: Database) -> None:
    ada, bob = add_people(database, person("Ada"), person("Bob"))
    event = ReceivedEvent("evt_1", "payment_intent.succeeded", b"{}", NOW, NOW, EventSource.HTTP, False)
    with database.write() as work:
        for usage_id, user, micros in (("u1", ada, 5_000_000), ("u2", bob, 3_000_000)):
            work.usage.add(Usage(usage_id, user, "simulator", micros // 10_000, 10_000, micros, True, NOW))
        work.usage.add(Usage("u3", ada, "simulator", 5, 10_000, 0, False, NOW))
        work.ledger.post(usage_fact("u1", ada, 5_000_000, NOW, ""))
        work.ledger.post(payment_fact("pi_1", ada, 5_000_000, NOW, ""))
        work.ledger.post(welcome_credit_fact(bob, 10_000_000, NOW))
        work.ledger.post(usage_fact("u2", bob, 3_000_000, NOW, ""))
        work.inbox.add([event])
        work.inbox.settle("evt_1", Outcome(EventState.APPLIED, "", "pi_1", ada, 5_000_000), NOW)
        for word in ("first", "second", "third"):
            work.activity.record("ada", word, "user 1", reason="because")
        work.commit()


def verified(database: Database) -> Verification:
    with database.read() as work:
        return work.verifier.run()


def test_sound_books_raise_no_alarm(books: Database) -> None:
    found = verified(books)
    assert found.ok, found.differences
    assert (found.users, found.entries, found.owed_micros, found.credit_micros) == (2, 4, 0, 7_000_000)


def test_empty_books_are_sound(database: Database) -> None:
    assert verified(database) == Verification(0, 0, 0, 0)


@pytest.mark.fault(
    "Database",
    "somebody changes postings, balances, usage or the trail behind the console's back",
    "`verify` names each difference with its cure.",
    figure="18 changes, each named",
)
@pytest.mark.parametrize("name", PLANTED)
def test_what_was_tampered_with_is_named(books: Database, name: str) -> None:
    statement, expected = PLANTED[name]
    tamper(books, statement)
    found = verified(books)
    said = [difference.what for difference in found.differences]
    assert not found.ok
    for pattern in expected:
        assert any(re.search(pattern, what) for what in said), f"{pattern} is not among {said}"
    assert all(difference.cure for difference in found.differences)


def test_looking_changes_nothing(books: Database) -> None:
    tables = ("users", "balances", "journal_entries", "postings", "usage", "inbox", "activity")
    before = [rows(books, f"SELECT * FROM {table}") for table in tables]
    tamper(books, "UPDATE balances SET receivable_micros = 1 WHERE user_id = 2")
    wrong = rows(books, "SELECT * FROM balances ORDER BY user_id")
    assert verified(books).differences == verified(books).differences
    assert rows(books, "SELECT * FROM balances ORDER BY user_id") == wrong, "verify reports, it does not repair"
    assert [rows(books, f"SELECT * FROM {table}") for table in tables if table != "balances"] == [
        before[place] for place, table in enumerate(tables) if table != "balances"
    ]


def test_a_row_that_points_to_nothing_is_named(sqlite_database: Database) -> None:
    fill_books(sqlite_database)
    tamper(sqlite_database, "DELETE FROM users WHERE id = 2")
    said = [difference.what for difference in verified(sqlite_database).differences]
    assert "A row of balances points to nothing in users." in said


@pytest.mark.fault(
    "Database",
    "a random page of the file is overwritten",
    "`verify` either names the damage or refuses to read; it never shows other figures as sound.",
    figure="12 pages of 4 KiB, 0 other figures",
)
@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_page_never_passes_for_other_figures(tmp_path: Path, seed: int) -> None:
    """Either the damage is reported, or it hit nothing that counts."""
    path = tmp_path / "bioql.db"
    whole = Database(sqlite_url(path), lambda: NOW)
    whole.open(tmp_path / "backups")
    fill_books(whole)
    sound = verified(whole)
    whole.close()
    chance = random.Random(seed)
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        file.seek(chance.randrange(1, pages) * 4096)
        file.write(chance.randbytes(4096))
    found = _opened_and_verified(path)
    if isinstance(found, OperatorError):
        assert found.code == "db.corrupt"
    else:
        assert found == sound or not found.ok


def _opened_and_verified(path: Path) -> Verification | OperatorError:
    damaged = Database(sqlite_url(path), lambda: NOW)
    try:
        damaged.open(path.parent / "backups")
        return verified(damaged)
    except OperatorError as refused:
        return refused
    finally:
        damaged.close()


def steps_of_verify(database: Database) -> int:
    """What SQLite does for it, in thousands of its own steps."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def count(raw: sqlite3.Connection, *_: object) -> None:
        raw.set_progress_handler(step, 1_000)

    database._readers.dispose()
    event.listen(database._readers, "connect", count)
    with database.read() as work:
        assert work.verifier.run().ok
    event.remove(database._readers, "connect", count)
    database._readers.dispose()
    return steps


def test_it_takes_twice_as_long_for_twice_as_much(sqlite_database: Database) -> None:
    (user,) = add_people(sqlite_database, person())

    def post(numbers: range) -> None:
        with sqlite_database.write() as work:
            for number in numbers:
                work.ledger.post(adjustment_fact(f"{number}", user, 10_000, NOW, "", "ana"))
            work.commit()

    post(range(1_500))
    before = steps_of_verify(sqlite_database)
    post(range(1_500, 3_000))
    assert before > 50
    assert steps_of_verify(sqlite_database) < 2.5 * before
