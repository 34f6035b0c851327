"""Pages by key: every row once and in order, for every order, while rows arrive."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.ledger import usage_fact
from bioql_console.domain.paging import ActivityQuery, CheckoutQuery, Cursor, EventQuery, Page, UserQuery
from bioql_console.domain.statements import StatementLine
from bioql_console.domain.users import Plan
from bioql_console.domain.webhooks import EventSource, EventState, InboxEvent, Outcome, ReceivedEvent
from bioql_console.storage.database import Database
from bioql_console.storage.unit_of_work import UnitOfWork
from tests.storage.people import NOW, add_people, person

SORTS = ("name", "email", "plan", "owed", "customer", "seen", "created")
HOSTILE = st.text(st.sampled_from(list("aAbBzé%_'\"\\<>&( 李\u202e🧬")), min_size=1, max_size=5)
numbers = itertools.count(1)


@st.composite
def somebody(draw: st.DrawFn) -> dict[str, Any]:
    """A user's values; few different ones, so that many rows share a place in the order."""
    return {
        "name": draw(HOSTILE),
        "plan": draw(st.sampled_from(Plan)),
        "customer": draw(st.booleans()),
        "created_ms": NOW + draw(st.integers(0, 2)),
        "seen_ms": draw(st.none() | st.integers(1, 3)),
        "owed": draw(st.sampled_from((0, 0, 1, 2**40))),
        "disabled": draw(st.booleans()),
    }


def store(database: Database, crowd: list[dict[str, Any]]) -> list[int]:
    """Put them in; the ids come back."""
    new = []
    for one in crowd:
        customer = f"cus_{next(numbers)}" if one["customer"] else None
        new.append(person(one["name"], plan=one["plan"], created_ms=one["created_ms"], stripe_customer_id=customer))
    with database.write() as work:
        ids = []
        for values, user in zip(crowd, new, strict=True):
            stored = work.users.add(user)
            assert stored is not None
            ids.append(stored.id)
            work.users.set_disabled(stored.id, values["disabled"])
            if values["seen_ms"]:
                work.users.touch(stored.id, values["seen_ms"])
            if values["owed"]:
                work.ledger.post(usage_fact(f"u{stored.id}", stored.id, values["owed"], NOW, ""))
        work.commit()
    return ids


