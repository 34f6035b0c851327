"""How much a page of users asks of the database: the same, whatever is searched for and however it is ordered."""

from itertools import product

import pytest
from sqlalchemy import event

from bioql_console.domain.paging import Cursor, UserQuery
from bioql_console.storage.database import Database
from tests.storage.people import add_people, person

ORDERS = ("name", "email", "plan", "owed", "customer", "seen", "created")
# The rows; behind a cursor those of its value first; and whether a term is a common one.
MOST = 3


@pytest.mark.parametrize("text", ["", "a", "ada"])
def test_a_page_of_users_takes_as_many_statements_on_a_large_page_as_on_a_small_one(
    database: Database, text: str
) -> None:
    add_people(database, *(person() for _ in range(30)))
    sent: list[str] = []
    event.listen(database._readers, "before_cursor_execute", lambda *told: sent.append(told[2]))
    counts = set()
    for sort, descending, after in product(ORDERS, (False, True), (None, Cursor("", 0))):
        query = UserQuery(text=text, sort=sort, descending=descending)
        for limit in (5, 1_000):
            with database.read() as work:
                sent.clear()
                work.users.page(query, after if sort in ("name", "email", "plan", "customer") else None, limit)
                counts.add(len([words for words in sent if words.startswith("SELECT")]))
    assert 0 < min(counts) <= max(counts) <= MOST
