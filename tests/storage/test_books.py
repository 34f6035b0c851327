"""Whatever happens in whatever order, the books balance, no micro is lost and nothing counts twice."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from bioql_console.domain.ledger import (
    Account,
    Balance,
    EntryKind,
    Fact,
    JournalEntry,
    Posting,
    payment_fact,
    refund_fact,
    total_by_account,
    usage_fact,
    welcome_credit_fact,
)
from bioql_console.storage.database import Database
from tests.storage.people import NOW, add_people, facts, person, rows

USERS = 3
HISTORIES = st.lists(st.tuples(st.booleans(), st.lists(facts(USERS), max_size=8)), max_size=8)
rounds = itertools.count(1)


def about(fact: Fact, people: list[int], prefix: str) -> Fact:
    """The fact with a real user, and a source nobody else uses."""
    user = people[fact.user_id]
    source = str(user) if fact.kind is EntryKind.WELCOME_CREDIT else prefix + fact.source_id
    return replace(fact, user_id=user, source_id=source)


def expected_after(balance: Balance, fact: Fact) -> Balance:
    totals = total_by_account(fact.entry(balance).postings)
    return Balance(
        balance.receivable_micros + totals.get(Account.RECEIVABLE, 0),
        balance.credit_micros + totals.get(Account.CUSTOMER_CREDIT, 0),
        balance.version + 1,
    )


def tell(database: Database, people: list[int], history: list[tuple[bool, list[Fact]]]) -> dict[int, Balance]:
    """Post a history, some transactions of which are abandoned; returns what the domain expects of it."""
    kept, seen, prefix = dict.fromkeys(people, Balance()), set[tuple[object, ...]](), f"{next(rounds)}-"
    for commit, batch in history:
        then, posted = dict(kept), set(seen)
        with database.write() as work:
            for fact in (about(fact, people, prefix) for fact in batch):
                key = (fact.kind, fact.source_type, fact.source_id)
                assert work.ledger.post(fact) is (key not in posted)
                if key not in posted:
                    then[fact.user_id] = expected_after(then[fact.user_id], fact)
                posted.add(key)
            if commit:
                work.commit()
                kept, seen = then, posted
    return kept


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_balances_postings_and_domain_agree(database: Database, history: list[tuple[bool, list[Fact]]]) -> None:
    people = add_people(database, *(person() for _ in range(USERS)))
    expected = tell(database, people, history)
    for user, balance in expected.items():
        with database.read() as work:
            assert work.ledger.balance(user) == balance
            page = work.ledger.statement(user, None, 1_000)
        added_up = dict(
            rows(
                database, "SELECT account, sum(micros) FROM postings WHERE user_id = :user GROUP BY account", user=user
            )
        )
        assert int(added_up.get("receivable", 0)) == balance.receivable_micros
        assert int(added_up.get("customer_credit", 0)) == balance.credit_micros
        assert sum(line.micros for line in page.rows) == balance.receivable_micros + balance.credit_micros
        assert [line.after_micros for line in reversed(page.rows)] == list(
            itertools.accumulate(line.micros for line in reversed(page.rows))
        )
    with database.read() as work:
        found = work.verifier.run()
    assert found.differences == ()
    assert rows(database, "SELECT coalesce(sum(micros), 0) FROM postings")[0][0] == 0
    net = rows(database, "SELECT sum(receivable_micros + credit_micros) FROM balances")[0][0]
    assert found.owed_micros - found.credit_micros == net


@pytest.mark.fault(
    "Order",
    "two different events tell of one payment",
    "It counts once, whichever comes first.",
    figure="2 events, 1 posting, on SQLite and PostgreSQL",
)
def test_one_payment_told_by_two_events_counts_once(database: Database) -> None:
    (user,) = add_people(database, person())
    with database.write() as work:
        assert work.ledger.post(usage_fact("u", user, 350_000_000, NOW, ""))
        assert work.ledger.post(payment_fact("pi_1", user, 350_000_000, NOW, "checkout.session.completed"))
        work.commit()
    with database.write() as work:
        assert not work.ledger.post(payment_fact("pi_1", user, 350_000_000, NOW + 5, "async_payment_succeeded"))
        work.commit()
    with database.read() as work:
        assert work.ledger.balance(user) == Balance(0, 0, 2)
        assert len(work.ledger.statement(user, None, 10).rows) == 2


def at_once(count: int, act: Callable[[int], bool]) -> list[bool]:
    """Let so many threads act at the same moment."""
    gate = threading.Barrier(count)

    def run(number: int) -> bool:
        gate.wait(10)
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


@pytest.mark.fault(
    "Order",
    "two workers post one payment at the same moment",
    "It is posted once, on SQLite and PostgreSQL.",
    figure="2 times 2 at once, 1 posting, on SQLite and PostgreSQL",
)
def test_two_threads_with_one_payment_post_it_once(database: Database) -> None:
    (user,) = add_people(database, person())

    def post(_number: int) -> bool:
        with database.write() as work:
            posted = work.ledger.post(payment_fact("pi_1", user, 350_000_000, NOW, ""))
            work.commit()
        return posted

    assert sorted(at_once(2, post)) == [False, True]
    assert sorted(at_once(2, post)) == [False, False]
    with database.read() as work:
        assert work.ledger.balance(user) == Balance(0, -350_000_000, 1)
        assert work.verifier.run().ok


@pytest.mark.fault(
    "Order",
    "many threads charge one customer at once",
    "No charge is lost, and the kept balance is the sum of the postings.",
    figure="8 threads, 40 charges, 0 micros off, on SQLite and PostgreSQL",
)
def test_many_threads_on_one_user_lose_no_charge(database: Database) -> None:
    """Credit that two charges both saw as free would show as a micro lost or a broken rule."""
    (user,) = add_people(database, person())
    with database.write() as work:
        work.ledger.post(welcome_credit_fact(user, 25_000_000, NOW))
        work.commit()

    def charge(number: int) -> bool:
        posted = []
        for turn in range(5):
            with database.write() as work:
                posted.append(work.ledger.post(usage_fact(f"u{number}-{turn}", user, 1_000_001, NOW, "")))
                work.commit()
        return all(posted)

    assert all(at_once(8, charge))
    with database.read() as work:
        assert work.ledger.balance(user) == Balance(40 * 1_000_001 - 25_000_000, 0, 41)
        assert work.verifier.run().ok


def test_a_refund_is_summed_by_its_own_payment_only(database: Database) -> None:
    """Stripe's ids differ by case, and one may begin like another."""
    (user,) = add_people(database, person())
    sources = ["pi_aB:100", "pi_aB:300", "pi_AB:100", "pi_aBc:100", "pi_a%:100", "pi_a_:100"]
    with database.write() as work:
        for place, source in enumerate(sources):
            work.ledger.post(refund_fact(source, user, 10**place, NOW, ""))
        work.commit()

    def refunded(prefix: str) -> int:
        with database.read() as work:
            return work.ledger.posted_micros(EntryKind.REFUND, "charge", prefix, Account.STRIPE_CLEARING)

    assert refunded("pi_aB:") == -11
    assert [refunded(prefix) for prefix in ("pi_AB:", "pi_aBc:", "pi_a%:", "pi_a_:")] == [
        -(10**place) for place in range(2, 6)
    ]
    assert refunded("pi_none:") == 0


