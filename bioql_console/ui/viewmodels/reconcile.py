"""The Reconcile page: comparing, what was found, mending it."""

from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.reconciliation import Difference, Period, Reconciled
from bioql_console.services.reconciliation.export import export_reconciliation
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.long_work import LongWork
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

MENDED = "Mended"


def cents(amount: int | None) -> str:
    """An amount of one side; a dash where it says nothing."""
    return "—" if amount is None else formats.dollars(amount * MICROS_PER_CENT)


def cash_of(rows: list[Difference]) -> str:
    """What differences come to in cash; those about something else have no sum."""
    return signed_cents(sum(row.off_cents for row in rows if row.kind.value.cash))


def signed_cents(amount: int) -> str:
    return formats.signed_dollars(amount * MICROS_PER_CENT) if amount else "—"


def _plain(amount: int | None) -> str:
    return "" if amount is None else formats.plain_amount(amount * MICROS_PER_CENT)


def _side(title: str, name: str, width: int = 108) -> Column:
    return Column(
        title,
        lambda row: cents(getattr(row, name)),
        Look.NUMBER,
        plain=lambda row: _plain(getattr(row, name)),
        width=width,
    )


DAYS = (
    Column("UTC day", lambda day: day.day, width=108),
    _side("Books", "ledger_cents"),
    _side("Stripe", "stripe_cents"),
    Column(
        "Stripe − books",
        lambda day: signed_cents(day.off_cents),
        Look.NUMBER,
        plain=lambda day: _plain(day.off_cents),
        tone=lambda day: "bad" if day.named_cents or day.rest_cents else None,
        width=124,
    ),
    Column("Timing", lambda day: signed_cents(day.timing_cents), Look.NUMBER, width=108),
    Column("On its way", lambda day: signed_cents(day.on_its_way_cents), Look.NUMBER, width=108),
    Column("Named", lambda day: signed_cents(day.named_cents), Look.NUMBER, width=108),
    Column(
        "Unexplained",
        lambda day: signed_cents(day.rest_cents),
        Look.NUMBER,
        tone=lambda day: "bad" if day.rest_cents else None,
        width=112,
    ),
    Column("", lambda _day: "", width=0),
)
CUSTOMERS = (
    Column("Customer", lambda row: row.name or "none of our users", width=0),
    _side("Books", "ledger_cents"),
    _side("Stripe", "stripe_cents"),
    Column("Stripe − books", lambda row: signed_cents(row.off_cents), Look.NUMBER, width=124),
    Column("Named", lambda row: signed_cents(row.named_cents), Look.NUMBER, width=108),
)
ON_ITS_WAY = (
    Column("UTC day", lambda row: row.day, Look.MUTED, width=108),
    Column("What", lambda row: row.what, width=280),
    Column("Why it is no difference yet", lambda row: row.why, Look.MUTED, width=0),
)
ACCEPTED = (
    Column("UTC day", lambda row: row[0].day, Look.MUTED, width=108),
    Column("What", lambda row: row[0].kind.value.title, width=260),
    Column("Id", lambda row: row[0].stripe_id, Look.MONO, width=180, optional=True),
    Column("Stripe − books", lambda row: signed_cents(row[0].off_cents), Look.NUMBER, width=124),
    Column("Remark", lambda row: row[1], width=0),
)


