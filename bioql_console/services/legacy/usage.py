"""Runs of the file. There may be millions, so they pass through in batches and nothing of them is kept."""

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.legacy import micros_of, moment_ms, shots_of, text_of
from bioql_console.domain.prices import normal_backend
from bioql_console.domain.statements import utc_month
from bioql_console.services.legacy.job import Job, Owned, Page, report_orphan
from bioql_console.services.legacy.ports import LegacyRow

USAGE = "usage_logs"
BATCH = 10_000
UNKNOWN_BACKEND = "unknown"
UNKNOWN_MONTH = "unknown"
UsageRow = tuple[str, int, str, int, int, int, bool, int, bool]
"""Usage id, user id, backend, shots, price of each, cost, succeeded, time, and that an opening entry covers it."""
Months = defaultdict[tuple[int, str], int]


class Usage:
    """Turns rows of `usage_logs` into usage that an opening entry covers."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._rows = Owned(job.source.rows(USAGE))
        self._previous: tuple[object, object] = (None, None)
        self._dated = job.source.has(USAGE, "timestamp")
        self._counted = job.source.has(USAGE, "shots")
        self._priced = job.source.has(USAGE, "cost")

    def page(self, page: Page) -> Months:
        """Store the runs of a page of users; the answer is what they cost by user and month."""
        months: Months = defaultdict(int)
        rows = self._rows.of(page)
        while batch := list(islice(rows, BATCH)):
            self._job.watch.step(len(batch), "usage")
            self._store(list(self._read_all(batch, page, months)))
        return months

    def _read_all(self, batch: list[LegacyRow], page: Page, months: Months) -> Iterator[UsageRow]:
        people, prefix, previous = page.people, f"import-{self._job.lineage}", self._previous
        for row in batch:
            owner, row_id, backend, kind, shots, cost, at = row
            person = people.get(owner)
            if person is None:
                report_orphan(self._job, page, USAGE, owner, row_id)
                continue
            if (owner, row_id) == previous or row_id is None:
                self._leave_out(row_id, "id twice or missing", "Its id is missing or another row's; left out.")
                continue
            previous = (owner, row_id)
            try:
                micros = micros_of(cost)
            except ValueError as wrong:
                if self._priced and cost is not None:
                    self._leave_out(row_id, f"cost {wrong}", f"cost {wrong}; left out.")
                    continue
                micros = self._free(row_id)
            try:
                at_ms = moment_ms(at)
                known_month = at_ms <= self._job.now_ms
            except ValueError:
                known_month = False
            if known_month:
                month = _month(at_ms // DAY_MS)
            else:
                at_ms, month = self._odd_time(row_id, at)
            count = shots if type(shots) is int and 0 <= shots < 10**9 else self._odd_shots(row_id, shots)
            each = micros // count if count and micros % count == 0 else 0
            if micros:
                months[owner, month] += micros
            name = _backend(backend, kind)
            yield f"{prefix}-{owner}-{row_id}", person.user_id, name, count, each, micros, True, at_ms, True
        self._previous = previous

    def _store(self, rows: list[UsageRow]) -> None:
        job = self._job
        job.tally.brought.usage_rows += len(rows)
        if job.grown:
            here = job.known.usage_costs([row[0] for row in rows])
            for row in rows:
                if here.get(row[0], row[5]) != row[5]:
                    words = "Its cost changed since it was brought in; the run keeps the old one."
                    job.problem(USAGE, int(row[0].rpartition("-")[2]), "cost changed", words)
            rows = [row for row in rows if row[0] not in here]
        job.sink.add_usage(rows)
        job.tally.added.usage_rows += len(rows)

    # --- what is not as it should be ---

    def _leave_out(self, row_id: int | str | None, kind: str, words: str) -> None:
        self._job.problem(USAGE, row_id, kind, words, left_out=True)

    def _free(self, row_id: int | str | None) -> int:
        if self._priced:
            self._job.problem(USAGE, row_id, "cost is missing", "cost is missing; it counts as $0.00.")
        return 0

    def _odd_time(self, row_id: int | str | None, at: object) -> tuple[int, str]:
        at_ms = self._job.time_of(USAGE, row_id, "timestamp", at, -1)
        return (self._job.now_ms, UNKNOWN_MONTH) if at_ms < 0 else (at_ms, utc_month(at_ms))

    def _odd_shots(self, row_id: int | str | None, shots: object) -> int:
        if not self._counted:
            return 0
        try:
            return shots_of(shots)
        except ValueError as wrong:
            self._job.problem(USAGE, row_id, f"shots {wrong}", f"shots {wrong}; none were counted.")
            return 0


@lru_cache(maxsize=4_096)
def _month(day: int) -> str:
    return utc_month(day * DAY_MS)


@lru_cache(maxsize=4_096)
def _backend(backend: object, kind: object) -> str:
    return normal_backend(text_of(backend)) or normal_backend(text_of(kind)) or UNKNOWN_BACKEND
