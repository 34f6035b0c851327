"""Ctrl+K: every action by name, and users by anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsDropShadowEffect,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioql_console.domain.paging import UserQuery
from bioql_console.domain.plain_text import in_line, isolated
from bioql_console.domain.users import User
from bioql_console.ui import formats
from bioql_console.ui.tasks import LatestTask
from bioql_console.ui.workspace import Workspace

WIDTH, HEIGHT = 640, 420
MOST_USERS = 8
SHORTEST_SEARCH = 2


@dataclass(frozen=True, slots=True)
class Command:
    """Something to do, by name.

    Args:
        keys: Its shortcut, shown beside it.
        lacking: The right that is missing for it; it can't be chosen then.
    """

    title: str
    run: Callable[[], object]
    keys: str = ""
    lacking: str = ""


class CommandPalette(QFrame):
    """A field and what fits. Arrows move, Enter does it, Esc leaves."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self.setObjectName("palette")
        self.setFixedSize(WIDTH, HEIGHT)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(40)
        shadow.setOffset(0, 8)
        self.setGraphicsEffect(shadow)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.field = QLineEdit()
        self.field.setObjectName("paletteField")
        self.field.setPlaceholderText("Search users, ids, or run a command…")
        self.field.setAccessibleName("Search or run a command")
        self.list = QListWidget()
        self.list.setObjectName("paletteList")
        self.list.setAccessibleName("What fits")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column.addWidget(self.field)
        column.addWidget(self.list)
        self._commands: Sequence[Command] = ()
        self._workspace: Workspace | None = None
        self._searching = LatestTask(self)
        self.field.textChanged.connect(self._show)
        self.field.returnPressed.connect(self.run_current)
        self.list.itemClicked.connect(lambda _item: self.run_current())
        self.field.installEventFilter(self)
        self.hide()

    def open_with(self, commands: Sequence[Command], workspace: Workspace | None) -> None:
        self._commands, self._workspace = commands, workspace
        self.move((self._window.width() - WIDTH) // 2, 60)
        self.field.clear()
        self._show("")
        self.show()
        self.raise_()
        self.field.setFocus()

    def run_current(self) -> None:
        item = self.list.currentItem()
        if item is not None and item.flags() & Qt.ItemFlag.ItemIsEnabled:
            self._leave()
            item.data(Qt.ItemDataRole.UserRole)()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
            step = steps.get(Qt.Key(event.key()))
            if step is not None:
                self.list.setCurrentRow(max(0, min(self.list.count() - 1, self.list.currentRow() + step)))
                return True
            if event.key() == Qt.Key.Key_Escape:
                self._leave()
                return True
        if event.type() == QEvent.Type.FocusOut and not self.isAncestorOf(self._window.focusWidget() or self._window):
            self._leave()
        return super().eventFilter(watched, event)

    def _leave(self) -> None:
        self._searching.close()
        self.hide()

    def _show(self, text: str) -> None:
        words = text.casefold().split()
        self.list.clear()
        for command in self._commands:
            if all(word in command.title.casefold() for word in words):
                self._add(f"{command.title}    {command.keys}".rstrip(), command.run, command.lacking)
        self.list.setCurrentRow(0)
        if self._workspace is not None and len(text.strip()) >= SHORTEST_SEARCH:
            self._searching.start(self._find_users, text.strip())

    async def _find_users(self, text: str) -> None:
        workspace = self._workspace
        assert workspace is not None

        def find() -> tuple[User, ...]:
            with workspace.console.store.read() as work:
                return work.users.page(UserQuery(text=text), None, MOST_USERS).rows

        for user in await workspace.console.workers.database.run(find):
            owed = formats.dollars(user.balance.owed_micros)
            title = f"{isolated(user.name)} · {isolated(user.email)} · owes {owed}"
            self._add(title, partial(workspace.page_asked.emit, "users", user.id))
        if self.list.currentRow() < 0:
            self.list.setCurrentRow(0)

    def _add(self, title: str, run: Callable[[], object], lacking: str = "") -> None:
        title = in_line(title)
        item = QListWidgetItem(f"{title}    {lacking.partition('; ')[0]}" if lacking else title)
        if lacking:
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
            item.setToolTip(lacking)
        item.setData(Qt.ItemDataRole.UserRole, run)
        self.list.addItem(item)
