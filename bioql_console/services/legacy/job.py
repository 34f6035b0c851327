"""What every step of an import works with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.imports import Problems, Tally
from bioql_console.domain.legacy import moment_ms, text_of
from bioql_console.domain.users import NewUser
from bioql_console.services.legacy.ports import Imports, ImportSink, LegacyRow, LegacySource

Progress = Callable[[int, int, str], None]
"""Called with rows done, rows in all, and words for what is going on."""


class Watch:
    """Tells how far the work is, and ends it when it is not wanted any more."""

    def __init__(self, total: int, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._total, self._done = total, 0
        self._progress, self._cancelled = progress, cancelled

    def step(self, rows: int, words: str) -> None:
        """Raises OperatorError `import.cancelled`."""
        if self._cancelled():
            raise OperatorError(
                "The import was cancelled; nothing was changed.",
                fix="Start it again when it suits.",
                code="import.cancelled",
            )
        self._done += rows
        self._progress(self._done, self._total, words)


@dataclass(slots=True)
class Job:
    """One walk through the file, for a preview or for good.

    Args:
        known: What the ledger has already.
        sink: Where rows go; a preview's swallows them.
        lineage: Names the file through all its versions; part of every id that we make.
        grown: Whether an earlier version of it was brought in.
    """

    source: LegacySource
    known: Imports
    sink: ImportSink
    lineage: int
    grown: bool
    with_credit: bool
    operator: str
    now_ms: int
    watch: Watch
    problems: Problems = field(default_factory=Problems)
    tally: Tally = field(default_factory=Tally)

    def problem(self, table: str, row: int | str | None, kind: str, what: str, *, left_out: bool = False) -> None:
        """Report a row; the kind puts problems of the same sort together."""
        self.problems.add(table, row if row is None or isinstance(row, int) else text_of(row), kind, what)
        if left_out:
            self.tally.left_out[table] += 1

    def time_of(self, table: str, row: int | str | None, column: str, value: object, otherwise: int) -> int:
        """A time in the past; what is none is reported. A file without the column has none to report."""
        if not self.source.has(table, column):
            return otherwise
        try:
            at_ms = moment_ms(value)
        except ValueError as wrong:
            self.problem(table, row, f"{column} {wrong}", f"{column} {wrong}; another time was taken for it.")
            return otherwise
        # Servers' clocks differ a little, and their zones by less than a day.
        if at_ms > self.now_ms + DAY_MS:
            self.problem(table, row, f"{column} in the future", f"{column} lies in the future; now was taken for it.")
            return self.now_ms
        return min(at_ms, self.now_ms)


@dataclass(slots=True)
class Person:
    """A user of the file, and who that is here.

    Args:
        legacy_id: Their id in the file.
        was_here: The user was in the ledger before this import.
    """

    legacy_id: int
    new: NewUser
    last_used_ms: int | None
    prepaid_micros: int
    user_id: int = 0
    was_here: bool = False


@dataclass(slots=True)
class Page:
    """Some users of the file, in order of their ids.

    Args:
        last: Rows of users up to this id belong to it; None for all the rest.
        left_out: Users who are not brought in, so that their rows can't be either.
    """

    people: dict[int, Person]
    left_out: frozenset[int]
    last: int | None


class Owned:
    """The rows of one table, dealt out as the users they belong to come up."""

    def __init__(self, rows: Iterator[LegacyRow]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, page: Page) -> Iterator[LegacyRow]:
        """The rows up to the page's last user; also those of nobody."""
        row, last = self._next, page.last
        while row is not None and (last is None or row[0] is None or row[0] <= last):
            yield row
            row = next(self._rows, None)
        self._next = row


def report_orphan(job: Job, page: Page, table: str, owner: int | None, row: int | str | None) -> None:
    """A row that belongs to nobody we have."""
    if owner is None:
        words, kind = "It names no user; left out.", "names no user"
    elif owner in page.left_out:
        words, kind = f"Its user {owner} was left out, so it was too.", "its user was left out"
    else:
        words, kind = f"There is no user {owner}; left out.", "its user does not exist"
    job.problem(table, row, kind, words, left_out=True)
