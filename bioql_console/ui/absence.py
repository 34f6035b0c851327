"""Says what came while no console was running, once it is brought in."""

from PySide6.QtCore import QObject, Slot

from bioql_console.ui import formats
from bioql_console.ui.workspace import Workspace


class AbsenceNote(QObject):
    """A sentence for a moment, on whichever page one is; the Webhooks page names each event."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._said = 0
        workspace.changed.connect(self._hear)

    @Slot(object)
    def _hear(self, topics: frozenset[str]) -> None:
        away = self._workspace.console.missed_events.status.away if "backfill" in topics else None
        if away is not None and len(away.events) > self._said:
            self._said = len(away.events)
            came = formats.plural(self._said, "event was", "events were")
            self._workspace.toasted.emit(f"{came} brought in that came while you were away")
