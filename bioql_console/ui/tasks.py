"""Work that a page starts and does not wait for. The only place that catches OperatorError."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from bioql_console.domain.errors import OperatorError

if TYPE_CHECKING:
    import asyncio

Work = Callable[..., Awaitable[None]]
_alive: "set[asyncio.Task[None]]" = set()


async def cancelled_tasks_end() -> None:
    """Wait for tasks that were cancelled: a loop that stops before they end would complain of each."""
    import asyncio

    await asyncio.gather(*(task for task in _alive if task.cancelling()), return_exceptions=True)


def _ended(task: "asyncio.Task[None]") -> None:
    """A bug is reported at once, not when the task happens to be collected."""
    _alive.discard(task)
    error = None if task.cancelled() else task.exception()
    if error is not None:
        task.get_loop().call_exception_handler({"message": "A task failed", "exception": error, "task": task})


class Task(QObject):
    """One piece of work at a time.

    Signals:
        running_changed: Whether it works.
        failed: The OperatorError it ended with. Anything else is a bug and reaches the bug dialog.
    """

    running_changed = Signal(bool)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._task is not None

    def close(self) -> None:
        """Cancel for good and say nothing: whoever listened is going away."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _begin(self, work: Work, args: tuple[object, ...]) -> None:
        import asyncio  # not needed for the first frame

        self._task = asyncio.get_running_loop().create_task(self._guard(work, args))
        _alive.add(self._task)
        self._task.add_done_callback(_ended)
        self.running_changed.emit(True)

    async def _guard(self, work: Work, args: tuple[object, ...]) -> None:
        import asyncio

        me, error = asyncio.current_task(), None
        try:
            await work(*args)
        except OperatorError as known:
            error = known
        finally:
            mine = self._task is me  # not replaced or closed meanwhile
            if mine:
                self._task = None
                self.running_changed.emit(False)
        if error is not None and mine:
            self.failed.emit(error)


class LatestTask(Task):
    """For reading: starting again drops what was under way."""

    def start(self, work: Work, *args: object) -> None:
        if self._task is not None:
            self._task.cancel()
        self._begin(work, args)


class OneAtATime(Task):
    """For writing: what is under way can't be undone by dropping it, so a second start is refused."""

    def start(self, work: Work, *args: object) -> bool:
        """Whether it was started."""
        if self._task is not None:
            return False
        self._begin(work, args)
        return True
