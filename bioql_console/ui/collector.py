"""Garbage collection on the window's own thread.

Python collects on whichever thread happens to allocate. A Qt object that is freed on a worker's thread takes its C++
half with it there, and the program crashes. So collecting is switched off everywhere, and done here.
"""

import gc

from PySide6.QtCore import QElapsedTimer, QObject, QTimer

LOOK_EVERY_MS = 500
# While there is nothing to collect, nobody is at work: one looks ever more rarely, up to this.
LOOK_AT_LEAST_EVERY_MS = 8_000
# What was in use when it was young, and is not any more: 20,000 objects of an open console, ten milliseconds.
ALL_EVERY_MS = 60_000


def keep_what_is_here() -> None:
    """What is there when a console has opened stays as long as it does, and is not looked at again.

    To look through all of it takes a tenth of a second, in which the window stands still.
    """
    gc.freeze()


def keep_nothing() -> None:
    """What stayed with a console is over now."""
    gc.unfreeze()


class Collector(QObject):
    """Collects what is young twice a second while there is some, and everything once a minute."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._since_all = QElapsedTimer()
        self._since_all.start()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Collect if as much was made as would have made Python itself collect."""
        if gc.get_count()[0] <= gc.get_threshold()[0]:
            self._timer.setInterval(min(LOOK_AT_LEAST_EVERY_MS, self._timer.interval() * 2))
            return
        self._timer.setInterval(LOOK_EVERY_MS)
        if self._since_all.hasExpired(ALL_EVERY_MS):
            self._since_all.start()
            gc.collect()
        else:
            gc.collect(1)
