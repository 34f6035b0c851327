"""The outbox on the Meter page: what waits, what Stripe refused and why, and the way out of each."""

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from bioql_console.domain.meter_errors import explained
from bioql_console.domain.outbox import Message, MessageKind, MessageState, OutboxSum
from bioql_console.domain.rights import Role
from bioql_console.ui import formats
from bioql_console.ui.pages.page import toolbar
from bioql_console.ui.viewmodels.outbox import OutboxViewModel, at_stake, code_words, refused_usage
from bioql_console.ui.widgets.buttons import Chips, button
from bioql_console.ui.widgets.cards import Card, clear
from bioql_console.ui.widgets.dialogs import Asked, FormDialog, PlanDialog, required
from bioql_console.ui.widgets.fields import field
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

STATES = (("all", "All"), *((state.value, state.value.capitalize()) for state in MessageState))
REPORTS_WIDTH, REPORTS_HEIGHT = 900, 260


class OutboxView(Card):
    """Messages to Stripe, with money at stake by state and by reason."""

    def __init__(self) -> None:
        super().__init__("On the way to Stripe")
        self.rests = PlainLabel("", "muted")
        self.head.addWidget(self.rests)
        self.table = DataTable("Outbox")
        self.chips = Chips(STATES, exclusive=True)
        self.codes: Chips | None = None
        self._codes: tuple[str, ...] = ()
        self._place = QVBoxLayout()
        self.again = button("Send again…", lambda: self._model.act(self._send_again), needs=Role.OPERATOR)
        self.all_again = button("Send all again…", lambda: self._model.act(self._send_all_again), needs=Role.OPERATOR)
        self.otherwise = button("Collect otherwise…", lambda: self._model.act(self._collect), needs=Role.OPERATOR)
        self.back = button("Take back…", lambda: self._model.act(self._take_back), needs=Role.OPERATOR)
        self.reports = button("Error reports…", lambda: self._model.act(self._show_reports))
        self.send = button("Send now", lambda: self._model.act(self._model.send_now), needs=Role.OPERATOR)
        self.words = PlainLabel("", "muted").wrapped()
        self.body.addLayout(toolbar(self.chips, None, self.reports, self.send))
        self.body.addLayout(self._place)
        self.body.addWidget(self.table, 1)
        self.body.addWidget(self.words)
        self.body.addLayout(toolbar(self.again, self.all_again, self.otherwise, self.back, None))

    def attach(self, workspace: Workspace) -> OutboxViewModel:
        """Bring it to life; the page shows and closes what is returned."""
        self._workspace = workspace
        model = self._model = OutboxViewModel(workspace)
        self.table.show_table(model.rows.table)
        self.table.selected.connect(lambda _row: self._enable())
        self.chips.changed.connect(self._ask)
        model.sums_known.connect(self._show_sums)
        model.rests_known.connect(self.rests.setText)
        model.shown.connect(self._enable)
        model.busy_changed.connect(lambda _busy: self._enable())
        self._enable()
        return model

    # --- what is shown

    def _show_sums(self, sums: Sequence[OutboxSum]) -> None:
        for state in MessageState:
            number, micros = at_stake(sums, state)
            if state is MessageState.SENT:
                continue  # nearly all are; nobody waits for their number
            money = f" · {formats.dollars(micros)}" if number else ""
            self.chips.chip(state.value).setText(f"{state.value.capitalize()} {formats.count(number)}{money}")
        waiting = [each.oldest_ms for each in sums if each.state is MessageState.WAITING]
        self.note.setText(
            f"oldest waiting {formats.short_ago(min(waiting), self._workspace.now_ms())}" if waiting else ""
        )
        self._show_codes(refused_usage(sums))

    def _show_codes(self, refused: dict[str, OutboxSum]) -> None:
        """A chip for each reason for which usage is refused now."""
        if tuple(refused) != self._codes:
            chosen = self._code()
            clear(self._place)
            self._codes, self.codes = tuple(refused), None
            if refused:
                names = [(code or "other", "") for code in refused]
                self.codes = Chips(names)
                self.codes.changed.connect(self._ask)
                self._place.addLayout(toolbar(PlainLabel("Refused because", "muted"), self.codes, None))
                self.codes.choose(frozenset((chosen,)) & set(refused))
        for code, each in refused.items():
            assert self.codes is not None
            words = f"{code_words(code)} {formats.count(each.count)} · {formats.dollars(each.cents * 10_000)}"
            self.codes.chip(code or "other").setText(words)

    def _code(self) -> str:
        on = next(iter(self.codes.on()), "") if self.codes is not None else ""
        return "" if on == "other" else on

    def _ask(self) -> None:
        if self.codes is not None and len(self.codes.on()) > 1:
            # The last one that was clicked counts.
            self.codes.choose(self.codes.on() - {self._model.query.code or "other"})
        code = self._code()
        if code:
            self.chips.choose(frozenset((MessageState.REFUSED.value,)))
        chosen = next(iter(self.chips.on()), "all")
        self._model.ask(None if chosen == "all" else MessageState(chosen), code)

    def _row(self) -> Message | None:
        row = self.table.current_row()
        return row if isinstance(row, Message) else None

    def _enable(self) -> None:
        row, free = self._row(), not self._model.acting
        refused = row is not None and row.state is MessageState.REFUSED
        usage = row is not None and row.kind is MessageKind.METER_EVENT
        self.again.setEnabled(refused and free)
        self.all_again.setEnabled(refused and usage and free)
        self.otherwise.setEnabled(refused and usage and free)
        self.back.setEnabled(usage and row is not None and row.state is not MessageState.CLOSED and free)
        self.send.setEnabled(free)
        self.words.setText(self._model.explain(row) if row is not None else "")

    # --- what an operator does

    def _rows(self, messages: Sequence[Message]) -> list[tuple[str, str]]:
        money = sum(message.value for message in messages) * 10_000
        customers = sorted({message.stripe_customer_id for message in messages})
        named = customers[0] if len(customers) == 1 else formats.plural(len(customers), "customer", "customers")
        return [
            ("Messages", formats.count(len(messages))),
            ("Money", formats.dollars(money)),
            ("Customer", named),
            ("Refused because", explained(messages[0].code).words if messages[0].code else messages[0].error),
            ("Environment", self._workspace.console.environment.word),
        ]

    async def _send_again(self) -> None:
        if (row := self._row()) is not None:
            await self._ask_and_send([row])

    async def _send_all_again(self) -> None:
        if (row := self._row()) is not None:
            await self._ask_and_send(await self._model.all_of(row.code))

    async def _ask_and_send(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        why = explained(messages[0].code)
        usage = messages[0].kind is MessageKind.METER_EVENT
        note = f"{why.cure} Each run is sent under a new identifier and counted once." if usage else ""
        if usage and not why.again:
            note = f"Sending it again will hardly help. {why.cure}"
        word = self._workspace.console.environment.word
        if await PlanDialog(self, "Send again", word, "Send again", self._rows(messages), note).ask():
            await self._model.send_again(messages)

    async def _collect(self) -> None:
        if (row := self._row()) is None:
            return
        note = (
            "The amount is added to the customer's Stripe balance, so that the next invoice collects it, and the "
            "meter is not told any more. Without a subscription links and invoices made here collect it."
        )
        word = self._workspace.console.environment.word
        if await PlanDialog(self, "Collect otherwise", word, "Collect otherwise", self._rows([row]), note).ask():
            await self._model.collect_otherwise([row])

    async def _take_back(self) -> None:
        if (row := self._row()) is None:
            return
        money = formats.dollars(row.value * 10_000)
        told = " and Stripe's meter counts it no more" if row.state is MessageState.SENT else ""
        note = (
            f"{money} of usage of {row.stripe_customer_id}, {formats.short_moment(row.occurred_ms)}: it is owed no "
            f"more{told}. This can't be undone."
        )
        dialog = FormDialog(self, "Take usage back", self._workspace.console.environment.word, "Take back", note)
        reason = field("Recorded by a test")
        dialog.add("Reason, for whoever reads the activity trail", reason, required("a reason"))
        if await dialog.ask():
            await self._model.take_back(row, reason.text())

    async def _show_reports(self) -> None:
        reports = await self._model.load_reports()
        dialog = ReportsDialog(self, self._workspace.console.environment.word, self._model, bool(reports))
        row = self._row()
        if row is not None and row.report:
            dialog.choose(row.report)
        await dialog.ask()


class ReportsDialog(Asked):
    """Stripe's reports of usage that it took first and refused later."""

    def __init__(self, parent: QWidget, environment: str, model: OutboxViewModel, any_there: bool) -> None:
        super().__init__(parent, "Error reports", environment, "Close", cancel="")
        self.setMinimumWidth(REPORTS_WIDTH)
        words = (
            "Stripe takes usage first and checks it later. Of what it refuses it names a few runs of each reason; the "
            "others are found by comparing the meter's totals with the books, where only one answer is possible."
            if any_there
            else "Stripe reported no refused usage so far."
        )
        self.body.addWidget(PlainLabel(words, "muted").wrapped())
        self.table = DataTable("Error reports")
        self.table.setMinimumHeight(REPORTS_HEIGHT)
        self.table.show_table(model.reports)
        self.table.setVisible(any_there)
        self.body.addWidget(self.table)
        self.details = PlainLabel("", "muted").wrapped()
        self.body.addWidget(self.details)
        self._reports = model.reports
        self.table.selected.connect(lambda _row: self._show())

    def choose(self, event_id: str) -> None:
        """Select one of them."""
        if (row := self._reports.row_of(event_id)) >= 0:
            self.table.setCurrentIndex(self._reports.index(row, 0))

    def _show(self) -> None:
        report = self.table.current_row()
        if report is None:
            return
        lines = [report.words]
        for each in report.refusals:
            why = explained(each.code)
            lines.append(f"{code_words(each.code)}: {formats.count(each.count)}. {why.words} {why.cause} {why.cure}")
        self.details.setText("\n".join(lines))
