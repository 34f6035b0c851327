"""Balances: the receivables by age, with links for whoever is chosen."""

from typing import ClassVar

from PySide6.QtCore import QDate, QDateTime, QTimer, QTimeZone
from PySide6.QtWidgets import QDateEdit, QPlainTextEdit, QStackedWidget

from bioql_console.domain.ageing import BUCKETS, AgedBalance, Ageing
from bioql_console.domain.live_writes import LivePlan
from bioql_console.domain.plain_text import in_line
from bioql_console.domain.rights import Role
from bioql_console.services.live_plans import links_plan
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.pages.arming import in_live
from bioql_console.ui.pages.page import Page, toolbar
from bioql_console.ui.viewmodels.balances import MOST_LINKS, BalancesViewModel, LinkResult, end_of_utc_day_ms
from bioql_console.ui.widgets.buttons import CopyButton, button
from bioql_console.ui.widgets.cards import Card, EmptyState
from bioql_console.ui.widgets.charts import ShareBar
from bioql_console.ui.widgets.dialogs import Asked, PlanDialog
from bioql_console.ui.widgets.fields import SearchField
from bioql_console.ui.widgets.files import ask_where
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

ADDING_UP = "Adding up…"
NOTICED_MS = 300


class BalancesPage(Page):
    """Ageing table with totals, chart, selection sum, links and export."""

    name: ClassVar[str] = "balances"
    title: ClassVar[str] = "Balances"

    def __init__(self) -> None:
        super().__init__()
        self.search = SearchField("Customer", "Search balances")
        self.as_of = QDateEdit()
        self.as_of.setCalendarPopup(True)
        self.as_of.setDisplayFormat("d MMM yyyy")
        self.as_of.setAccessibleName("As of, end of this UTC day")
        today = QDateTime.currentDateTimeUtc().date()
        self.as_of.setDate(today)
        self.as_of.setMaximumDate(today)
        self.now = button("Now", self._follow_clock, "quiet")
        self.links = button("Checkout links…", self._ask_for_links, "primary", needs=Role.OPERATOR)
        self.export = button("Export CSV…", self._ask_for_export)
        self.stop = button("Stop", self._stop)
        self.stop.hide()
        self._locked = False
        self._noticed = QTimer(self)
        self._noticed.setSingleShot(True)
        self._noticed.setInterval(NOTICED_MS)
        self._noticed.timeout.connect(self._say_adding_up)
        bar = toolbar(self.search, PlainLabel("As of", "muted"), self.as_of, self.now, None)
        for widget in (self.stop, self.export, self.links):
            bar.addWidget(widget)
        self.body.addLayout(bar)
        chart = Card()
        self.chart = ShareBar("Balances by age")
        chart.body.addWidget(self.chart)
        self.body.addWidget(chart)
        self.table = DataTable("Balances", many=True)
        self.settled = EmptyState("Nothing is owed", "Every balance is settled as of this day.")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.settled)
        self.body.addWidget(self.stack, 1)
        self.totals = PlainLabel("", "title")
        self.selection = PlainLabel("", "muted")
        self.body.addLayout(toolbar(self.totals, None, self.selection))

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._balances = BalancesViewModel(workspace)
        self.adopt(model)
        self.table.show_table(model.table)
        self.table.recall(workspace.memory)
        self.table.show_order("total", True)
        self.table.sort_asked.connect(model.sort)
        self.table.sort_asked.connect(self.table.show_order)
        self.table.opened.connect(lambda row: workspace.page_asked.emit("users", row.user_id))
        self.table.selectionModel().selectionChanged.connect(self._show_selection)
        model.table.modelReset.connect(self._show_selection)
        self.search.searched.connect(model.search)
        self.as_of.dateChanged.connect(self._choose_day)
        model.totals_known.connect(self._show_totals)
        model.busy_changed.connect(self._lock)
        model.progressed.connect(self._show_progress)
        model.adding_up.connect(self._show_adding_up)
        model.links_made.connect(self._show_links)

    def focus_search(self) -> None:
        self.search.setFocus()

    def _choose_day(self, day: QDate) -> None:
        today = QDateTime.currentDateTime(QTimeZone.utc()).date()
        chosen = None if day >= today else end_of_utc_day_ms(day.year(), day.month(), day.day())
        self._balances.show_as_of(chosen)

    def _follow_clock(self) -> None:
        self.as_of.setDate(self.as_of.maximumDate())

    def _show_totals(self, found: Ageing) -> None:
        sums, listed = found.sums_micros, len(found.rows)
        parts = [(label, size, formats.dollars(size)) for label, size in zip(BUCKETS, sums, strict=True)]
        self.chart.show_parts(parts)
        owing = formats.plural(found.customers, "customer owes", "customers owe")
        self.count.setText(owing if listed == found.customers else f"{owing}; the first {formats.count(listed)} shown")
        said = "   ".join(f"{label} {amount}" for label, _, amount in parts)
        self.totals.setText(f"Total {formats.dollars(sum(sums))}     {said}")
        self.stack.setCurrentWidget(self.table if listed else self.settled)

    def _show_adding_up(self, running: bool) -> None:
        """Said only where it takes long enough to be noticed."""
        if running:
            self._noticed.start()
        else:
            self._noticed.stop()
            self.stop.setVisible(self._locked)
            if self.fresh.text() == ADDING_UP:
                self.fresh.setText("")

    def _say_adding_up(self) -> None:
        self.fresh.setText(ADDING_UP)
        self.stop.show()

    def _show_selection(self) -> None:
        rows = self.table.selected_rows()
        total = sum(row.total_micros for row in rows)
        self.selection.setText(f"{formats.count(len(rows))} selected: {formats.dollars(total)}" if rows else "")
        self.links.setEnabled(bool(rows))

    def _lock(self, busy: bool) -> None:
        self.links.setDisabled(busy or not self.table.selected_rows())
        self.export.setDisabled(busy)
        self._locked = busy
        self.stop.setVisible(busy)

    def _stop(self) -> None:
        if self._locked:
            self._balances.cancel()
        else:
            self._balances.stop_adding_up()

    def _show_progress(self, done: int, whole: int) -> None:
        self.fresh.setText(f"{formats.count(done)} of {formats.count(whole)} links" if done < whole else "")

    def _ask_for_links(self) -> None:
        rows = self.table.selected_rows()
        if rows and self.model is not None:
            self._balances.act(self._make_links, rows)

    async def _make_links(self, rows: list[AgedBalance]) -> None:
        able = [row for row in rows if row.has_customer][:MOST_LINKS]
        environment = self._workspace.console.environment.word
        plan = [
            ("Links", formats.count(len(able))),
            ("Sum", formats.dollars(sum(row.total_micros for row in able))),
            ("Left out", f"{formats.count(len(rows) - len(able))} without a Stripe customer, or above {MOST_LINKS}"),
            ("Environment", environment),
        ]
        warning = "An open link of the same customer is closed first: one open link per balance."

        async def ask() -> bool:
            return await PlanDialog(self, "Checkout links", environment, "Make links", plan, warning).ask()

        def look(work: Work) -> LivePlan:
            return links_plan(work, [(row.user_id, None) for row in able])

        await in_live(self, self._workspace, look, self._balances.make_links, able, ask=ask)

    def _show_links(self, results: list[LinkResult]) -> None:
        environment = self._workspace.console.environment.word
        made = [result for result in results if result.url]
        dialog = Asked(self, f"{len(made)} of {len(results)} links made", environment, "Done", cancel="")
        text = "\n".join(f"{in_line(result.name)}\t{result.url or result.problem}" for result in results)
        shown = QPlainTextEdit(text)
        shown.setReadOnly(True)
        shown.setAccessibleName("Links")
        shown.setMinimumSize(640, 240)
        dialog.body.addWidget(shown)
        dialog.buttons.insertWidget(0, CopyButton("Copy all", lambda: text, "the links"))
        dialog.finished.connect(lambda _result: dialog.deleteLater())
        dialog.open()

    def _ask_for_export(self) -> None:
        if self.model is not None:
            self._balances.act(self._export)

    async def _export(self) -> None:
        environment = self._workspace.console.environment.value
        name = f"balances-{environment}-{formats.iso_day(self._balances.as_of_ms)}.csv"
        path = await ask_where(self, "Export balances", name, "CSV (*.csv)")
        if path is not None:
            await self._balances.export(path)
