"""Pages by key: every row once, in order, at the price of an index."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from bioql_console.demo_data import _store
from bioql_console.domain.paging import Cursor, UserQuery
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.services.demo import demo_users
from bioql_console.storage.database import Database, sqlite_url

NOW = 1_795_000_000_000
TERMS = ("smith", "ANA", "cus_demo00", "%", "_", "''", '"', "a b", "*", "NEAR(", "\x00x")
SORTS = ("name", "email", "plan", "owed", "customer", "seen", "created")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("paging")
    made = Database(sqlite_url(folder / "bioql.db"), lambda: NOW)
    made.open(folder / "backups")
    with made.write() as work:
        for person in demo_users(150, 3, NOW):
            _store(work, person)
        work.commit()
    yield made
    made.close()


def everybody(database: Database, query: UserQuery, size: int) -> list[int]:
    found: list[int] = []
    after: Cursor | None = None
    while True:
        with database.read() as work:
            page = work.users.page(query, after, size)
        assert len(page.rows) <= size
        found += [user.id for user in page.rows]
        after = page.next_after
        if after is None:
            return found


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_every_row_comes_once_in_every_order(database: Database, sort: str, descending: bool) -> None:
    query = UserQuery(sort=sort, descending=descending)
    in_pages = everybody(database, query, 17)
    assert sorted(in_pages) == list(range(1, 151))
    assert in_pages == everybody(database, query, 1_000)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(max_size=12)
    | st.sampled_from(["smith", "ANA", "cus_demo00", "%", "_", "''", '"', "a b", "*", "NEAR("])
)
def test_any_text_can_be_searched_for(database: Database, text: str) -> None:
    query = UserQuery(text=text)
    found = everybody(database, query, 40)
    with database.read() as work:
        assert work.users.count(query) == len(found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        (UserQuery(owes=True), lambda user: user.balance.owed_micros > 0),
        (UserQuery(no_customer=True), lambda user: user.stripe_customer_id is None),
        (UserQuery(disabled=True), lambda user: user.disabled),
        (UserQuery(text="smith"), lambda user: "smith" in (user.name + user.email).lower()),
    ],
)
def test_filters_find_exactly_what_they_say(database: Database, query: UserQuery, holds) -> None:  # type: ignore[no-untyped-def]
    with database.read() as work:
        expected = {user.id for user in work.users.page(UserQuery(), None, 1_000).rows if holds(user)}
    assert expected
    assert set(everybody(database, query, 13)) == expected


def test_rows_that_arrive_meanwhile_disturb_nobody(database: Database) -> None:
    query = UserQuery(sort="created")
    with database.read() as work:
        first = work.users.page(query, None, 50)
    with database.write() as work:
        added = work.users.add(NewUser("Late", "late@uni.example", ApiKey.of("late"), NOW - 10**12))
        with_late = work.users.page(query, first.next_after, 1_000).rows
        assert added is not None
    assert len({user.id for user in (*first.rows, *with_late)}) == 150


def test_pages_use_an_index_and_never_an_offset(database: Database) -> None:
    statements: list[str] = []
    engine = database._engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    plans = []
    for sort in SORTS:
        with database.read() as work:
            page = work.users.page(UserQuery(sort=sort), None, 10)
            statements.clear()
            work.users.page(UserQuery(sort=sort), page.next_after, 10)
            select = next(one for one in statements if "FROM users" in one)
        assert "OFFSET" not in select.upper().replace("LIMIT ? OFFSET ?", "")
        with engine.connect() as connection:
            filled = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {select}", tuple([1] * select.count("?")))
            plans.append((sort, " | ".join(str(row[3]) for row in filled)))
    slow = [(sort, plan) for sort, plan in plans if "USE TEMP B-TREE FOR ORDER BY" in plan]
    assert not slow, slow
