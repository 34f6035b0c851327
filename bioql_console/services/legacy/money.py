"""What users of the file owe: an opening entry for each month, each paid invoice and the prepaid credit.

Every part has a key, and the ledger may hold some of it from an earlier import. What is posted is the difference, under
the key's next number: nothing where nothing changed, so that an import can be repeated.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bioql_console.domain.imports import IMPORT_SOURCE, INVOICE_SOURCE
from bioql_console.domain.ledger import Account, Balance, EntryKind, Fact, JournalEntry
from bioql_console.domain.legacy import micros_of, month_span_ms
from bioql_console.services.legacy.job import Job, Owned, Page, Person, report_orphan
from bioql_console.services.legacy.usage import UNKNOWN_MONTH, Months

QUOTAS = "monthly_quotas"
CREDIT_KEY = "credit"
INVOICE_KEY = "invoice/"


class Part(NamedTuple):
    """Something that changes what a user owes.

    Args:
        key: What it is, e.g. "month/2026-11" or "invoice/in_1"; the same in every version of the file.
        micros: Positive when the user owes more by it.
    """

    key: str
    micros: int
    effective_ms: int
    memo: str


Parts = dict[int, list[Part]]
"""By the users' ids in the file."""
Posted = dict[str, tuple[int, int]]
"""What earlier imports posted, by user and key, as in "17/month/2026-11": the sum, and of how many entries."""


class MonthTotals:
    """Reads `monthly_quotas`; an older file without it is charged by its runs."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.present = job.source.has(QUOTAS, "total_cost") and job.source.has(QUOTAS, "user_id")
        self._rows = Owned(job.source.rows(QUOTAS))

    def page(self, page: Page, from_usage: Months) -> Months:
        """What each user of a page was charged by month."""
        months: Months = defaultdict(int)
        rows = 0
        for owner, row_id, month, total, reported in self._rows.of(page):
            rows += 1
            if owner not in page.people:
                report_orphan(self._job, page, QUOTAS, owner, row_id)
                continue
            self._reported(row_id, reported)
            if self.present:
                micros = self._amount(row_id, total)
                if micros is not None:
                    months[owner, self._month(row_id, month)] += micros
        self._job.watch.step(rows, "months")
        self._job.tally.runs_micros += sum(from_usage.values())
        return months if self.present else from_usage

    def _amount(self, row_id: int | str | None, total: object) -> int | None:
        try:
            return micros_of(total)
        except ValueError as wrong:
            self._job.problem(QUOTAS, row_id, f"total_cost {wrong}", f"total_cost {wrong}; not counted.", left_out=True)
            return None

    def _month(self, row_id: int | str | None, month: object) -> str:
        try:
            first_ms, _ = month_span_ms(month)
        except ValueError as wrong:
            if self._job.source.has(QUOTAS, "month"):
                words = f"month {wrong}; its cost counts as made today."
                self._job.problem(QUOTAS, row_id, f"month {wrong}", words)
            return UNKNOWN_MONTH
        if first_ms > self._job.now_ms:
            words = "Its month lies in the future; its cost counts as made today."
            self._job.problem(QUOTAS, row_id, "month in the future", words)
        return str(month)

    def _reported(self, row_id: int | str | None, reported: object) -> None:
        if reported is None:
            return
        try:
            self._job.tally.reported_micros += micros_of(reported)
        except ValueError as wrong:
            words = f"stripe_reported_amount {wrong}; it is only told, so nothing else changes."
            self._job.problem(QUOTAS, row_id, f"stripe_reported_amount {wrong}", words)


def month_parts(job: Job, months: Months) -> Parts:
    """Charges, each at the end of its month; of the month that has not ended, now."""
    parts: Parts = defaultdict(list)
    for (owner, month), micros in months.items():
        last_ms = job.now_ms if month == UNKNOWN_MONTH else min(month_span_ms(month)[1], job.now_ms)
        parts[owner].append(Part(f"month/{month}", micros, last_ms, f"Brought in: usage of {month}"))
        job.tally.brought.months += 1
        job.tally.charged_micros += micros
    return parts


def credit_part(job: Job, person: Person) -> list[Part]:
    """Prepaid credit, there from the user's first day."""
    if not job.with_credit:
        return []
    job.tally.prepaid_micros += person.prepaid_micros
    return [Part(CREDIT_KEY, -person.prepaid_micros, person.new.created_ms, "Brought in: prepaid credit")]


