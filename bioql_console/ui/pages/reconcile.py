"""Reconcile: the books beside Stripe, every difference named, with what mends it."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, ClassVar

from PySide6.QtCore import QDate, QDateTime, QSignalBlocker, Qt, Slot
from PySide6.QtWidgets import QComboBox, QDateEdit, QSplitter, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from bioql_console.domain.reconciliation import Difference, Period, Reconciled, utc_day
from bioql_console.services.reconciliation.live_mending import mend_plan
from bioql_console.ui import formats
from bioql_console.ui.pages.arming import in_live
from bioql_console.ui.pages.page import Page, toolbar
from bioql_console.ui.pages.reconcile_panel import DifferencePanel, RemarkDialog
from bioql_console.ui.viewmodels.reconcile import ReconcileViewModel, cash_of, cents, signed_cents
from bioql_console.ui.widgets.buttons import Toggle, button
from bioql_console.ui.widgets.cards import Card, EmptyState
from bioql_console.ui.widgets.files import ask_where
from bioql_console.ui.widgets.labels import PlainLabel, StatePill
from bioql_console.ui.widgets.progress import Progress
from bioql_console.ui.widgets.table_or_words import TableOrWords
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

NOT_YET = "It compares every payment, refund, dispute, invoice, balance and metered day with Stripe, and only reads."
Work = Callable[[list[Difference], str], Awaitable[None]]


class ReconcilePage(Page):
    """Period, verdict, and the tables behind it."""

    name: ClassVar[str] = "reconcile"
    title: ClassVar[str] = "Reconcile"

    def __init__(self) -> None:
        super().__init__()
        self._add_bar()
        self._add_verdict()
        self.progress = Progress("Progress of the reconciliation")
        self.progress.hide()
        self.body.addWidget(self.progress)
        self.tabs = QTabWidget()
        self.body.addWidget(self.tabs, 1)
        self._add_differences()
        self.days, self.customers = DataTable("Totals by day"), DataTable("Totals by customer")
        self.on_its_way, self.accepted = DataTable("On its way"), DataTable("Accepted differences")
        self._others = (
            (self.days, TableOrWords(self.days, "No cash moved at Stripe in this period."), "Days"),
            (self.customers, TableOrWords(self.customers, "Every customer's totals agree."), "Customers"),
            (self.on_its_way, TableOrWords(self.on_its_way, "Nothing is on its way."), "On its way"),
            (self.accepted, TableOrWords(self.accepted, "Nothing was accepted."), "Accepted"),
        )
        for _, place, title in self._others:
            self.tabs.addTab(place, title)

    def _add_bar(self) -> None:
        today = QDateTime.currentDateTimeUtc().date()
        self.first, self.last = QDateEdit(), QDateEdit()
        for edit, name in ((self.first, "First UTC day"), (self.last, "Last UTC day")):
            edit.setCalendarPopup(True)
            edit.setDisplayFormat("d MMM yyyy")
            edit.setAccessibleName(name)
            edit.setDate(today)
        self.until_now = Toggle("Until now")
        self.until_now.setChecked(True)
        self.last.setDisabled(True)
        self.until_now.clicked.connect(self.last.setDisabled)
        self.run = button("Reconcile", self._run, "primary")
        self.stop = button("Stop", lambda: self._reconcile.cancel())
        self.stop.hide()
        self.export = button("Export CSV…", lambda: self._reconcile.act(self._export))
        self.export.setDisabled(True)
        bar = toolbar(PlainLabel("UTC days from", "muted"), self.first, PlainLabel("to", "muted"), self.last)
        for widget in (self.until_now, None, self.stop, self.export, self.run):
            bar.addStretch(1) if widget is None else bar.addWidget(widget)
        self.body.addLayout(bar)

    def _add_verdict(self) -> None:
        card = Card()
        self.state = StatePill("Not compared yet")
        self.words = PlainLabel("Choose a period, then reconcile.").wrapped().selectable()
        self.sums = PlainLabel("", "muted").wrapped().selectable()
        self.sums.hide()
        row = toolbar(self.state)
        row.addWidget(self.words, 1)
        card.body.addLayout(row)
        card.body.addWidget(self.sums)
        self.body.addWidget(card)

    def _add_differences(self) -> None:
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 10, 0, 0)
        column.setSpacing(8)
        self.kinds = QComboBox()
        self.kinds.setAccessibleName("Kind of difference")
        self.kinds.setMinimumWidth(280)
        self.kinds.addItem("All kinds", None)
        self.selection = PlainLabel("", "muted")
        column.addLayout(toolbar(self.kinds, None, self.selection))
        self.table = DataTable("Differences", many=True)
        self.none = EmptyState("Not compared yet", NOT_YET)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.none)
        self.stack.addWidget(self.table)
        column.addWidget(self.stack, 1)
        self.panel = DifferencePanel()
        beside = QWidget()
        room = QVBoxLayout(beside)
        room.setContentsMargins(8, 10, 0, 0)
        room.addWidget(self.panel)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(side)
        splitter.addWidget(beside)
        splitter.setStretchFactor(0, 1)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([748, 300])
        self.tabs.addTab(splitter, "Differences")

    # --- life

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._reconcile = ReconcileViewModel(workspace)
        self.adopt(model)
        tables = (model.days, model.customers, model.on_its_way, model.accepted)
        for (_, place, _), table in zip(self._others, tables, strict=True):
            place.show_table(table)
        self.table.show_table(model.differences)
        self.table.recall(workspace.memory)
        self.table.selected.connect(lambda row: self._show_difference(row))
        self.table.selectionModel().selectionChanged.connect(lambda _on, _off: self._show_selection())
        self.kinds.activated.connect(lambda _number: model.show_kind(self.kinds.currentData()))
        model.differences.modelReset.connect(self._rows_changed)
        model.differences.dataChanged.connect(lambda *_: self._rows_changed())
        # Methods, not lambdas: progress is told from another thread and must be shown on the window's.
        model.progressed.connect(self._show_progress)
        model.found.connect(self._show_result)
        model.known.connect(self.words.setText)
        model.running_changed.connect(self._show_running)
        model.busy_changed.connect(self._lock)
        self.panel.repair.clicked.connect(lambda: model.act(self._ask_repair))
        self.panel.accept.clicked.connect(lambda: model.act(self._ask_accept))
        self.panel.copy.copied.connect(workspace.toasted)
        self.panel.user.clicked.connect(self._show_user)
        self.customers.opened.connect(lambda row: self._open_user(row.user_id))
        model.act(self._show_usual_period)

    async def _show_usual_period(self) -> None:
        reconciliation = self._workspace.console.reconciliation
        usual = await self._workspace.console.workers.database.run(reconciliation.default_period)
        self.first.setDate(QDate.fromString(utc_day(usual.from_ms), Qt.DateFormat.ISODate))

    def show_argument(self, argument: Any) -> None:
        if argument == "run":
            self._run()

    def _run(self) -> None:
        if self.model is not None:
            self._reconcile.act(self._compare)

    async def _compare(self) -> None:
        first, last = (edit.date().toPython() for edit in (self.first, self.last))
        assert isinstance(first, date)
        assert isinstance(last, date)
        await self._reconcile.run(Period.of_days(first, None if self.until_now.isChecked() else max(first, last)))

    def _show_running(self, running: bool) -> None:
        self.progress.setVisible(running)
        self.stop.setVisible(running)
        self.run.setVisible(not running)
        self.progress.show_progress(0, "Asking Stripe…")

    @Slot(float, str)
    def _show_progress(self, fraction: float, words: str) -> None:
        self.progress.show_progress(fraction, f"{words}…")

    def _lock(self, busy: bool) -> None:
        for each in (self.panel.repair, self.panel.accept, self.run):
            each.setDisabled(busy)
        self.export.setDisabled(busy or self._reconcile.result is None)

    # --- what was found

    @Slot(object)
    def _show_result(self, found: Reconciled) -> None:
        number, total = sum(found.counts.values()), found.total
        if found.ok:
            self.state.show_state("They agree", "ok")
        else:
            self.state.show_state(formats.plural(number, "difference", "differences"), "bad")
        self.words.setText(
            f"Books {cents(total.ledger_cents)} · Stripe {cents(total.stripe_cents)} · "
            f"Stripe − books {signed_cents(total.off_cents)}, of which timing {signed_cents(total.timing_cents)}, "
            f"on its way {signed_cents(total.on_its_way_cents)}, named {signed_cents(total.named_cents)}, "
            f"unexplained {signed_cents(total.rest_cents)}"
        )
        seen = ", ".join(f"{formats.count(count)} {name.replace('_', ' ')}" for name, count in found.checked.items())
        self.sums.setText(
            f"Compared {seen}. {found.environment} · {found.account}, {formats.moment_utc(found.at_ms)}, "
            f"in {formats.span(max(1_000, found.took_ms))}."
        )
        self.sums.show()
        self.count.setText(formats.plural(number, "difference", "differences"))
        self._show_kinds(found)
        shown = (len(found.days), len(found.customers), len(found.on_its_way), len(found.accepted))
        self.tabs.setTabText(0, f"Differences ({formats.count(number)})")
        for place, ((_, _, title), rows) in enumerate(zip(self._others, shown, strict=True), 1):
            self.tabs.setTabText(place, f"{title} ({formats.count(rows)})")
        self.none.title.setText("Books and Stripe agree")
        self.none.words.setText("No difference in this period, to the cent.")
        self.export.setEnabled(True)

    def _show_kinds(self, found: Reconciled) -> None:
        with QSignalBlocker(self.kinds):
            self.kinds.clear()
            self.kinds.addItem(f"All kinds ({formats.count(sum(found.counts.values()))})", None)
            for kind, count in found.counts.items():
                self.kinds.addItem(f"{kind.value.title} ({formats.count(count)})", kind)
            self.kinds.setCurrentIndex(max(0, self.kinds.findData(self._reconcile.kind)))

    def _show_difference(self, row: Difference | None) -> None:
        self.panel.show_difference(row, self._reconcile.mended.get(row.key, "") if row else "")

    def _rows_changed(self) -> None:
        self.stack.setCurrentIndex(1 if self._reconcile.differences.rows else 0)
        self._show_difference(self.table.current_row())
        self._show_selection()

    def _show_selection(self) -> None:
        rows = self.table.selected_rows()
        self.selection.setText(f"{formats.count(len(rows))} selected: {cash_of(rows)}" if len(rows) > 1 else "")

    def _show_user(self) -> None:
        if self.panel.difference is not None:
            self._open_user(self.panel.difference.user_id)

    def _open_user(self, user_id: int | None) -> None:
        if user_id is not None:
            self._workspace.page_asked.emit("users", user_id)

    # --- mending

    async def _ask_repair(self) -> None:
        rows = [row for row in self._chosen() if row.can_be_repaired]
        note = "It is done once: a second click, here or in another console, changes nothing more."
        await self._ask(rows, "Repair", note, self._mend)

    async def _mend(self, rows: list[Difference], remark: str) -> None:
        refunds = self._workspace.console.refunds
        mend = self._reconcile.mend
        await in_live(self, self._workspace, lambda work: mend_plan(work, refunds, rows), mend, rows, remark)

    async def _ask_accept(self) -> None:
        note = "It is not reported again until one of its amounts changes. Nothing is posted."
        await self._ask(self._chosen(), "Accept", note, self._reconcile.accept)

    def _chosen(self) -> list[Difference]:
        rows = self.table.selected_rows() or [self.panel.difference]
        return [row for row in rows if row is not None and row.key not in self._reconcile.mended]

    async def _ask(self, rows: list[Difference], verb: str, note: str, work: Work) -> None:
        if not rows:
            self._workspace.toasted.emit("This is mended already; reconcile again to see it gone")
            return
        console = self._workspace.console
        if len(rows) == 1:
            plan, title = console.repairs.plan(rows[0]), f"{verb} this difference"
        else:
            kinds = {row.kind.value.title for row in rows}
            plan = [("Differences", formats.count(len(rows))), ("Cash", cash_of(rows)), ("Kinds", "; ".join(kinds))]
            title = f"{verb} {formats.count(len(rows))} differences"
        account = self._reconcile.result.account if self._reconcile.result else ""
        word = console.environment.word
        dialog = RemarkDialog(self, title, word, verb, [*plan, ("Account", f"{account} · {word}")], note)
        if await dialog.ask():
            await work(rows, dialog.remark.text())

    async def _export(self) -> None:
        result = self._reconcile.result
        assert result is not None
        environment = self._workspace.console.environment.value
        name = f"reconciliation-{environment}-{utc_day(result.period.from_ms)}-{utc_day(result.at_ms)}.csv"
        path = await ask_where(self, "Export the reconciliation", name, "CSV (*.csv)")
        if path is not None:
            await self._reconcile.export(path)
