"""Bringing in a `users.db`: a preview first, then the import; both off the window's threads, both cancellable."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.imports import ImportReport
from bioql_console.services.worker import Worker
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

# A bar that moves more often than this is no better.
SHOW_EVERY_S = 0.05


class ImportViewModel(ViewModel):
    """Signals: `progressed` with 0–1 and words, from any thread; `previewed` and `imported` with an ImportReport;
    `refused` with the OperatorError that ended it."""

    progressed = Signal(float, str)
    previewed = Signal(object)
    imported = Signal(object)
    refused = Signal(object)

    def __init__(self, workspace: Workspace, path: Path) -> None:
        super().__init__(workspace)
        self.path = path
        self.with_credit = True
        # Of its own, so that the pages go on reading while a big file is looked through.
        self._worker = Worker("import")
        self._stop = threading.Event()
        self._looking = self.latest()
        self._said_at = 0.0

    def preview(self) -> None:
        """Look through the file; a preview under way is begun anew."""
        self._stop.set()
        self._stop = threading.Event()
        self._looking.start(self._preview)

    def bring_in(self) -> None:
        """Import for good."""
        self.act(self._bring_in)

    def cancel(self) -> None:
        """End what is under way; nothing is changed."""
        self._stop.set()

    async def _preview(self) -> None:
        stop, imports = self._stop, self.console.imports

        def look() -> ImportReport:
            return imports.preview(
                self.path, with_credit=self.with_credit, progress=self._progress, cancelled=stop.is_set
            )

        report = await self._asked(look, stop)
        if report is not None:
            self.previewed.emit(report)

    async def _bring_in(self) -> None:
        stop = self._stop = threading.Event()
        imports, operator = self.console.imports, self.console.operator

        def work() -> ImportReport:
            return imports.run(
                self.path,
                operator=operator,
                with_credit=self.with_credit,
                progress=self._progress,
                cancelled=stop.is_set,
            )

        report = await self._asked(work, stop)
        if report is not None:
            self.imported.emit(report)

    async def _asked(self, work: Callable[[], ImportReport], stop: threading.Event) -> ImportReport | None:
        """The report; None when it was cancelled or refused."""
        try:
            return await self._worker.run(work)
        except OperatorError as error:
            if not stop.is_set():
                self.refused.emit(error)
            return None

    def _progress(self, done: int, total: int, words: str) -> None:
        """Called on the import's thread."""
        now = time.monotonic()
        if now - self._said_at >= SHOW_EVERY_S:
            self._said_at = now
            self.progressed.emit(done / max(1, total), words)

    def close(self) -> None:
        self._stop.set()
        super().close()
        threading.Thread(target=self._worker.close, name="import-end", daemon=True).start()