def walk(ask: Callable[[UnitOfWork, Cursor | None], Page[Any]], database: Database) -> list[Any]:
    """Every row, page by page."""
    found: list[Any] = []
    after: Cursor | None = None
    while True:
        with database.read() as work:
            page = ask(work, after)
        found += page.rows
        after = page.next_after
        if after is None:
            return found


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    crowd=st.lists(somebody(), min_size=1, max_size=12),
    arrivals=st.lists(st.lists(somebody(), max_size=2), max_size=6),
    size=st.integers(1, 4),
    filters=st.fixed_dictionaries({name: st.booleans() for name in ("owes", "no_customer", "disabled")}),
    any_filter=st.booleans(),
)
def test_each_user_is_visited_once_while_others_arrive(
    database: Database,
    sort: str,
    descending: bool,
    crowd: list[dict[str, Any]],
    arrivals: list[list[dict[str, Any]]],
    size: int,
    filters: dict[str, Any],
    any_filter: bool,
) -> None:
    query = UserQuery(sort=sort, descending=descending, **(filters if any_filter else {}))
    store(database, crowd)
    with database.read() as work:
        there = {user.id for user in work.users.page(query, None, 100_000).rows}
    coming = iter(arrivals)
    size = max(size, len(there) // 8)

    def page(work: UnitOfWork, after: Cursor | None) -> Page[Any]:
        got = work.users.page(query, after, size)
        assert len(got.rows) <= size
        return got

    visited: list[int] = []
    after: Cursor | None = None
    while True:
        with database.read() as work:
            got = page(work, after)
        visited += [user.id for user in got.rows]
        if (after := got.next_after) is None:
            break
        store(database, next(coming, []))
    assert len(set(visited)) == len(visited), "somebody came twice"
    assert there <= set(visited), "somebody was left out"
    with database.read() as work:
        whole = [user.id for user in work.users.page(query, None, 100_000).rows]
    assert visited == [user for user in whole if user in set(visited)], "the pages are not in the order of the list"
    assert set(visited) <= set(whole)


def test_names_are_sorted_without_case_and_ties_by_arrival(database: Database) -> None:
    names = ["bob", "ALICE", "Zoe", "alice", "carol", "Bob", "Alice", "de Vries", "Davis"]
    ids = add_people(database, *(person(name) for name in names))
    expected = sorted(range(len(names)), key=lambda place: (names[place].lower(), place))

    def order(descending: bool) -> list[str]:
        query = UserQuery(sort="name", descending=descending)
        return [names[ids.index(user.id)] for user in walk(lambda w, after: w.users.page(query, after, 2), database)]

    assert order(False) == [names[place] for place in expected]
    assert order(True) == [names[place] for place in reversed(expected)]


def test_a_page_of_none_and_a_page_of_all(database: Database) -> None:
    with database.read() as work:
        assert work.users.page(UserQuery(), None, 10) == Page((), None)
    add_people(database, *(person() for _ in range(10)))
    with database.read() as work:
        assert len(work.users.page(UserQuery(), None, 10).rows) == 10
        assert work.users.page(UserQuery(), None, 10).next_after is None, "a last page that is full has nothing behind"
        assert work.users.page(UserQuery(), None, 9).next_after is not None


def _event(work: UnitOfWork, number: int) -> None:
    work.inbox.add([ReceivedEvent(f"evt_{number}", "x.y", b"{}", NOW, NOW, EventSource.HTTP, False)])
    if number % 2:
        work.inbox.settle(f"evt_{number}", Outcome(EventState.QUARANTINED, "why"), NOW)


LISTS: dict[str, tuple[Callable[[UnitOfWork, int], Any], Callable[[UnitOfWork, Cursor | None], Page[Any]], int]] = {
    "events": (_event, lambda work, after: work.inbox.page(EventQuery(), after, 3), 10),
    "events for an operator": (
        _event,
        lambda work, after: work.inbox.page(EventQuery(text="EVT_", attention=True, types=("x.", "a%")), after, 3),
        5,
    ),
    "links": (
        lambda work, number: work.checkouts.add(CheckoutLink(f"r{number}", 1, 50, 1, CheckoutState.EXPIRED, NOW)),
        lambda work, after: work.checkouts.page(CheckoutQuery(text="ad", states=("expired",), user_id=1), after, 3),
        10,
    ),
    "the trail": (
        lambda work, number: work.activity.record("ada", "did", f"user {number}"),
        lambda work, after: work.activity.page(ActivityQuery("USER"), after, 3),
        10,
    ),
    "a statement": (
        lambda work, number: work.ledger.post(usage_fact(f"u{number}", 1, 5, NOW, "")),
        lambda work, after: work.ledger.statement(1, after, 3),
        10,
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_show_the_newest_first_and_each_row_once_while_more_arrive(database: Database, name: str) -> None:
    add, ask, expected = LISTS[name]
    add_people(database, person())
    with database.write() as work:
        for number in range(10):
            add(work, number)
        work.commit()
    with database.read() as work:
        first = ask(work, None)
    with database.write() as work:
        for number in range(10, 14):
            add(work, number)
        work.commit()
    rest = walk(lambda work, after: ask(work, after or first.next_after), database)
    assert len({repr(row) for row in (*first.rows, *rest)}) == len(first.rows) + len(rest) == expected
    seen = [place(row) for row in (*first.rows, *rest)]
    assert seen == sorted(seen, reverse=True)


def place(row: Any) -> int:
    """A row's place in the order of arrival."""
    match row:
        case CheckoutLink():
            return int(row.reference[1:])
        case InboxEvent():
            return row.sequence
        case StatementLine():
            return row.entry_id
        case _:
            return int(row.id)


TERMS = ["%", "_", "\\", "'", '"', "\x00", "a\x00", "\ud800", "<b>", "\u202e", "🧬", "  ", "*"]


def test_any_text_can_be_looked_for_in_any_list(database: Database) -> None:
    with database.read() as work:
        for term in TERMS:
            assert work.inbox.page(EventQuery(term), None, 3) == Page((), None)
            assert work.inbox.page(EventQuery(term, attention=True, types=("%", "_")), None, 3) == Page((), None)
            assert work.checkouts.page(CheckoutQuery(term), None, 3) == Page((), None)
            assert work.activity.page(ActivityQuery(term), None, 3) == Page((), None)
