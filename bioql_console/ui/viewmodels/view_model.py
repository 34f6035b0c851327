"""What every page's view model has: the workspace, tasks that end with it, and a way to say that something failed."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from PySide6.QtCore import QObject, Signal, Slot

from bioql_console.domain.paging import Cursor, Page
from bioql_console.services.ports import Work
from bioql_console.ui.models.row_table import Column, RowTable
from bioql_console.ui.tasks import LatestTask, OneAtATime, Task
from bioql_console.ui.workspace import Workspace

R = TypeVar("R")
PAGE_ROWS = 100
MOST_RELOADED = 1_000


class ViewModel(QObject):
    """Decides what a page shows. Knows no widget.

    Signals:
        failed: An OperatorError to show in the page; None when it is over.
        busy_changed: Whether something under way takes a while.
        refreshed: What is shown was read anew; the time in ms.
    """

    failed = Signal(object)
    busy_changed = Signal(bool)
    refreshed = Signal(object)
    # Topics of `Change` after which the page is read again.
    topics: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        self.console = workspace.console
        self._closing: list[Callable[[], None]] = []
        self._visible = False
        self._stale = True
        self._loading = self.latest(busy=False)
        self._loading.failed.connect(self._loading_failed)
        self._loading.running_changed.connect(self._loading_over)
        self._load_failed = False
        self._again = False
        self._acting = self.one_at_a_time()
        workspace.changed.connect(self._hear)

    @property
    def acting(self) -> bool:
        return self._acting.running

    def latest(self, *, busy: bool = False) -> LatestTask:
        """A task for reading that ends with the view model."""
        task = LatestTask(self)
        self._adopt(task, busy)
        return task

    def one_at_a_time(self) -> OneAtATime:
        """A task for writing that ends with the view model."""
        task = OneAtATime(self)
        self._adopt(task, True)
        return task

    def _adopt(self, task: Task, busy: bool) -> None:
        task.failed.connect(self.failed)
        if busy:
            task.running_changed.connect(self.busy_changed)
        self._closing.append(task.close)

    def show(self) -> None:
        """The page came to the front."""
        self._visible = True
        if self._stale:
            self.refresh()

    def hide(self) -> None:
        """The page went behind another: changes are noted and read when it comes back."""
        self._visible = False

    def refresh(self) -> None:
        """Read again what is shown."""
        self._stale = self._again = False
        self._loading.start(self._load)

    def reread(self) -> None:
        """Refresh because something changed, perhaps again and again; nobody asked for it."""
        self.refresh()

    async def _load(self) -> None:
        """Read what the page shows, and tell it."""

    def act(self, work: Callable[..., Awaitable[None]], *args: object) -> None:
        """Do something that changes things, unless something is being done already; then say so."""
        if self._acting.running:
            self.workspace.toasted.emit("Something is still being done here; try again in a moment")
            return
        self.failed.emit(None)
        self._acting.start(work, *args)

    async def read(self, work: Callable[[Work], R]) -> R:
        """What `work` finds in one snapshot of the database; runs on a database thread."""
        return await self.console.workers.database.run(self._in_snapshot, work)

    def _in_snapshot(self, work: Callable[[Work], R]) -> R:
        with self.console.store.read() as snapshot:
            return work(snapshot)

    def loaded(self) -> None:
        """Say so. A notice that reading failed is over; what an action said stays until it is read."""
        if self._load_failed:
            self._load_failed = False
            self.failed.emit(None)
        self.refreshed.emit(self.workspace.now_ms())

    def close(self) -> None:
        """Stop for good. A thread that still works for us may go on telling how far it is; nobody hears it."""
        self.workspace.changed.disconnect(self._hear)
        for close in self._closing:
            close()
        # To Qt, the sender is the receiver of a lambda and holds it, as the lambda does the page, and the page us.
        for sender in (self, *self.findChildren(QObject)):
            sender.disconnect(sender, None)

    @Slot(object)
    def _loading_failed(self, _error: object) -> None:
        self._load_failed = True

    @Slot(bool)
    def _loading_over(self, running: bool) -> None:
        if not running and self._again:
            self._again = False
            self._hear(self.topics)

    @Slot(object)
    def _hear(self, topics: frozenset[str]) -> None:
        if topics & self.topics:
            if self._visible and self._loading.running:
                # Under a flood of changes what is being read is shown, and then read again.
                self._again = True
            elif self._visible:
                self.reread()
            else:
                self._stale = True


class Rows(QObject):
    """A table's rows, read page by page from one query.

    Args:
        fetch: Reads a page: (snapshot, after, limit).
    """

    def __init__(
        self,
        model: ViewModel,
        columns: tuple[Column, ...],
        fetch: Callable[[Work, Cursor | None, int], Page[Any]],
        identity: Callable[[Any], object],
    ) -> None:
        super().__init__(model)
        self.table = RowTable(columns, identity)
        self._model = model
        self._fetch = fetch
        self._more = model.latest()
        self.table.page_wanted.connect(self._next)
        self._more.failed.connect(lambda _error: self.table.stop())

    async def reload(self, *, from_start: bool = False) -> None:
        """Read again as many rows as are shown, or the first page; what is shown stays until the answer is there."""
        shown = 0 if from_start else len(self.table.rows)
        limit = min(max(PAGE_ROWS, shown), MOST_RELOADED)
        page = await self._model.read(lambda work: self._fetch(work, None, limit))
        self.table.show_rows(page.rows, page.next_after)

    def _next(self, after: Cursor | None) -> None:
        self._more.start(self._append, after)

    async def _append(self, after: Cursor | None) -> None:
        self.table.append(await self._model.read(lambda work: self._fetch(work, after, PAGE_ROWS)))
