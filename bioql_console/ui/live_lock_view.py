"""The lock in the environment bar: what is armed, for how long, what waits behind it; and the way to arm it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.ui import formats
from bioql_console.ui.standing_dialog import StandingDialog, Waiting, waiting_of
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

if TYPE_CHECKING:
    from bioql_console.ui.main_window import MainWindow

TICK_MS = 500


class LiveLockView(ViewModel):
    """Lives as long as its console is open in Live."""

    topics = frozenset(("live", "outbox", "outbox-sent"))

    def __init__(self, window: "MainWindow", workspace: Workspace) -> None:
        super().__init__(workspace)
        self.setParent(workspace)
        self._window = window
        self._waiting = {kind: Waiting() for kind in Standing}
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._show)
        self.failed.connect(self._say)
        workspace.closed.connect(self.close)
        window.bar.lock_asked.connect(self._ask)
        self.show()

    async def _load(self) -> None:
        self._waiting = await self.read(lambda work: waiting_of(work.outbox.sums()))
        self._show()

    def _show(self) -> None:
        live = self.console.live
        permit, standing = live.permit, live.standing
        waits = sum(each.count for kind, each in self._waiting.items() if kind not in standing)
        if permit is not None:
            self._window.bar.show_lock(f"Armed {formats.countdown(permit.left_ms)}", permit.plan.title)
        elif standing:
            words = ", ".join(kind.title for kind in Standing if kind in standing)
            self._window.bar.show_lock(f"Armed: {words}", "Leaves by itself until the console closes. Press to lock.")
        else:
            behind = f" · {formats.count(waits)} wait" if waits else ""
            self._window.bar.show_lock(f"Locked{behind}", "Only reading leaves for Stripe. Press to arm what waits.")
        # Only what counts down needs to be looked at again.
        (self._tick.start if permit is not None else self._tick.stop)()

    @Slot(object)
    def _say(self, error: OperatorError | None) -> None:
        if error is not None:
            self.workspace.toasted.emit(f"{error.what} {error.fix}")

    @Slot()
    def _ask(self) -> None:
        self.act(self._arm)

    async def _arm(self) -> None:
        account: LedgerAccount = await self.console.workers.database.run(self.console.live.account)
        waiting = await self.read(lambda work: waiting_of(work.outbox.sums()))
        if await StandingDialog(self._window, self.workspace, account, waiting).ask():
            armed = ", ".join(kind.title for kind in Standing if kind in self.console.live.standing)
            self.workspace.toasted.emit(f"Armed: {armed}" if armed else "LIVE is locked")
