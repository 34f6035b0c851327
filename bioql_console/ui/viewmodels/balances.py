"""The Balances page: who owes how much for how long, as of a day."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.ageing import BUCKETS, DAY_MS, AgedBalance, AgeingQuery, Cancelled
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import cents_half_up
from bioql_console.services.csv_export import write_csv
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.users import open_link
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

HEADER = ("user_id", "customer", *BUCKETS, "total")
# Stripe's page lives a day at most, and a link more than this at once is a mistake more often than a wish.
MOST_LINKS = 200


@dataclass(frozen=True, slots=True)
class LinkResult:
    """What came of one link in a bulk run: its address, or why there is none."""

    name: str
    url: str
    problem: str


def _bucket(number: int) -> Column:
    return Column(
        BUCKETS[number],
        lambda row: formats.dollars_or_dash(row.buckets_micros[number]),
        Look.NUMBER,
        plain=lambda row: formats.plain_amount(row.buckets_micros[number]),
        tone=(lambda row: "bad" if row.buckets_micros[number] else None) if number >= 3 else None,
        sort=f"bucket{number}",
        width=96,
    )


COLUMNS = (
    Column("Customer", lambda row: row.name, sort="name", width=0),
    *(_bucket(number) for number in range(len(BUCKETS))),
    Column(
        "Total",
        lambda row: formats.dollars(row.total_micros),
        Look.NUMBER,
        plain=lambda row: formats.plain_amount(row.total_micros),
        sort="total",
        width=104,
    ),
    Column("Link", lambda row: _link_state(row), Look.PILL, tone=lambda row: _link_tone(row), width=104),
)


def _link_state(row: AgedBalance) -> str:
    if not row.has_customer:
        return "no customer"
    return "open" if row.link_expires_ms else ""


def _link_tone(row: AgedBalance) -> str:
    return "info" if row.has_customer else "warn"


class BalancesViewModel(ViewModel):
    """Signals: `totals_known` with an Ageing, `adding_up` while it is worked out, `links_made` with LinkResults."""

    totals_known = Signal(object)
    adding_up = Signal(bool)
    links_made = Signal(object)
    progressed = Signal(int, int)
    topics: ClassVar[frozenset[str]] = frozenset(("balances", "users", "checkouts"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.table = RowTable(COLUMNS, identity=lambda row: row.user_id)
        self._as_of_ms: int | None = None
        self._sort, self._descending = "total", True
        self._text = ""
        self._cancelled = False
        self._wanted = threading.Event()

    @property
    def as_of_ms(self) -> int:
        """The moment shown: the end of the chosen day, or now."""
        return self._as_of_ms or self.workspace.now_ms()

    def show_as_of(self, end_of_day_ms: int | None) -> None:
        """Another day; None follows the clock."""
        self._as_of_ms = end_of_day_ms
        self.refresh()

    def sort(self, by: str, descending: bool) -> None:
        self._sort, self._descending = by, descending
        self.refresh()

    def search(self, text: str) -> None:
        self._text = text
        self.refresh()

    @property
    def query(self) -> AgeingQuery:
        return AgeingQuery(self._sort, self._descending, self._text)

    async def _load(self) -> None:
        """The database adds up and sorts; a million debtors take seconds, and nobody waits for an older question."""
        self._wanted.clear()
        self._wanted = wanted = threading.Event()
        wanted.set()
        as_of, terms, query = self.as_of_ms, self.console.settings().payment_terms_days, self.query
        self.adding_up.emit(True)
        try:
            found = await self.read(
                lambda work: work.receivables.ageing(as_of, terms, query, lambda: not wanted.is_set())
            )
        except Cancelled:
            return
        finally:
            if self._wanted is wanted:
                self.adding_up.emit(False)
        self.table.show_rows(found.rows)
        self.totals_known.emit(found)
        self.loaded()

    def stop_adding_up(self) -> None:
        """Leave what is shown as it is; a server's answer is dropped when it comes."""
        self._wanted.clear()
        self._loading.start(self._leave)

    async def _leave(self) -> None:
        self.adding_up.emit(False)

    def close(self) -> None:
        self._wanted.clear()
        super().close()

    # --- what finance does, each by way of `act`

    def cancel(self) -> None:
        """Stop a bulk run after the link in hand."""
        self._cancelled = True

    async def make_links(self, rows: list[AgedBalance]) -> None:
        """A link for each, one after the other; one that fails does not stop the rest."""
        self._cancelled = False
        results: list[LinkResult] = []
        for number, row in enumerate(rows):
            self.progressed.emit(number, len(rows))
            if self._cancelled:
                results.append(LinkResult(row.name, "", "Not made: stopped."))
                continue
            try:
                link = await open_link(self, row.user_id, row.name)
                results.append(LinkResult(row.name, link.url, ""))
            except OperatorError as error:
                results.append(LinkResult(row.name, "", error.what))
        self.progressed.emit(len(rows), len(rows))
        self.links_made.emit(results)

    async def export(self, path: Path) -> None:
        """Everybody who fits the search, as CSV with its totals; dollars with every digit that is in the books."""
        as_of, terms, query = self.as_of_ms, self.console.settings().payment_terms_days, self.query
        environment = self.console.environment.word
        last: list[str | int] = ["", f"{environment} · as of {formats.iso(as_of)} · USD"]

        def write() -> int:
            with self.console.store.read() as work:
                return write_csv(path, HEADER, _lines(work.receivables.each_aged(as_of, terms, query), last))

        written = await self.console.workers.database.run(write)
        self.workspace.toasted.emit(f"{formats.plural(written - 2, 'row', 'rows')} written to {path.name}")


def _lines(aged: Iterable[AgedBalance], last: list[str | int]) -> Iterator[list[str | int]]:
    """One at a time, so that a million take no more memory than ten; the sums are those of what is written."""
    sums, total = [0] * len(BUCKETS), 0
    for row in aged:
        yield [row.user_id, row.name, *(formats.plain_amount(each) for each in row.buckets_micros), _amount(row)]
        sums = [sum_ + cents_half_up(each) for sum_, each in zip(sums, row.buckets_micros, strict=True)]
        total += cents_half_up(row.total_micros)
    yield ["", "Total", *(formats.plain_amount(each * 10_000) for each in sums), formats.plain_amount(total * 10_000)]
    yield last


def _amount(row: AgedBalance) -> str:
    return formats.plain_amount(row.total_micros)


def end_of_utc_day_ms(year: int, month: int, day: int) -> int:
    """The last millisecond of a UTC day."""
    from datetime import UTC, datetime

    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000) + DAY_MS - 1
