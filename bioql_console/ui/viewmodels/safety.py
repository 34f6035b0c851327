"""The band that says that the books don't hold: what is broken, since when, and the way back."""

import threading
from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QTimer, Signal

from bioql_console.domain.safety import Breach
from bioql_console.services.book_safety import Correction
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

# What other processes find is told like all that they change; this is for what was missed.
LOOK_EVERY_MS = 60_000


class SafetyViewModel(ViewModel):
    """Signals: `breaches_known` with a list of Breach, `progressed` with how many percent are checked."""

    breaches_known = Signal(object)
    progressed = Signal(int)
    topics: ClassVar[frozenset[str]] = frozenset(("safety",))

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.breaches: Sequence[Breach] = ()
        self.plan: Sequence[Correction] = ()
        self._cancelled = threading.Event()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()

    def close(self) -> None:
        self._timer.stop()
        self._cancelled.set()
        super().close()

    async def _load(self) -> None:
        await self._tell()

    async def _tell(self) -> None:
        safety, worker = self.console.safety, self.console.workers.database
        self.breaches = await worker.run(safety.breaches)
        self.plan = await worker.run(safety.plan) if self.breaches else ()
        self.breaches_known.emit(self.breaches)

    def stop_checking(self) -> None:
        self._cancelled.set()

    # --- what an operator does, each by way of `act`

    async def check_again(self) -> None:
        """Recompute everything; posting goes on when the books hold."""
        self._cancelled.clear()
        left = await self.console.workers.database.run(
            self.console.safety.check_again, self.console.operator, self.progressed.emit, self._cancelled.is_set
        )
        await self._say(left)

    async def mend(self, reason: str) -> None:
        """Carry the plan out, then recompute everything."""
        await self._say(
            await self.console.workers.database.run(self.console.safety.mend, self.console.operator, reason)
        )

    async def _say(self, left: Sequence[Breach]) -> None:
        words = "It still does not hold; what is broken now is said at the top"
        self.workspace.toasted.emit(words if left else "The books hold: posting and sending go on")
        await self._tell()
