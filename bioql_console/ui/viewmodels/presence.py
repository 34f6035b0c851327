"""Who else of the team looks at the same."""

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from bioql_console.services.team import BEAT_EVERY_MS, Colleague
from bioql_console.ui.tasks import LatestTask
from bioql_console.ui.workspace import Workspace

MOST_NAMED = 2


class Presence(QObject):
    """Signals: `changed` with the words to show; empty when nobody else looks."""

    changed = Signal(str)

    def __init__(self, workspace: Workspace, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._subject = ""
        self._telling = LatestTask(self)
        self._beat = QTimer(self)
        self._beat.setInterval(BEAT_EVERY_MS)
        self._beat.timeout.connect(self._tell)
        workspace.changed.connect(self._hear)

    def look_at(self, subject: str) -> None:
        """What is shown here now; empty when nothing is."""
        if subject == self._subject:
            return
        self._subject = subject
        if subject:
            self._beat.start()
        else:
            self._beat.stop()
        self._tell()
        self._show()

    def close(self) -> None:
        self._beat.stop()
        self._telling.close()
        self._workspace.changed.disconnect(self._hear)

    def _tell(self) -> None:
        self._telling.start(self._tell_team, self._subject)

    async def _tell_team(self, subject: str) -> None:
        console = self._workspace.console
        await console.workers.database.run(console.team.look_at, subject, console.operator)

    def _show(self) -> None:
        others = self._workspace.console.team.others_at(self._subject) if self._subject else []
        self.changed.emit(presence_words(others))

    @Slot(object)
    def _hear(self, topics: frozenset[str]) -> None:
        if "presence" in topics:
            self._show()


def presence_words(others: list[Colleague]) -> str:
    """A sentence such as "Ada (lab-3) is looking at this customer"."""
    if not others:
        return ""
    names = [f"{each.operator} ({each.host})" for each in others[:MOST_NAMED]]
    if len(others) > MOST_NAMED:
        names.append(f"{len(others) - MOST_NAMED} more")
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{listed} {'is' if len(others) == 1 else 'are'} looking at this customer"
