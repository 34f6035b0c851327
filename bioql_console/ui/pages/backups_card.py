"""Settings: the backups of this computer, making one, and how one is restored."""

from pathlib import Path

from PySide6.QtCore import Slot

from bioql_console.domain.backups import Made
from bioql_console.ui import formats
from bioql_console.ui.pages.page import open_folder, toolbar
from bioql_console.ui.viewmodels.backups import BackupsViewModel
from bioql_console.ui.widgets.buttons import CopyButton, button
from bioql_console.ui.widgets.cards import Card
from bioql_console.ui.widgets.labels import PlainLabel
from bioql_console.ui.widgets.progress import Progress
from bioql_console.ui.widgets.tables import DataTable
from bioql_console.ui.workspace import Workspace

TABLE_HEIGHT = 200
NONE_YET = "None yet. One is made by itself before each upgrade and import."
SOME = "Take copies to another computer as well. They hold names and payments, no keys."
TO_RESTORE = "To restore the chosen one, close the console and every server on the ledger, then run:"


class BackupsCard(Card):
    """A list and a button; what is under way shows how far it is, and can be stopped."""

    def __init__(self) -> None:
        super().__init__("Backups", "copies of the ledger on this computer")
        self._last = ""
        self._made: Made | None = None
        self.table = DataTable("Backups")
        self.table.setFixedHeight(TABLE_HEIGHT)
        self.words = PlainLabel(NONE_YET, "muted").wrapped()
        self.progress = Progress("Progress of the backup")
        self.make = button("Back up now", self._make)
        self.stop = button("Stop", self._stop, "quiet")
        self.show_folder = button("Show in folder", self._show_folder)
        self.how = PlainLabel(TO_RESTORE, "muted").wrapped()
        self.command = PlainLabel("", "mono").wrapped().selectable()
        self.copy = CopyButton("Copy command", self.command.text, "the command")
        for part in (self.table, self.words, self.progress):
            self.body.addWidget(part)
        self.body.addLayout(toolbar(self.make, self.stop, self.show_folder, None))
        for part in (self.how, self.command):
            self.body.addWidget(part)
        self.body.addLayout(toolbar(self.copy, None))
        for hidden in (self.table, self.progress, self.stop, self.how, self.command, self.copy):
            hidden.hide()

    def attach(self, workspace: Workspace) -> BackupsViewModel:
        """Bring it to life; the page shows and closes what is returned."""
        self._workspace = workspace
        model = self._model = BackupsViewModel(workspace)
        self.table.show_table(model.table)
        model.refreshed.connect(self._show_list)
        # Methods, not lambdas: progress is told from another thread and must be shown on the window's.
        model.progressed.connect(self._show_progress)
        model.made.connect(self._show_made)
        model.ended.connect(self._show_end)
        self.table.selected.connect(lambda _row: self._show_command())
        self.copy.copied.connect(workspace.toasted)
        return model

    @property
    def folder(self) -> Path:
        return self._model.folder

    def _show_list(self) -> None:
        some = bool(self._model.table.rows)
        self.words.setText(f"{self._last} {SOME}".strip() if some else NONE_YET)
        for part in (self.table, self.how, self.command, self.copy):
            part.setVisible(some)
        if some and (self._made or self.table.current_row() is None):
            self._made = None
            self.table.select_row(0)
        self._show_command()

    def _show_command(self) -> None:
        self.command.setText(self._model.restore_command(self.table.current_row()))

    def _make(self) -> None:
        if self._model.acting:
            return
        self.make.setEnabled(False)
        self.words.hide()
        for part in (self.progress, self.stop):
            part.show()
        self._show_progress(0, "copying")
        self._model.act(self._model.back_up)

    def _stop(self) -> None:
        self.progress.words.setText("Stopping…")
        self._model.cancel()

    @Slot(float, str)
    def _show_progress(self, fraction: float, words: str) -> None:
        if not self.make.isEnabled():
            self.progress.show_progress(fraction, f"{words[:1].upper()}{words[1:]}…")

    @Slot(object)
    def _show_made(self, made: Made) -> None:
        self._show_end()
        self._last, self._made = _words(made), made
        self._workspace.toasted.emit("Backup made")

    @Slot()
    def _show_end(self) -> None:
        self.make.setEnabled(True)
        self.words.show()
        for part in (self.progress, self.stop):
            part.hide()

    def _show_folder(self) -> None:
        if not open_folder(self._model.folder):
            self._workspace.toasted.emit(f"The folder is {self._model.folder}")


def _words(made: Made) -> str:
    """What is in it, and whether its books balance."""
    found = made.verification
    if found is None:
        return f"{made.backup.path.name} is made."
    books = "its books balance" if found.ok else "but its books do not balance: look at the Activity page"
    return f"{made.backup.path.name} is made; {books}. {formats.plural(found.users, 'user', 'users')} in it."