class Poster:
    """Posts the parts of a page of users."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def posted(self, page: Page) -> Posted:
        """What earlier imports of this file posted about the users of a page."""
        found: Posted = {}
        here = {person.user_id: legacy_id for legacy_id, person in page.people.items() if person.was_here}
        if not here or not self._job.grown:
            return found
        for user_id, kind, source, micros in self._job.known.posted(list(here)):
            name = source.partition("#")[0]
            key = f"{self._job.lineage}/{here[user_id]}/invoice/{name}" if kind == INVOICE_SOURCE else name
            total, count = found.get(key, (0, 0))
            found[key] = total + micros, count + 1
        mine = f"{self._job.lineage}/"
        return {key.removeprefix(mine): sums for key, sums in found.items() if key.startswith(mine)}

    def post(self, page: Page, parts: Mapping[int, Iterable[Part]], posted: Posted) -> None:
        """Post what is new of the parts, in the order in which it took effect, and store what is owed then."""
        job = self._job
        here = [person.user_id for person in page.people.values() if person.was_here]
        balances = job.known.balances(here) if here else {}
        entries: list[JournalEntry] = []
        opened: dict[int, Balance] = {}
        moved: dict[int, Balance] = {}
        for legacy_id, person in page.people.items():
            mine = list(parts.get(legacy_id, ()))
            self._tally(sum(part.micros for part in mine))
            before = balances.get(person.user_id, Balance())
            made, after = self._entries(person, mine, posted, before)
            entries += made
            if not person.was_here:
                opened[person.user_id] = after
            elif made:
                moved[person.user_id] = after
        self._report_gone(page, posted)
        job.sink.add_entries(entries, job.now_ms)
        job.sink.add_balances(opened)
        job.sink.set_balances(moved)
        job.tally.added.entries += len(entries)

    def _tally(self, owes: int) -> None:
        self._job.tally.owed_micros += max(0, owes)
        self._job.tally.credit_micros += max(0, -owes)

    def _entries(
        self, person: Person, parts: list[Part], posted: Posted, balance: Balance
    ) -> tuple[list[JournalEntry], Balance]:
        made = []
        for part in sorted(parts, key=lambda part: (part.effective_ms, part.key)):
            key = f"{person.legacy_id}/{part.key}"
            before, count = posted.pop(key, (0, 0))
            if part.micros == before:
                continue
            number = f"#{count + 1}" if count else ""
            invoice = part.key.removeprefix(INVOICE_KEY) if part.key.startswith(INVOICE_KEY) else ""
            fact = Fact(
                EntryKind.OPENING,
                INVOICE_SOURCE if invoice else IMPORT_SOURCE,
                f"{invoice or f'{self._job.lineage}/{key}'}{number}",
                person.user_id,
                part.micros - before,
                Account.OPENING,
                part.effective_ms,
                f"{part.memo} (changed)" if count else part.memo,
                self._job.operator,
            )
            entry = fact.entry(balance)
            balance = _after(balance, entry)
            made.append(entry)
        return made, balance

    def _report_gone(self, page: Page, posted: Posted) -> None:
        """Parts that earlier versions of the file had; the ledger keeps them."""
        for key, (micros, _) in posted.items():
            legacy_id, _, name = key.partition("/")
            table = "users" if name == CREDIT_KEY else QUOTAS if name.startswith("month/") else "stripe_invoices"
            if micros and int(legacy_id) in page.people and (name != CREDIT_KEY or self._job.with_credit):
                words = f"What was brought in earlier as {name} is not in the file any more; the ledger keeps it."
                self._job.problem(table, int(legacy_id), "no longer in the file", words)


def _after(balance: Balance, entry: JournalEntry) -> Balance:
    receivable, credit = balance.receivable_micros, balance.credit_micros
    for posting in entry.postings:
        if posting.account is Account.RECEIVABLE:
            receivable += posting.micros
        elif posting.account is Account.CUSTOMER_CREDIT:
            credit += posting.micros
    return Balance(receivable, credit, balance.version + 1)
