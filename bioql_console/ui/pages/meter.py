"""Meter: expected beside actual, the way there, and the outbox."""

from typing import Any, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout

from bioql_console.domain.rights import Role
from bioql_console.domain.usage import DailyShots
from bioql_console.services.live_plans import meter_plan
from bioql_console.services.meter_setup import MeterReport
from bioql_console.ui import formats
from bioql_console.ui.pages.arming import in_live
from bioql_console.ui.pages.meter_plan import plan_dialog, plan_rows
from bioql_console.ui.pages.outbox_view import OutboxView
from bioql_console.ui.pages.page import Page, toolbar
from bioql_console.ui.pages.user_panel import bars_of_days
from bioql_console.ui.viewmodels.meter import MeterViewModel
from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.cards import Card
from bioql_console.ui.widgets.charts import BarChart
from bioql_console.ui.widgets.labels import PlainLabel, StatePill
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

ROW_HEIGHT = 28
CHECKS = 12
LEAST_HEIGHT = ROW_HEIGHT * 5


class MeterPage(Page):
    """Checks, create, usage, outbox."""

    name: ClassVar[str] = "meter"
    title: ClassVar[str] = "Meter"

    def __init__(self) -> None:
        super().__init__()
        self.state = StatePill("not asked yet")
        self.make = button("Create missing…", self._mend, "primary", needs=Role.OPERATOR)
        self.stop = button("Stop", self._stop)
        self.stop.hide()
        self.doing = PlainLabel("", "muted")
        self.notes = PlainLabel("", "muted").wrapped()
        self.notes.hide()
        self.look = button("Ask Stripe again", self._inspect)
        self.test_event = button(
            "Send test event", lambda: self._meter.act(self._meter.send_test_event), needs=Role.OPERATOR
        )
        self.body.addLayout(toolbar(self.state, self.doing, None, self.test_event, self.look, self.stop, self.make))
        self.checks = DataTable("Meter and price")
        # It gives way to the outbox in a low window, and scrolls; what differs stands first.
        self.checks.setMinimumHeight(LEAST_HEIGHT)
        self._make_room(CHECKS)
        self.body.addWidget(self.checks, 1)
        self.body.addWidget(self.notes)
        self.usage = BarChart("Shots per day, all customers")
        usage = Card("Shots per day", "30 days")
        usage.body.addWidget(self.usage)
        usage.body.addStretch(1)
        self.outbox = OutboxView()
        below = QHBoxLayout()
        below.setSpacing(12)
        below.addWidget(usage, 1)
        below.addWidget(self.outbox, 3)
        self.body.addLayout(below, 2)

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._meter = MeterViewModel(workspace)
        self.adopt(model)
        self.notice.retried.connect(model.inspect)
        self.checks.show_table(model.checks)
        self._sending = self.outbox.attach(workspace)
        self._sending.failed.connect(self._show_failure)
        self._sending.busy_changed.connect(self.busy.setVisible)
        model.report_known.connect(self._show_report)
        # A method, not a lambda: progress is told from another thread.
        model.repairing.connect(self._show_repairing)
        model.usage_known.connect(self._show_usage)
        model.busy_changed.connect(self._lock)
        self.test_event.setVisible(not workspace.console.environment.livemode)

    def show_argument(self, argument: Any) -> None:
        if argument == "repair":
            self._mend()

    def _lock(self, busy: bool) -> None:
        for each in (self.make, self.test_event):
            each.setDisabled(busy)

    def _inspect(self) -> None:
        if self.model is not None:
            self._meter.inspect()

    def _show_report(self, report: MeterReport) -> None:
        wrong = [check for check in (*report.meter_checks, *report.price_checks) if not check.agrees]
        if not report.complete:
            self.state.show_state("missing: usage is not invoiced", "bad")
        elif wrong:
            self.state.show_state(formats.plural(len(wrong), "difference", "differences"), "warn")
        else:
            self.state.show_state("as expected", "ok")
        self.make.setText("Create missing…" if report.creates_only else "Repair…")
        self.make.setVisible(bool(report.steps))
        self.notes.setText("\n".join(report.notes))
        self.notes.setVisible(bool(report.notes))
        self._make_room(len(report.meter_checks) + len(report.price_checks))

    def _make_room(self, rows: int) -> None:
        self.checks.setMaximumHeight(ROW_HEIGHT * (rows + 1) + 4)

    @Slot(str)
    def _show_repairing(self, words: str) -> None:
        self.doing.setText(words)
        self.stop.setVisible(bool(words))
        self.stop.setEnabled(True)

    def _stop(self) -> None:
        self.stop.setEnabled(False)
        self._meter.stop_repairing()

    def _show_usage(self, daily: list[DailyShots]) -> None:
        shots: dict[str, int] = {}
        for each in daily:
            shots[each.day] = shots.get(each.day, 0) + each.shots
        self.usage.show_bars(bars_of_days(shots, self._workspace.now_ms()))

    def came_to_front(self) -> None:
        super().came_to_front()
        if self.model is not None:
            self._sending.show()

    def went_behind(self) -> None:
        super().went_behind()
        if self.model is not None:
            self._sending.hide()

    def close_page(self) -> None:
        super().close_page()
        if self.model is not None:
            self._sending.close()

    def _mend(self) -> None:
        if self.model is not None:
            self._meter.act(self._ask_and_mend)

    async def _ask_and_mend(self) -> None:
        report = await self._meter.look_again()
        if not report.steps:
            self._workspace.toasted.emit("Meter and price are as they must be")
            return
        environment = self._workspace.console.environment.word
        plan = meter_plan(report, plan_rows(report, environment))

        async def ask() -> bool:
            return await plan_dialog(self, report, environment, creates=report.creates_only).ask()

        await in_live(self, self._workspace, lambda _work: plan, self._meter.repair, ask=ask)