def test_what_a_source_posted_is_found_whatever_its_kind(database: Database) -> None:
    (user,) = add_people(database, person())
    held = (Posting(Account.DISPUTES, 5), Posting(Account.STRIPE_CLEARING, -5))
    with database.write() as work:
        assert work.ledger.post_entry(JournalEntry(EntryKind.DISPUTE_HOLD, "dispute", "dp_1", NOW, held))
        assert work.ledger.post_entry(JournalEntry(EntryKind.DISPUTE_HOLD, "dispute", "dp_1", NOW, held)) is None
        work.ledger.post(payment_fact("pi_1", user, 5, NOW, ""))
        work.commit()
    with database.read() as work:
        assert work.ledger.postings_from("dispute", "dp_1") == list(held)
        assert {posting.user_id for posting in work.ledger.postings_from("payment_intent", "pi_1")} == {user, None}
        assert work.ledger.postings_from("payment_intent", "dp_1") == []


def test_nobody_is_charged_who_is_not_there(database: Database) -> None:
    with database.write() as work, pytest.raises(LookupError, match="404"):
        work.ledger.post(usage_fact("u", 404, 5, NOW, ""))


REWRITES = ("UPDATE {} SET id = id", "DELETE FROM {}", "DELETE FROM {} WHERE id = 1")


@pytest.mark.parametrize("table", ["journal_entries", "postings", "activity"])
def test_the_ledger_and_the_trail_cannot_be_rewritten(database: Database, table: str) -> None:
    (user,) = add_people(database, person())
    with database.write() as work:
        work.ledger.post(usage_fact("u", user, 5, NOW, ""))
        work.activity.record("ada", "did", "something")
        work.commit()
    before = rows(database, f"SELECT * FROM {table} ORDER BY id")
    assert before
    for statement in REWRITES:
        with (
            database._engine.connect().execution_options(bioql_write=True) as connection,
            pytest.raises(DBAPIError, match=f"{table} is append-only"),
        ):
            connection.exec_driver_sql(statement.format(table))
    assert rows(database, f"SELECT * FROM {table} ORDER BY id") == before
