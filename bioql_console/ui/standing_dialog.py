"""Arming what runs by itself in Live, kind by kind, with what waits and its sum."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QVBoxLayout, QWidget

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.outbox import MONEY, USAGE, MessageState, OutboxSum
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.ui import formats
from bioql_console.ui.pages.arming import BAND
from bioql_console.ui.tasks import OneAtATime
from bioql_console.ui.widgets.buttons import Toggle, button
from bioql_console.ui.widgets.dialogs import Asked
from bioql_console.ui.widgets.fields import Labelled, field
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.workspace import Workspace

KINDS = {Standing.USAGE: USAGE, Standing.MONEY: MONEY}
NOTE = (
    "What is switched on leaves by itself, as long as this console is open in LIVE. It ends when the console closes, "
    "changes its environment, or is locked here."
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a kind waits for Stripe."""

    count: int = 0
    cents: int = 0

    def __str__(self) -> str:
        if not self.count:
            return "Nothing waits."
        money = formats.dollars(self.cents * MICROS_PER_CENT)
        return f"{formats.plural(self.count, 'message waits', 'messages wait')}: {money}"


def waiting_of(sums: Sequence[OutboxSum]) -> dict[Standing, Waiting]:
    """By kind; customers' own wishes are refused while they are locked, and never wait."""
    found = {kind: Waiting() for kind in Standing}
    for kind, messages in KINDS.items():
        here = [each for each in sums if each.state is MessageState.WAITING and each.kind in messages]
        found[kind] = Waiting(sum(each.count for each in here), sum(each.cents for each in here))
    return found


class StandingDialog(Asked):
    """Switches, what waits, and what the operator types."""

    def __init__(
        self, parent: QWidget, workspace: Workspace, account: LedgerAccount, waiting: dict[Standing, Waiting]
    ) -> None:
        console = workspace.console
        super().__init__(parent, "What runs by itself", console.environment.word, "Arm", look="danger")
        self._workspace, self._waiting = workspace, waiting
        band = PlainLabel(BAND)
        band.setObjectName("liveBand")
        self.body.addWidget(band)
        self.switches = {kind: Toggle(kind.title) for kind in Standing}
        standing = console.live.standing
        for kind, switch in self.switches.items():
            switch.setChecked(kind in standing)
            switch.setEnabled(kind not in standing)
            switch.clicked.connect(lambda _on: self._show_sum())
            told = "Armed now." if kind in standing else "" if kind is Standing.CUSTOMERS else str(waiting[kind])
            part = QVBoxLayout()
            part.setSpacing(2)
            part.addWidget(switch)
            part.addWidget(PlainLabel(f"{kind.words} {told}".rstrip(), "muted").wrapped())
            self.body.addLayout(part)
        self.amount = field("")
        self._amount = Labelled("Type the sum of what waits", self.amount)
        self.account = field(account.name or account.id)
        self._account = Labelled("Type the name of the Stripe account", self.account, f"It is {account}.")
        for widget in (PlainLabel(NOTE, "muted").wrapped(), self._amount, self._account):
            self.body.addWidget(widget)
        self.lock = button("Lock all now", self._lock_all)
        self.lock.setVisible(bool(standing))
        self.buttons.insertWidget(0, self.lock)
        self._task = OneAtATime(self)
        self._task.failed.connect(self._complain)
        self._show_sum()

    @property
    def chosen(self) -> tuple[Standing, ...]:
        """What is to be armed besides what is."""
        standing = self._workspace.console.live.standing
        return tuple(kind for kind, switch in self.switches.items() if switch.isChecked() and kind not in standing)

    @property
    def expected(self) -> str:
        """The sum of what waits of these; empty when nothing does."""
        cents = sum(self._waiting[kind].cents for kind in self.chosen)
        return formats.dollars(cents * MICROS_PER_CENT) if cents else ""

    def _show_sum(self) -> None:
        self._amount.setVisible(bool(self.expected))
        self.amount.setPlaceholderText(self.expected)
        self.accept_button.setEnabled(bool(self.chosen))
        self.fit()

    def reject(self) -> None:
        """Not in the moment in which it is being armed or locked."""
        if not self._task.running:
            super().reject()

    async def ask(self) -> bool:
        try:
            return await super().ask()
        finally:
            self._task.close()

    def try_accept(self) -> None:
        if self.chosen:
            self._task.start(self._arm)

    async def _arm(self) -> None:
        for labelled in (self._amount, self._account):
            labelled.complain("")
        console, typed = self._workspace.console, (self.amount.text(), self.account.text())
        arm = console.live.arm_standing
        await console.workers.database.run(arm, self.chosen, self.expected, *typed, console.operator)
        self.accept()

    def _lock_all(self) -> None:
        self._task.start(self._lock)

    async def _lock(self) -> None:
        console = self._workspace.console
        await console.workers.database.run(console.live.lock_standing, console.operator)
        self.accept()

    def _complain(self, error: OperatorError) -> None:
        place = self._amount if error.code == "live.wrong_amount" else self._account
        place.complain(error.what)
        place.field.setFocus()
        self.fit()
