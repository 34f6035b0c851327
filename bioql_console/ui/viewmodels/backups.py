"""The backups of this computer, and making one; on a thread of its own, so that the pages go on reading."""

import shlex
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Signal

from bioql_console.domain.backups import Backup, Made
from bioql_console.domain.errors import OperatorError
from bioql_console.settings import data_directory
from bioql_console.ui import formats
from bioql_console.ui.models.row_table import Column, Look, RowTable
from bioql_console.ui.viewmodels.long_work import LongWork
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.workspace import Workspace

COLUMNS = (
    Column("Made", lambda backup: formats.short_moment(backup.made_ms), width=112),
    Column("Why", lambda backup: backup.reason.words, Look.MUTED, width=0),
    Column("Of", lambda backup: backup.environment.word if backup.environment else "—", width=88),
    Column("Kind", lambda backup: backup.kind, Look.MUTED, width=86, optional=True),
    Column("Size", lambda backup: formats.size(backup.size_bytes), Look.NUMBER, width=72),
)


class BackupsViewModel(ViewModel):
    """Signals:
    progressed: 0–1 and words, from any thread.
    made: The Made backup.
    ended: It was stopped or refused; what refused it is told by `failed`.
    """

    progressed = Signal(float, str)
    made = Signal(object)
    ended = Signal()
    topics: ClassVar[frozenset[str]] = frozenset({"activity"})

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.table = RowTable(COLUMNS, lambda backup: backup.path)
        self._work = LongWork("backup", self.progressed.emit)

    @property
    def folder(self) -> Path:
        return self.console.backups.folder

    async def _load(self) -> None:
        self.table.show_rows(await self.console.workers.probe.run(self.console.backups.listed))
        self.loaded()

    def cancel(self) -> None:
        """End what is under way; nothing is left of it."""
        self._work.stop()

    async def back_up(self) -> None:
        """Make one; the books in it are recomputed."""
        stop = self._work.begin()
        backups, operator = self.console.backups, self.console.operator

        def work() -> Made:
            return backups.back_up(operator, progress=self._work.progress, cancelled=stop.is_set)

        try:
            self.made.emit(await self._work.run(work))
        except OperatorError as error:
            self.ended.emit()
            if not stop.is_set():
                raise error
        finally:
            self.refresh()  # not waited for: whoever presses again is not told that something is still being done

    def restore_command(self, backup: Backup | None) -> str:
        """What to type to put a backup in the ledger's place."""
        of = (backup.environment if backup else None) or self.console.environment
        words = ["bioql-console", "restore", str(backup.path) if backup else "FILE", "--replace", "--env", of.value]
        if self.console.data_dir != data_directory(None, make=False):
            words += ["--data-dir", str(self.console.data_dir)]
        return shlex.join(words)

    def close(self) -> None:
        super().close()
        self._work.close()
