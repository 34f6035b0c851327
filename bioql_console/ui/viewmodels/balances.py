"""The Balances page: who owes how much for how long, as of a day."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.ageing import BUCKETS, DAY_MS, AgedBalance
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import cents_half_up
from bioql_console.services.csv_export import write_csv
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.users import open_link
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

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
    """Signals: `totals_known` with the five sums in micros, `links_made` with LinkResults."""

    totals_known = Signal(object)
    links_made = Signal(object)
    progressed = Signal(int, int)
    topics: ClassVar[frozenset[str]] = frozenset(("balances", "users", "checkouts"))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.table = RowTable(COLUMNS, identity=lambda row: row.user_id)
        self._rows: list[AgedBalance] = []
        self._as_of_ms: int | None = None
        self._sort, self._descending = "total", True
        self._text = ""
        self._cancelled = False

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
        self._show()

    def search(self, text: str) -> None:
        self._text = text.casefold()
        self._show()

    async def _load(self) -> None:
        as_of, terms = self.as_of_ms, self.console.settings().payment_terms_days
        self._rows = await self.read(lambda work: work.receivables.ageing(as_of, terms))
        self._show()
        self.loaded()

    def _show(self) -> None:
        shown = [row for row in self._rows if self._text in row.name.casefold()]
        shown.sort(key=self._key, reverse=self._descending)
        self.table.show_rows(shown)
        sums = [sum(row.buckets_micros[number] for row in shown) for number in range(len(BUCKETS))]
        self.totals_known.emit(sums)

    def _key(self, row: AgedBalance) -> tuple[object, int]:
        if self._sort == "name":
            return row.name.casefold(), row.user_id
        if self._sort == "total":
            return row.total_micros, row.user_id
        return row.buckets_micros[int(self._sort.removeprefix("bucket"))], row.user_id

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
        """What is shown, as CSV with its totals; dollars with every digit that is on the ledger in cents."""
        rows = list(self.table.rows)
        as_of = formats.iso(self.as_of_ms)
        environment = self.console.environment.word

        def lines() -> list[list[str | int]]:
            found: list[list[str | int]] = [
                [row.user_id, row.name, *(formats.plain_amount(each) for each in row.buckets_micros), _amount(row)]
                for row in rows
            ]
            sums = [sum(cents_half_up(row.buckets_micros[n]) for row in rows) * 10_000 for n in range(len(BUCKETS))]
            total = sum(cents_half_up(row.total_micros) for row in rows) * 10_000
            found.append(["", "Total", *(formats.plain_amount(each) for each in sums), formats.plain_amount(total)])
            found.append(["", f"{environment} · as of {as_of} · USD"])
            return found

        header = ["user_id", "customer", *BUCKETS, "total"]
        await self.console.workers.database.run(write_csv, path, header, lines())
        self.workspace.toasted.emit(f"{formats.plural(len(rows), 'row', 'rows')} written to {path.name}")


def _amount(row: AgedBalance) -> str:
    return formats.plain_amount(row.total_micros)


def end_of_utc_day_ms(year: int, month: int, day: int) -> int:
    """The last millisecond of a UTC day."""
    from datetime import UTC, datetime

    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000) + DAY_MS - 1
