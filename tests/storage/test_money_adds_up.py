"""Whatever happens in whatever order, the books balance and no micro is lost."""

import itertools
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import (
    Balance,
    Fact,
    adjustment_fact,
    payment_fact,
    refund_fact,
    total_by_account,
    usage_fact,
    welcome_credit_fact,
)
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.storage.database import Database, sqlite_url
from tests.storage.raw import raw

NOW = 1_795_000_000_000
USERS = 3
MICROS = st.integers(min_value=1, max_value=10**12)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """Any fact about one of the users; sources repeat now and then, as deliveries do."""
    user, source, micros = draw(st.integers(1, USERS)), f"s{draw(st.integers(1, 30))}", draw(MICROS)
    kind = draw(st.sampled_from(("usage", "payment", "refund", "adjust", "welcome")))
    match kind:
        case "usage":
            return usage_fact(source, user, micros, NOW, "")
        case "payment":
            return payment_fact(source, user, micros, NOW, "")
        case "refund":
            return refund_fact(source, user, micros, NOW, "")
        case "adjust":
            return adjustment_fact(source, user, draw(st.sampled_from((micros, -micros))), NOW, "why", "tester")
        case _:
            return welcome_credit_fact(user, micros, NOW)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = opened(tmp_path / "bioql.db", tmp_path)
    yield made
    made.close()


def opened(path: Path, folder: Path) -> Database:
    made = Database(sqlite_url(path), lambda: NOW)
    made.open(folder / "backups")
    with made.write() as work:
        for number in range(1, USERS + 1):
            work.users.add(NewUser(f"User {number}", f"u{number}@uni.example", ApiKey.of(f"key{number}"), NOW))
        work.commit()
    return made


counter = itertools.count()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(facts(), max_size=40))
def test_balances_are_what_the_postings_say(tmp_path: Path, history: list[Fact]) -> None:
    database = opened(tmp_path / f"{next(counter)}.db", tmp_path)
    expected = dict.fromkeys(range(1, USERS + 1), 0)
    seen: set[tuple[object, ...]] = set()
    with database.write() as work:
        for fact in history:
            fresh = (fact.kind, fact.source_type, fact.source_id) not in seen
            assert work.ledger.post(fact) is fresh
            seen.add((fact.kind, fact.source_type, fact.source_id))
            expected[fact.user_id] += fact.owes_micros if fresh else 0
        work.commit()
    with database.read() as work:
        for user, owes in expected.items():
            balance = work.ledger.balance(user)
            assert balance.receivable_micros + balance.credit_micros == owes
            assert balance.owed_micros == max(0, owes)
            assert balance.available_credit_micros == max(0, -owes)
        found = work.verifier.run()
    database.close()
    assert found.ok, found.differences
    assert found.owed_micros - found.credit_micros == sum(expected.values())


@given(fact=facts(), receivable=st.integers(0, 10**12), credit=st.integers(0, 10**12))
def test_every_entry_sums_to_zero_and_credit_goes_first(fact: Fact, receivable: int, credit: int) -> None:
    balance = Balance(receivable if not credit else 0, -credit)
    entry = fact.entry(balance)
    assert sum(total_by_account(entry.postings).values()) == 0
    after_credit = balance.credit_micros + sum(p.micros for p in entry.postings if p.account.value == "customer_credit")
    after_owed = balance.receivable_micros + sum(p.micros for p in entry.postings if p.account.value == "receivable")
    assert after_credit <= 0 <= after_owed
    assert not (after_credit and after_owed), "somebody owes and has credit at once"


def test_two_threads_with_one_payment_post_it_once(database: Database) -> None:
    fact = payment_fact("pi_1", 1, 350_000_000, NOW, "")
    posted: list[bool] = []
    gate = threading.Barrier(4)

    def post() -> None:
        gate.wait()
        with database.write() as work:
            posted.append(work.ledger.post(fact))
            work.commit()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(posted) == [False, False, False, True]


def test_leaving_without_commit_changes_nothing(database: Database) -> None:
    with database.write() as work:
        work.ledger.post(usage_fact("u", 1, 5, NOW, ""))
    with database.read() as work:
        assert work.ledger.balance(1).owed_micros == 0


@pytest.mark.parametrize("table", ["journal_entries", "postings", "activity"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_the_ledger_and_the_trail_cannot_be_rewritten(database: Database, table: str, verb: str) -> None:
    with database.write() as work:
        work.ledger.post(usage_fact("u", 1, 5, NOW, ""))
        work.activity.record("tester", "did", "something")
        work.commit()
    with raw(database.path) as connection, pytest.raises(sqlite3.DatabaseError, match="append-only"):
        connection.execute(verb.format(table))


PLANTED = {
    "balance": ("UPDATE balances SET receivable_micros = receivable_micros + 1 WHERE user_id = 1", "User 1"),
    "missing balance": ("DELETE FROM balances WHERE user_id = 1", "User 1"),
    "entry": ("UPDATE postings SET micros = micros + 1 WHERE id = 1", "does not balance"),
    "trail": ("UPDATE activity SET reason = 'another'", "trail"),
    "usage": ("DELETE FROM postings WHERE entry_id = 1", "entry"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_verify_finds_what_was_tampered_with(database: Database, name: str) -> None:
    statement, said = PLANTED[name]
    with database.write() as work:
        work.ledger.post(usage_fact("u", 1, 5_000_000, NOW, ""))
        work.activity.record("tester", "did", "something", reason="because")
        work.commit()
    with raw(database.path) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        connection.execute(statement)
    with database.read() as work:
        found = work.verifier.run()
    assert not found.ok
    assert any(said.lower() in difference.what.lower() for difference in found.differences), found.differences
    assert all(difference.cure for difference in found.differences)


def test_a_locked_database_says_so(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bioql_console.storage.database as module

    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 50)
    other = Database(str(database.url), lambda: NOW)
    with database.write() as work:
        work.ledger.post(usage_fact("u", 1, 5, NOW, ""))
        with pytest.raises(OperatorError) as refused, other.write() as late:
            late.ledger.balance(1)
        assert refused.value.code == "db.locked"
    other.close()
