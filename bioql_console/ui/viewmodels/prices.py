"""Prices with their history, and what each plan allows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.plans import PlanLimits
from bioql_console.domain.prices import Price, PriceRecord
from bioql_console.domain.users import Plan
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

IN_FORCE, PLANNED, PAST = "in force", "planned", "past"
TONES = {IN_FORCE: "ok", PLANNED: "info", PAST: "unknown"}


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A price and where its time stands."""

    record: PriceRecord
    state: str

    @property
    def price(self) -> Price:
        return self.record.price


def price_rows(history: Sequence[PriceRecord], now_ms: int, *, past: bool) -> list[PriceRow]:
    """By backend, planned prices before the one in force before those it replaced."""
    rows: list[PriceRow] = []
    in_force: set[str] = set()
    for record in sorted(history, key=lambda each: (each.price.pattern, -each.price.effective_ms)):
        pattern = record.price.pattern
        if record.price.effective_ms > now_ms:
            rows.append(PriceRow(record, PLANNED))
        elif pattern not in in_force:
            in_force.add(pattern)
            rows.append(PriceRow(record, IN_FORCE))
        elif past:
            rows.append(PriceRow(record, PAST))
    return rows


def from_words(price: Price) -> str:
    """From when a price counts."""
    return formats.moment_utc(price.effective_ms) if price.effective_ms else "the beginning"


def shots_words(limits: PlanLimits) -> str:
    return "unlimited" if limits.monthly_shots is None else formats.count(limits.monthly_shots)


PRICES = (
    Column("Backend", lambda row: row.price.pattern, Look.MONO, width=132),
    Column("A shot", lambda row: formats.exact_dollars(row.price.micros_per_shot), Look.NUMBER, width=92),
    Column("From", lambda row: from_words(row.price), width=184),
    Column("State", lambda row: row.state, Look.PILL, tone=lambda row: TONES[row.state], width=84),
    Column("Set by", lambda row: row.record.operator, Look.MUTED, width=84, optional=True),
    Column("Why", lambda row: row.record.reason, Look.MUTED, width=0),
)
PLANS = (
    Column("Plan", lambda limits: limits.plan.value, width=100),
    Column("Shots a month", shots_words, Look.NUMBER, width=136),
    Column("Backends", lambda limits: ", ".join(limits.backends), Look.MONO, width=0),
)


class PricesViewModel(ViewModel):
    """Signals: `shown` when prices and plans were read."""

    shown = Signal()
    topics: ClassVar[frozenset[str]] = frozenset(("tariff",))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.prices = RowTable(PRICES, lambda row: row.price)
        self.plans = RowTable(PLANS, lambda limits: limits.plan)
        self._past = False
        self._history: list[PriceRecord] = []

    def show_past(self, on: bool) -> None:
        """Whether prices that were replaced are listed too."""
        self._past = on
        self._fill()

    async def _load(self) -> None:
        def look(work: Work) -> tuple[list[PriceRecord], list[PlanLimits]]:
            return work.tariff.history(), [work.tariff.limits(plan) for plan in Plan]

        self._history, plans = await self.read(look)
        self._fill()
        self.plans.show_rows(plans)
        self.shown.emit()
        self.loaded()

    def _fill(self) -> None:
        self.prices.show_rows(price_rows(self._history, self.workspace.now_ms(), past=self._past))

    # --- what an operator does, each by way of `act`

    def versions(self) -> Counter[str]:
        """How many prices of each backend were set, as far as is known here."""
        return Counter(record.price.pattern for record in self._history)

    async def set_price(self, pattern: str, micros: int, effective_ms: int | None, reason: str, version: int) -> None:
        price = await self.console.workers.database.run(
            self.console.tariff.set_price, pattern, micros, effective_ms, self.console.operator, reason, version
        )
        self.workspace.toasted.emit(f"{price.pattern} costs {formats.exact_dollars(micros)} from {from_words(price)}")

    async def set_limits(self, limits: PlanLimits, reason: str, version: int) -> None:
        console = self.console
        await console.workers.database.run(console.tariff.set_limits, limits, console.operator, reason, version)
        self.workspace.toasted.emit(f"The {limits.plan.value} plan is changed")
