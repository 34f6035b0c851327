"""Bringing in a `users.db`: first a preview, then all of it in one transaction or nothing."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.imports import ImportRecord, ImportReport
from bioql_console.domain.money import plain_dollars
from bioql_console.services.changes import Change, Changes
from bioql_console.services.legacy.job import Job, Page, Progress, Watch
from bioql_console.services.legacy.money import QUOTAS, MonthTotals, Poster, credit_part, month_parts
from bioql_console.services.legacy.papers import InvoicesOfFile, TicketsOfFile
from bioql_console.services.legacy.people import USERS, People
from bioql_console.services.legacy.ports import Imports, ImportSink, LegacySource, OpenLegacy, Swallow
from bioql_console.services.legacy.usage import Usage
from bioql_console.services.ports import Store

PAGE = 2_000
SAMPLE = 500
LAST_STEP = "writing to disk"


def _silent(_done: int, _total: int, _words: str) -> None:
    pass


def _never() -> bool:
    return False


class LegacyImport:
    """Imports of BioQL's first database. Every call blocks until it is done; any thread may make it.

    Args:
        open_source: Opens the file for reading.
        back_up: Copies the ledger and answers where to; None where no copy is wanted.
        tidy: Removes copies that are not kept, once this one is.
    """

    def __init__(
        self,
        store: Store,
        open_source: OpenLegacy,
        back_up: Callable[[], Path | None],
        changes: Changes,
        now_ms: Callable[[], int],
        tidy: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._tidy = tidy
        self._open_source = open_source
        self._back_up = back_up
        self._changes = changes
        self._now_ms = now_ms

    def preview(
        self,
        path: Path,
        *,
        with_credit: bool = True,
        progress: Progress = _silent,
        cancelled: Callable[[], bool] = _never,
    ) -> ImportReport:
        """What `run` would do. Writes nothing, and works beside a server.

        Raises:
            OperatorError: `import.*`, `db.*`.
        """
        with self._open_source(path) as source, self._store.read() as work:
            job = self._job(source, work.imports, Swallow(), with_credit, "", progress, cancelled)
            return _report(job, _walk(job))

    def run(
        self,
        path: Path,
        *,
        operator: str,
        with_credit: bool = True,
        progress: Progress = _silent,
        cancelled: Callable[[], bool] = _never,
    ) -> ImportReport:
        """Bring the file in. Who else wants to write to the ledger waits meanwhile.

        Raises:
            OperatorError: `import.*`, `db.*`; the ledger is as it was then.
        """
        with self._store.write() as work, work.imports.alone():
            work.safety.require_sound()
            backup = self._back_up()
            with self._open_source(path) as source:
                job = self._job(source, work.imports, work.imports, with_credit, operator, progress, cancelled)
                report = _report(job, _walk(job), written=True, backup=str(backup or ""))
            if report.nothing_new:
                # A copy of what did not change is of no use.
                if backup is not None:
                    backup.unlink()
                return _report(job, report.notes)
            job.watch.step(0, LAST_STEP)
            work.imports.record(_record(job))
            work.activity.record(operator, "imported users.db", source.name, after=_words(report))
            work.commit()
        if backup is not None:
            self._tidy()
        topics = ("users", "balances", "usage", "activity")
        self._changes.publish(*(Change(topic) for topic in topics))
        return report

    def _job(
        self,
        source: LegacySource,
        known: Imports,
        sink: ImportSink,
        with_credit: bool,
        operator: str,
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> Job:
        watch = Watch(source.count_rows(), progress, cancelled)
        watch.step(0, "looking at the file")
        _refuse_ambiguous(source)
        lineage, grown = _lineage(source, known)
        return Job(source, known, sink, lineage, grown, with_credit, operator, self._now_ms(), watch)


def _walk(job: Job) -> tuple[str, ...]:
    """Go through the file once, by pages of users; the answer is what is worth knowing."""
    people, usage, months = People(job), Usage(job), MonthTotals(job)
    invoices, tickets, poster = InvoicesOfFile(job), TicketsOfFile(job), Poster(job)
    for page in _pages(job, people):
        charged = months.page(page, usage.page(page))
        posted = poster.posted(page)
        parts = month_parts(job, charged)
        for legacy_id, paid in invoices.page(page, posted).items():
            parts[legacy_id] += paid
        for legacy_id, person in page.people.items():
            parts[legacy_id] += credit_part(job, person)
        poster.post(page, parts, posted)
        tickets.page(page)
    return _notes(job, months)


def _pages(job: Job, people: People) -> Iterator[Page]:
    rows = job.source.rows(USERS)
    while batch := list(islice(rows, PAGE)):
        job.watch.step(len(batch), "users")
        yield people.page(batch)
    # What is left belongs to nobody.
    yield Page({}, frozenset(), None)


def _refuse_ambiguous(source: LegacySource) -> None:
    if repeated := source.repeated_ids():
        raise OperatorError(
            f"{source.name} has several users of id {repeated[0]}: nobody can tell whose usage is whose.",
            fix="Give each user an id of their own in a copy of the file, then import the copy.",
            code="import.ambiguous",
        )


def _lineage(source: LegacySource, known: Imports) -> tuple[int, bool]:
    """Which lineage a file belongs to, and whether an earlier version of it was brought in.

    A file is a later version of another when most of the other's users have the same id and address in it.
    """
    lineages = known.lineages()
    for lineage, versions in lineages.items():
        if source.sha256 in versions:
            return lineage, True
    for lineage in lineages:
        sample = known.sample(lineage, SAMPLE)
        found = source.addresses(list(sample))
        if sum(found.get(legacy_id) == address for legacy_id, address in sample.items()) * 2 > len(sample):
            return lineage, True
    return max(lineages, default=0) + 1, False


def _notes(job: Job, months: MonthTotals) -> tuple[str, ...]:
    notes = []
    if lacking := job.source.missing():
        notes.append(f"The file is an older one, without {', '.join(lacking)}.")
    if not months.present:
        notes.append(f"Without totals in {QUOTAS}, users owe what their runs in usage_logs cost.")
    elif job.tally.runs_micros != job.tally.charged_micros:
        runs, totals = plain_dollars(job.tally.runs_micros), plain_dollars(job.tally.charged_micros)
        notes.append(f"The runs in usage_logs cost {runs}, the totals in {QUOTAS} are {totals}; the totals count.")
    if not job.source.has(USERS, "api_key"):
        notes.append("Nobody has an API key in it: issue new ones.")
    if not job.with_credit:
        notes.append("Prepaid credit was not counted.")
    return tuple(notes)


def _report(job: Job, notes: tuple[str, ...], *, written: bool = False, backup: str = "") -> ImportReport:
    return ImportReport(job.source.name, job.tally, job.problems, notes, job.with_credit, written, backup)


def _record(job: Job) -> ImportRecord:
    added, source = job.tally.added, job.source
    counts = (added.users, added.usage_rows, added.entries)
    return ImportRecord(job.lineage, source.name, source.sha256, job.now_ms, job.operator, *counts)


def _words(report: ImportReport) -> str:
    added = ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in asdict(report.tally.added).items() if count
    )
    problems = report.problems.counts.total()
    return f"{added}; {plain_dollars(report.tally.owed_micros)} owed in all; {problems:,} problems"
