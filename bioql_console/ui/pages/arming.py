"""Arming one write in Live: the plan, what the operator types, and the countdown until it is locked again."""

from collections import Counter
from collections.abc import Awaitable, Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import LivePlan
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.services.live_lock import Permit, acting_for
from bioql_console.services.ports import Work
from bioql_console.ui import formats
from bioql_console.ui.tasks import OneAtATime
from bioql_console.ui.widgets.dialogs import PlanDialog
from bioql_console.ui.widgets.fields import Labelled, field
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.workspace import Workspace

TICK_MS = 250
MOST_CALLS = 6
# A row with a long name, such as a step with an id, needs more room.
WIDE, LONG_NAME = 680, 24
BAND = "LIVE. Real customers, real money. Nothing has left yet."
ARMED = "Armed. The same button does it now, once; then LIVE is locked again."


async def in_live(
    page: QWidget,
    workspace: Workspace,
    look: Callable[[Work], LivePlan],
    work: Callable[..., Awaitable[None]],
    *args: object,
    ask: Callable[[], Awaitable[bool]] | None = None,
) -> None:
    """Do something that writes at Stripe. In Live only after it was armed, and only what its plan says.

    Args:
        look: The plan, read in one snapshot of the database.
        ask: Asked instead where nothing has to be armed; nothing is asked when None.

    Raises:
        OperatorError: `live.no_account`, and what `work` raises.
    """
    console = workspace.console

    def read() -> tuple[LivePlan, LedgerAccount | None]:
        with console.store.read() as snapshot:
            plan = look(snapshot)
        return plan, console.live.account() if plan.calls else None

    plan, account = await console.workers.database.run(read) if console.live.needed else (None, None)
    if plan is None or account is None:
        if ask is None or await ask():
            await work(*args)
        return
    dialog = ArmDialog(page, workspace, plan, account)
    armed = await dialog.ask()
    permit = dialog.permit
    try:
        if armed and permit is not None:
            with acting_for(permit):
                await work(*args)
    finally:
        if permit is not None:
            await console.workers.database.run(console.live.lock, permit)


class ArmDialog(PlanDialog):
    """Typed, armed, done: the first press arms, the second does it, unless its time is over.

    Attributes:
        permit: What was armed; None before.
    """

    def __init__(self, page: QWidget, workspace: Workspace, plan: LivePlan, account: LedgerAccount) -> None:
        rows = [*plan.rows, ("Account", str(account)), ("Leaves for Stripe", calls_in_words(plan))]
        note = f"It is armed for this alone, once, for {formats.span(plan.lasts_ms)}."
        super().__init__(page, plan.title, Environment.LIVE.word, "Arm", rows, note, look="danger")
        if max(len(name) for name, _ in rows) > LONG_NAME:
            self.setMinimumWidth(WIDE)
        self.permit: Permit | None = None
        self._workspace, self._plan = workspace, plan
        band = PlainLabel(BAND)
        band.setObjectName("liveBand")
        self.body.insertWidget(0, band)
        self.amount = field(plan.amount)
        what = "Type the amount" if plan.cents is not None else "Type how many changes these are"
        self._amount = Labelled(what, self.amount)
        self._amount.setVisible(bool(plan.amount))
        self.account = field(account.name or account.id)
        self._account = Labelled("Type the name of the Stripe account", self.account)
        self.state = PlainLabel("", "strong").wrapped()
        self.state.hide()
        for widget in (self._amount, self._account, self.state):
            self.body.addWidget(widget)
        self._arming = OneAtATime(self)
        self._arming.failed.connect(self._complain)
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._count_down)
        self.finished.connect(lambda _result: self._tick.stop())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A key that is held down does not arm and then do it."""
        if not event.isAutoRepeat():
            super().keyPressEvent(event)

    def reject(self) -> None:
        """Not in the moment in which it is being armed or locked: what comes of that is not known yet."""
        if not self._arming.running:
            super().reject()

    async def ask(self) -> bool:
        try:
            return await super().ask()
        finally:
            self._arming.close()

    def try_accept(self) -> None:
        if self.permit is None:
            self._arming.start(self._arm)
        elif self.permit.left_ms:
            self.accept()

    async def _arm(self) -> None:
        for labelled in (self._amount, self._account):
            labelled.complain("")
        console = self._workspace.console
        typed = self.amount.text(), self.account.text()
        self.permit = await console.workers.database.run(console.live.arm, self._plan, *typed, console.operator)
        self._show_armed(True, ARMED)
        self._tick.start()
        self._count_down()

    def _complain(self, error: OperatorError) -> None:
        place = self._amount if error.code == "live.wrong_amount" else self._account
        place.complain(f"{error.what} {error.fix}" if place is self._account else error.what)
        place.field.setFocus()
        self.fit()

    def _count_down(self) -> None:
        permit = self.permit
        if permit is None:
            return
        if permit.left_ms:
            self.accept_button.setText(f"{self._plan.verb} · {formats.countdown(permit.left_ms)}")
            return
        self._tick.stop()
        self.permit = None
        self._show_armed(False, "The time is over: LIVE is locked again, and nothing has left.")
        self._arming.start(self._lock, permit)

    async def _lock(self, permit: Permit) -> None:
        console = self._workspace.console
        await console.workers.database.run(console.live.lock, permit)

    def _show_armed(self, armed: bool, words: str) -> None:
        for each in (self.amount, self.account):
            each.setReadOnly(armed)
        if not armed:
            self.accept_button.setText("Arm")
        self.state.setText(words)
        self.state.show()
        self.fit()


def calls_in_words(plan: LivePlan) -> str:
    """The calls, those of one kind together."""
    shapes = Counter(f"{call.method} {call.path.replace('{}', '…')}" for call in plan.calls for _ in range(call.times))
    lines = [shape if times == 1 else f"{shape}, at most {times:,} times" for shape, times in shapes.items()]
    more = len(lines) - MOST_CALLS
    return "\n".join([*lines[:MOST_CALLS], f"and {more:,} more"] if more > 0 else lines)
