"""Meter: expected beside actual, the way there, and the outbox."""

from typing import Any, ClassVar

from PySide6.QtWidgets import QHBoxLayout

from bioql_console.domain import meter as expected
from bioql_console.domain.outbox import Message, MessageState
from bioql_console.domain.usage import DailyShots
from bioql_console.services.meter_setup import MeterReport
from bioql_console.ui import formats
from bioql_console.ui.pages.page import Page, toolbar
from bioql_console.ui.pages.user_panel import bars_of_days
from bioql_console.ui.viewmodels.meter import MeterViewModel
from bioql_console.ui.widgets.buttons import Chips, button
from bioql_console.ui.widgets.cards import Card
from bioql_console.ui.widgets.charts import BarChart
from bioql_console.ui.widgets.dialogs import PlanDialog
from bioql_console.ui.widgets.labels import PlainLabel, StatePill
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

CHIPS = (("all", "All"), ("waiting", "Waiting"), ("refused", "Refused"), ("sent", "Sent"))
CHECKS_HEIGHT = 28 * 13 + 4


class MeterPage(Page):
    """Checks, create, usage, outbox."""

    name: ClassVar[str] = "meter"
    title: ClassVar[str] = "Meter"

    def __init__(self) -> None:
        super().__init__()
        self.state = StatePill("not asked yet")
        self.make = button("Create missing…", self._create, "primary")
        self.look = button("Ask Stripe again", self._inspect)
        self.test_event = button("Send test event", lambda: self._meter.act(self._meter.send_test_event))
        self.body.addLayout(toolbar(self.state, None, self.test_event, self.look, self.make))
        self.checks = DataTable("Meter and price")
        self.checks.setFixedHeight(CHECKS_HEIGHT)
        self.body.addWidget(self.checks)
        self.usage = BarChart("Shots per day, all customers")
        usage = Card("Shots per day", "30 days, all customers")
        usage.body.addWidget(self.usage)
        usage.body.addStretch(1)
        self.outbox = DataTable("Outbox")
        self.chips = Chips(CHIPS, exclusive=True)
        self.sums = PlainLabel("", "muted")
        self.resend = button("Send again", self._resend)
        self.resend.setEnabled(False)
        self.send = button("Send now", lambda: self._meter.act(self._meter.send_now))
        outbox = Card("On the way to Stripe")
        outbox.head.addWidget(self.sums)
        outbox.body.addLayout(toolbar(self.chips, None, self.resend, self.send))
        outbox.body.addWidget(self.outbox, 1)
        below = QHBoxLayout()
        below.setSpacing(12)
        below.addWidget(usage, 1)
        below.addWidget(outbox, 2)
        self.body.addLayout(below, 1)

    def attach(self, workspace: Workspace) -> None:
        self._workspace = workspace
        model = self._meter = MeterViewModel(workspace)
        self.adopt(model)
        self.notice.retried.connect(model.inspect)
        self.checks.show_table(model.checks)
        self.outbox.show_table(model.outbox)
        self.outbox.selected.connect(self._enable_resend)
        self.chips.changed.connect(self._show_state)
        model.report_known.connect(self._show_report)
        model.outbox_known.connect(self._show_sums)
        model.usage_known.connect(self._show_usage)
        model.busy_changed.connect(self._lock)
        self.test_event.setVisible(not workspace.console.environment.livemode)

    def show_argument(self, argument: Any) -> None:
        if argument == "create":
            self._create()

    def _lock(self, busy: bool) -> None:
        for each in (self.make, self.test_event, self.send):
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
        self.make.setVisible(not report.complete)

    def _show_sums(self, sums: dict[MessageState, int]) -> None:
        waiting, refused = sums.get(MessageState.WAITING, 0), sums.get(MessageState.REFUSED, 0)
        sent = sums.get(MessageState.SENT, 0)
        self.sums.setText(
            f"{formats.count(waiting)} waiting · {formats.count(refused)} refused · {formats.count(sent)} sent"
        )

    def _show_usage(self, daily: list[DailyShots]) -> None:
        shots: dict[str, int] = {}
        for each in daily:
            shots[each.day] = shots.get(each.day, 0) + each.shots
        self.usage.show_bars(bars_of_days(shots, self._workspace.now_ms()))

    def _show_state(self) -> None:
        chosen = next(iter(self.chips.on()), "all")
        self._meter.show_state(None if chosen == "all" else MessageState(chosen))

    def _enable_resend(self, message: Message | None) -> None:
        self.resend.setEnabled(message is not None and message.state is MessageState.REFUSED)

    def _resend(self) -> None:
        message = self.outbox.current_row()
        if message is not None:
            self._meter.act(self._meter.resend, message)

    def _create(self) -> None:
        if self.model is not None:
            self._meter.act(self._ask_and_create)

    async def _ask_and_create(self) -> None:
        environment = self._workspace.console.environment.word
        rows = [
            ("Meter", f"{expected.METER_NAME} · {expected.EVENT_NAME} · sum"),
            ("Product", expected.PRODUCT_NAME),
            ("Price", f"{expected.UNIT_AMOUNT_CENTS}¢ per unit, metered · {expected.PRICE_LOOKUP_KEY}"),
            ("Environment", environment),
        ]
        note = "What is there already is left as it is; nothing is made twice."
        if await PlanDialog(self, "Create meter and price", environment, "Create", rows, note).ask():
            await self._meter.create_missing()
