"""What the pages of one open console share: the console, its changes on the window's thread, and ways to each other."""

import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

if TYPE_CHECKING:  # the first frame needs none of the console
    from bioql_console.domain.rights import Rights
    from bioql_console.services.changes import Change
    from bioql_console.services.console import Console
    from bioql_console.ui.memory import Memory

# What one transaction changed is told together: it comes within this.
GATHER_MS = 1
# What follows a change comes after a pause; under a flood of webhooks each pause is twice as long as the one before,
# until the pages read and repaint about once a second, not a thousand times.
PAUSE_MS, LONGEST_PAUSE_MS = 60, 800
# Several people at work change less: half a dozen things a second, of up to four topics each.
FLOOD_PER_S = 40


class Workspace(QObject):
    """Lives as long as its console is open.

    Signals:
        changed: Topics (a frozenset of `Change.topic`) about which something changed, gathered over a moment.
        toasted: A sentence to show for a moment.
        page_asked: A page's name, and what to show there or None.
        environment_asked: The name of the environment to switch to.
        closed: Its console closes.
        reopen_asked: What was chosen counts from the next opening on: open the same environment again.
    """

    changed = Signal(object)
    toasted = Signal(str)
    page_asked = Signal(str, object)
    environment_asked = Signal(str)
    theme_asked = Signal(str)
    closed = Signal()
    reopen_asked = Signal()
    _arrived = Signal()

    def __init__(self, console: "Console", memory: "Memory", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.console = console
        self.memory = memory
        self._lock = threading.Lock()
        self._topics: set[str] = set()
        self._heard = 0
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.setTimerType(Qt.TimerType.PreciseTimer)
        self._gathering.timeout.connect(self._tell)
        self._arrived.connect(self._gather)
        # Runs while pages are told nothing, since they just were.
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._go_on)
        self._unsubscribe = console.changes.subscribe(self._hear)

    def close(self) -> None:
        """Hear nothing any more."""
        self._unsubscribe()
        self._gathering.stop()
        self._pause.stop()
        self.closed.emit()

    @property
    def rights(self) -> "Rights":
        """What the database lets the operator do."""
        return self.console.store.rights

    def now_ms(self) -> int:
        return self.console.now_ms()

    def _hear(self, change: "Change") -> None:
        """Called on any thread."""
        with self._lock:
            first = not self._topics
            self._topics.add(change.topic)
            self._heard += 1
        if first:
            self._arrived.emit()

    @Slot()
    def _gather(self) -> None:
        if not self._gathering.isActive() and not self._pause.isActive():
            self._gathering.start(GATHER_MS)

    @Slot()
    def _go_on(self) -> None:
        """Much that came while pausing is more of the same flood; little, or nothing, ends it."""
        pause_ms = self._pause.interval()
        with self._lock:
            flood = self._heard * 1000 > FLOOD_PER_S * pause_ms
        self._tell(min(pause_ms * 2, LONGEST_PAUSE_MS) if flood else PAUSE_MS)

    @Slot()
    def _tell(self, pause_ms: int = PAUSE_MS) -> None:
        with self._lock:
            topics, self._topics, self._heard = frozenset(self._topics), set(), 0
        if topics:
            self._pause.start(pause_ms)
            self.changed.emit(topics)
