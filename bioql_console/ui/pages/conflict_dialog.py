"""Two operators edited the same: both values are shown, and whoever came second chooses."""

from collections.abc import Awaitable, Callable

from PySide6.QtWidgets import QWidget

from bioql_console.domain.edits import Conflict
from bioql_console.ui.viewmodels.view_model import ViewModel
from bioql_console.ui.widgets.cards import KeyValues
from bioql_console.ui.widgets.dialogs import Asked
from bioql_console.ui.widgets.labels import PlainLabel

# Writes an edit that was begun on the version that is named.
Write = Callable[[int], Awaitable[None]]


class ConflictDialog(Asked):
    """Theirs beside mine."""

    def __init__(self, parent: QWidget, environment: str, conflict: Conflict) -> None:
        title = f"{conflict.subject} was changed"
        super().__init__(parent, title, environment, "Write mine", cancel="Keep theirs")
        words = f"{conflict.by} saved {conflict.when}, while you were at it. Nothing was written over."
        self.body.addWidget(PlainLabel(words, "muted").wrapped())
        rows = [("Now it is", conflict.theirs), ("You want", conflict.mine)]
        if conflict.did:
            rows.insert(0, ("They did", conflict.did))
        self.values = KeyValues()
        self.values.show_rows(rows)
        self.body.addWidget(self.values)


async def settle(parent: QWidget, model: ViewModel, seen_version: int, write: Write) -> None:
    """Write an edit; where somebody was faster, as often as that happens, ask whose shall stand."""
    version = seen_version
    while True:
        try:
            await write(version)
            return
        except Conflict as conflict:
            model.refresh()
            if not await ConflictDialog(parent, model.console.environment.word, conflict).ask():
                model.workspace.toasted.emit(f"What {conflict.by} saved stays")
                return
            version = conflict.version