class ReconcileViewModel(ViewModel):
    """Signals: `progressed` with 0–1 and words, from any thread; `found` with a Reconciled, or None before the first;
    `known` with words about the last run there was; `running_changed` while it compares; `chosen_changed` after a
    repair, when rows are mended."""

    progressed = Signal(float, str)
    found = Signal(object)
    known = Signal(str)
    running_changed = Signal(bool)
    topics: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.result: Reconciled | None = None
        self.mended: dict[str, str] = {}
        self.kind: Kind | None = None
        columns = (
            Column("UTC day", lambda row: row.day, Look.MUTED, width=104),
            Column("What", lambda row: row.kind.value.title, width=0),
            Column("Customer", lambda row: row.user_name or "—", width=104, optional=True),
            _side("Books", "ledger_cents", 84),
            _side("Stripe", "stripe_cents", 84),
            Column("State", self._state, Look.PILL, tone=self._tone, width=82),
        )
        self.differences = RowTable(columns, identity=lambda row: row.key)
        self.days = RowTable(DAYS, identity=lambda day: day.day)
        self.customers = RowTable(CUSTOMERS, identity=lambda row: row.user_id)
        self.on_its_way = RowTable(ON_ITS_WAY)
        self.accepted = RowTable(ACCEPTED, identity=lambda row: row[0].key)
        self._work = LongWork("reconcile", self.progressed.emit)

    def _state(self, row: Difference) -> str:
        return self.mended.get(row.key) or ("Repair" if row.can_be_repaired else "By hand")

    def _tone(self, row: Difference) -> str:
        return "ok" if row.key in self.mended else "bad" if row.can_be_repaired else "warn"

    async def _load(self) -> None:
        reconciliation = self.console.reconciliation
        if reconciliation.last is not None and reconciliation.last is not self.result:
            self._show(reconciliation.last)
        elif self.result is None:
            last = await self.console.workers.database.run(reconciliation.last_recorded)
            if last is not None:
                ago = formats.ago(last.at_ms, self.workspace.now_ms())
                self.known.emit(f"Last compared {ago} by {last.operator}: {last.after}.")
        self.loaded()

    def _show(self, found: Reconciled) -> None:
        self.result, self.mended = found, {}
        self.days.show_rows(found.days[::-1])
        self.customers.show_rows(found.customers)
        self.on_its_way.show_rows(found.on_its_way)
        self.accepted.show_rows(found.accepted)
        if self.kind not in found.counts:
            self.kind = None
        self._filter()
        self.found.emit(found)

    def show_kind(self, kind: Kind | None) -> None:
        """Only differences of one kind; None for all."""
        self.kind = kind
        self._filter()

    def _filter(self) -> None:
        rows = [row for row in self.result.differences if self.kind in (None, row.kind)] if self.result else []
        order = list(Kind)
        self.differences.show_rows(sorted(rows, key=lambda row: (order.index(row.kind), row.day, row.stripe_id)))

    # --- what finance does, each by way of `act`

    def cancel(self) -> None:
        """End what is under way after the answer in hand; what is mended stays so."""
        self._work.stop()
        self.progressed.emit(1.0, "Stopping")

    async def run(self, period: Period | None) -> None:
        """Compare; None for the usual period."""
        stop = self._work.begin()
        operator = self.console.operator

        def work() -> Reconciled:
            return self.console.reconciliation.run(period, self._work.progress, stop.is_set, operator)

        self.running_changed.emit(True)
        try:
            self._show(await self._work.run(work))
            self.loaded()
        except OperatorError as error:
            if not stop.is_set():
                raise
            self.workspace.toasted.emit(error.what)
        finally:
            self.running_changed.emit(False)

    async def mend(self, rows: list[Difference], remark: str) -> None:
        """Repair these one after the other; the first that can't be repaired ends it with the reason."""
        repairs, operator = self.console.repairs, self.console.operator
        stop, done, mended = self._work.begin(), "", 0
        self.running_changed.emit(True)
        try:
            for row in rows:
                if stop.is_set():
                    break
                self.progressed.emit(mended / len(rows), f"Mending {mended + 1} of {len(rows)}")
                done = await self.console.workers.stripe.run(repairs.repair, row, remark, operator)
                self._mark(row, MENDED)
                mended += 1
        finally:
            self.running_changed.emit(False)
        words = done if mended == 1 else f"{formats.plural(mended, 'difference', 'differences')} mended"
        self.workspace.toasted.emit(words)

    async def accept(self, rows: list[Difference], remark: str) -> None:
        """Let these stand."""
        repairs, operator = self.console.repairs, self.console.operator
        for row in rows:
            await self.console.workers.database.run(repairs.accept, row, remark, operator)
            self._mark(row, "Accepted")
        self.workspace.toasted.emit(f"{formats.plural(len(rows), 'difference', 'differences')} accepted")

    def _mark(self, row: Difference, state: str) -> None:
        self.mended[row.key] = state
        self._filter()

    async def export(self, path: Path) -> None:
        """The last result as CSV."""
        assert self.result is not None
        number = await self.console.workers.database.run(export_reconciliation, self.result, path)
        self.workspace.toasted.emit(f"{formats.plural(number, 'difference', 'differences')} written to {path.name}")

    def close(self) -> None:
        super().close()
        self._work.close()
