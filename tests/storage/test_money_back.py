"""Refunds and disputes are kept as they stand, on both databases; of links, one may be open per balance."""

import pytest

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.paging import Cursor, MoneyBackQuery
from bioql_console.domain.refunds import MoneyBack, MoneyBackKind
from bioql_console.storage.database import Database
from tests.storage.people import NOW, add_people, person

DISPUTE = MoneyBack("du_1", MoneyBackKind.DISPUTE, "pi_1", 500, "needs_response", NOW, NOW, due_ms=NOW + 9)
REFUND = MoneyBack("re_1", MoneyBackKind.REFUND, "pi_1", 100, "succeeded", NOW, NOW)


def test_what_is_heard_in_any_order_is_kept_as_it_stands(database: Database) -> None:
    (ada,) = add_people(database, person("Ada"))
    lost = MoneyBack("du_1", MoneyBackKind.DISPUTE, "pi_1", 500, "lost", NOW, NOW + 5, withdrawn=True)
    with database.write() as work:
        assert work.money_back.follow(lost) == lost
        known = work.money_back.follow(DISPUTE)
        assert (known.status, known.withdrawn, known.heard_ms) == ("lost", True, NOW + 5)
        work.money_back.follow(REFUND)
        work.money_back.belongs_to("pi_1", ada)
        work.commit()
    with database.read() as work:
        found = work.money_back.get("du_1")
        assert found is not None
        assert (found.user_id, found.user_name, found.is_lost) == (ada, "Ada", True)
        assert work.money_back.to_answer() == []
        assert [one.id for one in work.money_back.of_payment("pi_1", MoneyBackKind.REFUND)] == ["re_1"]


def test_only_the_largest_total_is_kept(database: Database) -> None:
    with database.write() as work:
        assert work.money_back.total_of("pi_1") == 0
        for cents in (300, 500, 400):
            work.money_back.add_total("pi_1", cents)
        assert work.money_back.total_of("pi_1") == 500


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (MoneyBackQuery(), ["re_1", "du_1"]),
        (MoneyBackQuery(kinds=("dispute",)), ["du_1"]),
        (MoneyBackQuery(undecided=True), ["du_1"]),
        (MoneyBackQuery(text="re_1"), ["re_1"]),
        (MoneyBackQuery(text="%"), []),
    ],
)
def test_they_are_listed_newest_first(database: Database, query: MoneyBackQuery, ids: list[str]) -> None:
    with database.write() as work:
        work.money_back.follow(DISPUTE)
        work.money_back.follow(REFUND)
        work.commit()
    with database.read() as work:
        assert [one.id for one in work.money_back.page(query, None, 10).rows] == ids
        first = work.money_back.page(query, None, 1)
        assert [one.id for one in first.rows] == ids[:1]
        if len(ids) > 1:
            assert isinstance(first.next_after, Cursor)
            assert [one.id for one in work.money_back.page(query, first.next_after, 1).rows] == ids[1:]


def test_the_database_lets_one_open_link_through(database: Database) -> None:
    (ada,) = add_people(database, person("Ada"))
    first, second = (CheckoutLink(f"ref_{n}", ada, 100, 1, CheckoutState.CREATING, NOW) for n in (1, 2))
    with database.write() as work:
        assert work.checkouts.add(first)
        assert not work.checkouts.add(second)
        work.checkouts.set_state(first.reference, CheckoutState.FAILED)
        assert work.checkouts.add(second)
        assert [link.reference for link in work.checkouts.unfinished(ada)] == ["ref_2"]
        assert [link.reference for link in work.checkouts.without_session(NOW)] == ["ref_2"]
        work.checkouts.set_state(second.reference, CheckoutState.EXPIRED)
        assert [link.reference for link in work.checkouts.without_session(NOW)] == ["ref_2"]
