"""Usage that Stripe's reports counted and did not name, where nobody can tell which it is.

The console then says a number and guesses nothing, and an operator has to ask Stripe. A life ends there. How many
answers there are is counted here in another way than the product looks for them.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from math import comb

# So many sets of a minute's usage the console tries.
TRIED = 5_000
Way = tuple[int, int]


class SaidAsNumber(BaseException):
    """The life ends: the console can't go on without an operator, and says so."""


def cannot_be_told(books: sqlite3.Connection, counted: Iterable[str]) -> bool:
    """Whether the meter lacks usage that the console says it can't name, and more than one answer fits.

    Args:
        counted: The runs that the meter counted.
    """
    books_lack: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    sent: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    known = set(counted)
    sql = "SELECT key, user_id, occurred_ms, value FROM outbox WHERE kind = 'meter_event' AND state = 'sent'"
    rows = books.execute(sql)
    for run, user, at_ms, cents in rows.fetchall():
        minute = user, at_ms // 60_000
        sent[minute].append(cents)
        if run not in known:
            books_lack[minute].append(cents)
    lacking = sum(map(len, books_lack.values()))
    if not lacking or lacking > _said(books):
        return False
    answers = Counter({0: 1})
    for minute, cents in books_lack.items():
        different = len(set(sent[minute])) > 1
        if different and sum(comb(len(sent[minute]), k + 1) for k in range(lacking)) > TRIED:
            return True
        here = {n: ways for (n, total), ways in _ways(sent[minute]).items() if total == sum(cents)}
        answers = _together(answers, here)
    return answers[lacking] > 1


def _said(books: sqlite3.Connection) -> int:
    """How much usage the console says it can't name."""
    rows = books.execute("SELECT refusals, joined FROM meter_error_reports WHERE narrow_ms IS NULL").fetchall()
    return sum(sum(count for _, count, _ in json.loads(refusals)) - joined for refusals, joined in rows)


def _ways(cents: list[int]) -> Counter[Way]:
    """How many sets of values there are, by their size and sum."""
    ways: Counter[Way] = Counter({(0, 0): 1})
    for value, times in Counter(cents).items():
        more: Counter[Way] = Counter()
        for (n, total), count in ways.items():
            for k in range(times + 1):
                more[n + k, total + k * value] += count
        ways = more
    return ways


def _together(before: Counter[int], here: dict[int, int]) -> Counter[int]:
    both: Counter[int] = Counter()
    for n, ways in before.items():
        for k, more in here.items():
            both[n + k] += ways * more
    return both
