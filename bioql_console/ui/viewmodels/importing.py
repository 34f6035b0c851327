"""Bringing in a `users.db`: a preview first, then the import; both off the window's threads, both cancellable."""

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.imports import ImportReport
from bioql_console.ui.viewmodels.long_work import LongWork
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace


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
        self._work = LongWork("import", self.progressed.emit)
        self._looking = self.latest()

    def preview(self) -> None:
        """Look through the file; a preview under way is begun anew."""
        self._work.stop()
        self._looking.start(self._preview, self._work.begin())

    def bring_in(self) -> None:
        """Import for good."""
        self.act(self._bring_in)

    def cancel(self) -> None:
        """End what is under way; nothing is changed."""
        self._work.stop()

    async def _preview(self, stop: threading.Event) -> None:
        imports = self.console.imports

        def look() -> ImportReport:
            return imports.preview(
                self.path, with_credit=self.with_credit, progress=self._work.progress, cancelled=stop.is_set
            )

        report = await self._asked(look, stop)
        if report is not None:
            self.previewed.emit(report)

    async def _bring_in(self) -> None:
        stop = self._work.begin()
        imports, operator = self.console.imports, self.console.operator

        def work() -> ImportReport:
            return imports.run(
                self.path,
                operator=operator,
                with_credit=self.with_credit,
                progress=self._work.progress,
                cancelled=stop.is_set,
            )

        report = await self._asked(work, stop)
        if report is not None:
            self.imported.emit(report)

    async def _asked(self, work: Callable[[], ImportReport], stop: threading.Event) -> ImportReport | None:
        """The report; None when it was cancelled or refused."""
        try:
            return await self._work.run(work)
        except OperatorError as error:
            if not stop.is_set():
                self.refused.emit(error)
            return None

    def close(self) -> None:
        super().close()
        self._work.close()
