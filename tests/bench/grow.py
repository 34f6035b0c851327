"""How much slower one user is found among a million than among a thousand, through the product's own questions.

Nothing may grow faster than the depth of an index: first rows in the default order, a rare name, a user's page, a
balance.
"""

import time
from collections.abc import Callable, Sequence
from itertools import cycle
from statistics import median

from bioql_console.domain.paging import UserQuery
from bioql_console.services.ports import Work
from bioql_console.storage.database import Database, sqlite_url
from tests.bench.big_ledger import LAST_MS, RARE, big_ledger
from tests.bench.figures import Figure

SIZES = (1_000, 10_000, 100_000, 1_000_000)
GOAL = 1.5
ROUNDS, ASKED = 7, 12
FIRST_ROWS = 100
Ask = Callable[[Work, int], object]


def detail(work: Work, user_id: int) -> object:
    """What the panel of a user reads first."""
    return (
        work.users.get(user_id),
        work.receivables.oldest_open_ms(user_id),
        work.receivables.months(user_id),
        work.ledger.statement(user_id, None, 20),
        work.usage.recent(user_id, 20),
    )


QUESTIONS: dict[str, Ask] = {
    "first rows": lambda work, _: work.users.page(UserQuery(sort="owed", descending=True), None, FIRST_ROWS),
    "search": lambda work, _: work.users.page(UserQuery(text=RARE, sort="owed", descending=True), None, FIRST_ROWS),
    "detail": detail,
    "balance": lambda work, user_id: work.ledger.balance(user_id),
}


def run() -> list[Figure]:
    """Milliseconds at a million beside those at a thousand; the sizes in between show the way there."""
    databases = [Database(sqlite_url(big_ledger(size)), lambda: LAST_MS) for size in SIZES]
    try:
        return [_grown(name, ask, databases) for name, ask in QUESTIONS.items()]
    finally:
        for database in databases:
            database.close()


def _grown(name: str, ask: Ask, databases: Sequence[Database]) -> Figure:
    taken: dict[int, list[float]] = {size: [] for size in SIZES}
    for number in range(ROUNDS + 1):
        for size, database in zip(SIZES, databases, strict=True):
            took_ms = _took_ms(ask, database, size)
            if number:  # the first round only warms up
                taken[size].append(took_ms)
    at = {size: median(times) for size, times in taken.items()}
    way = ", ".join(f"{size:,}: {at[size]:.2f}" for size in SIZES[1:-1])
    return Figure(name, at[SIZES[-1]], at[SIZES[0]], GOAL, "ms", peer=f"the same of 1,000 users ({way} ms)")


def _took_ms(ask: Ask, database: Database, size: int) -> float:
    """The median of several questions, each about somebody else."""
    people = cycle(range(1, size, max(1, size // 37)))
    times = []
    for _ in range(ASKED):
        user_id = next(people)
        began = time.perf_counter()
        with database.read() as work:
            ask(work, user_id)
        times.append(time.perf_counter() - began)
    return median(times) * 1000
