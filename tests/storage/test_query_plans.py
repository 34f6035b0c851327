"""What is asked of big tables is found by an index: row one million costs what row one does."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bioql_console.demo_data import _store
from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.ledger import Account, EntryKind
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.paging import ActivityQuery, CheckoutQuery, Cursor, EventQuery, MoneyBackQuery, UserQuery
from bioql_console.domain.refunds import MoneyBackKind
from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.services.demo import demo_users
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.unit_of_work import UnitOfWork
from tests.heard import heard
from tests.storage.people import NOW

AFTER = Cursor(0, 50)
Ask = Callable[[UnitOfWork], object]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("plans")
    made = Database(sqlite_url(folder / "bioql.db"), lambda: NOW)
    made.open(folder / "backups")
    with made.write() as work:
        for person in demo_users(60, 3, NOW):
            _store(work, person)
        for number in range(60):
            made_of = ReceivedEvent(f"evt_{number}", "x", b"{}", NOW, NOW, EventSource.HTTP, False)
            work.inbox.add([made_of])
            link = CheckoutLink(f"ref{number}", 1, 50, 1, CheckoutState.EXPIRED, NOW)
            work.checkouts.add(link)
            work.activity.record("ada", "did", f"user {number}")
            work.outbox.add(
                MessageKind.METER_EVENT, f"key{number}", user_id=1, stripe_customer_id="cus", value=1, occurred_ms=NOW
            )
        work.commit()
    yield made
    made.close()


def plans(database: Database, ask: Ask) -> list[tuple[str, str]]:
    """Each SELECT that is sent for the question, with SQLite's plan for it."""
    with heard(database) as said, database.read() as work:
        ask(work)
    # The search index asks its own tables.
    sent = [statement for statement in said if statement.startswith("SELECT") and "'main'." not in statement]
    with database._engine.connect() as connection:
        return [
            (statement, "\n".join(str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")))
            for statement in sent
        ]


def no_scan(plan: str) -> bool:
    """SCAN reads a table or index from end to end; one row and a subquery's few rows are no table."""
    found: list[str] = re.findall(r"^SCAN (?!CONSTANT ROW|\(subquery|lines\b|anon_\d).*$", plan, re.MULTILINE)
    return not found


def sorts_nothing(plan: str) -> bool:
    return "TEMP B-TREE FOR ORDER BY" not in plan and "TEMP B-TREE FOR LAST" not in plan


# What is asked again and again while the ledger grows: found by key, in the order of an index.
BY_KEY: dict[str, Ask] = {
    "a user": lambda work: work.users.get(7),
    "a user by key": lambda work: work.users.by_key("ab" * 32),
    "a user by address": lambda work: work.users.by_email("ada@uni.example"),
    "a user by customer": lambda work: work.users.by_customer("cus_1"),
    "a balance": lambda work: work.ledger.balance(7),
    "what was refunded": lambda work: work.ledger.posted_micros(
        EntryKind.REFUND, "charge", "pi_1:", Account.STRIPE_CLEARING
    ),
    "an event": lambda work: work.inbox.get("evt_1"),
    "waiting events": lambda work: work.inbox.waiting(50),
    "events, next page": lambda work: work.inbox.page(EventQuery(), AFTER, 20),
    "events for an operator": lambda work: work.inbox.page(EventQuery(attention=True), None, 20),
    "events for an operator, next page": lambda work: work.inbox.page(EventQuery(attention=True), AFTER, 20),
    "messages that are due": lambda work: work.outbox.due(NOW, 100),
    "what is at stake in the outbox": lambda work: work.outbox.sums(),
    "the next message": lambda work: work.outbox.next_due_ms(),
    "a link by reference": lambda work: work.checkouts.by_reference("ref1"),
    "a link by session": lambda work: work.checkouts.by_session("cs_1"),
    "links without a session": lambda work: work.checkouts.without_session(NOW),
    "a user's links": lambda work: work.checkouts.page(CheckoutQuery(user_id=1), None, 20),
    "a user's links, next page": lambda work: work.checkouts.page(CheckoutQuery(user_id=1), AFTER, 20),
    "links, next page": lambda work: work.checkouts.page(CheckoutQuery(), AFTER, 20),
    "the trail, next page": lambda work: work.activity.page(ActivityQuery(), AFTER, 20),
    "a payment's refunds": lambda work: work.money_back.of_payment("pi_1", MoneyBackKind.REFUND),
    "what a bank holds": lambda work: work.money_back.held_micros("pi_1"),
    "what was refunded in all": lambda work: work.money_back.total_of("pi_1"),
    "refunds and disputes, next page": lambda work: work.money_back.page(MoneyBackQuery(), AFTER, 20),
    "a payment that was turned down": lambda work: work.inbox.was_turned_down("pi_1"),
    "a run": lambda work: work.usage.get("u1"),
    "a user's last runs": lambda work: work.usage.recent(7, 20),
    "a user's runs, next page": lambda work: work.usage.page(7, Cursor(NOW, 50), 20),
    "a user's charges": lambda work: work.receivables.months(7),
    "a user's oldest debt": lambda work: work.receivables.oldest_open_ms(7),
}
# A user has thousands of rows, not millions: they are found by key, and may then be sorted.
ONE_USERS: dict[str, Ask] = {
    "what a payment posted": lambda work: work.ledger.postings_from("payment_intent", "pi_1"),
    "a statement": lambda work: work.ledger.statement(7, None, 20),
    "a user's unfinished links": lambda work: work.checkouts.unfinished(7),
    "a user's runs since": lambda work: work.usage.since(7, NOW),
    "a user's days": lambda work: work.usage.daily(0, NOW, 7),
    "a user's total": lambda work: work.usage.totals(7),
    "a user's fractions of a cent": lambda work: work.usage.fractions_micros(7),
    "shots of some days": lambda work: work.usage.daily(NOW - 86_400_000, NOW),
}
# The first page walks an index or the ids in their order, and stops when it is full.
IN_ORDER: dict[str, Ask] = {
    "events": lambda work: work.inbox.page(EventQuery(), None, 20),
    "links": lambda work: work.checkouts.page(CheckoutQuery(), None, 20),
    "the trail": lambda work: work.activity.page(ActivityQuery(), None, 20),
    "the last event": lambda work: work.inbox.last_received_ms(),
}


@pytest.mark.parametrize("name", BY_KEY)
def test_what_is_asked_by_key_is_found_by_an_index(database: Database, name: str) -> None:
    for statement, plan in plans(database, BY_KEY[name]):
        assert no_scan(plan), f"{plan}\n{statement}"
        assert sorts_nothing(plan), f"{plan}\n{statement}"


@pytest.mark.parametrize("name", ONE_USERS)
def test_what_is_one_users_is_found_by_an_index(database: Database, name: str) -> None:
    for statement, plan in plans(database, ONE_USERS[name]):
        assert no_scan(plan), f"{plan}\n{statement}"


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_first_page_sorts_nothing(database: Database, name: str) -> None:
    for statement, plan in plans(database, IN_ORDER[name]):
        assert sorts_nothing(plan), f"{plan}\n{statement}"
        assert re.search(r"\sLIMIT \d+ OFFSET 0$", statement), statement


USER_INDEXES = {
    "name": "ix_users_name (<expr>",
    "email": "uq_users_email|sqlite_autoindex_users_1 (email",
    "plan": "ix_users_plan (plan",
    "owed": "ix_balances_receivable_micros (receivable_micros",
    "customer": "ix_users_customer (<expr>",
    "seen": "ix_users_seen (<expr>",
    "created": "ix_users_created_ms (created_ms",
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", USER_INDEXES)
def test_the_next_page_of_users_starts_inside_an_index(database: Database, sort: str, descending: bool) -> None:
    query = UserQuery(sort=sort, descending=descending)
    with database.read() as work:
        after = work.users.page(query, None, 10).next_after
    assert after is not None
    for statement, plan in plans(database, lambda work: work.users.page(query, after, 10)):
        assert no_scan(plan), f"{plan}\n{statement}"
        assert sorts_nothing(plan), f"{plan}\n{statement}"
        index, _, column = USER_INDEXES[sort].partition(" ")
        assert re.search(rf"INDEX ({index}) {re.escape(column)}", plan), plan
        assert "OFFSET" not in statement.replace("OFFSET 0", "")


@pytest.mark.parametrize("sort", USER_INDEXES)
def test_the_first_page_of_users_walks_an_index(database: Database, sort: str) -> None:
    for statement, plan in plans(database, lambda work: work.users.page(UserQuery(sort=sort), None, 10)):
        assert sorts_nothing(plan), f"{plan}\n{statement}"
        assert re.search(r"^SCAN (users|balances) USING (COVERING )?INDEX", plan, re.MULTILINE), plan


def test_three_letters_are_looked_up_in_the_search_index(database: Database) -> None:
    (_, hits), (_, page) = plans(database, lambda work: work.users.page(UserQuery(text="smith"), None, 10))
    assert "VIRTUAL TABLE INDEX" in hits
    assert "LIST SUBQUERY" in page
