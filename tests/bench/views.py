"""Tables to compare ours with, and when a view has painted what it was to show. Runs within our window."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QHeaderView, QTableView

Index = QModelIndex | QPersistentModelIndex
SIZE = (1100, 800)
ROW_HEIGHT = 28
WITHIN_S = 60.0
TITLES = ("Name", "E-mail", "Plan", "Owes", "Customer", "Seen")
EVERYBODY = (
    "SELECT u.name, u.email, u.plan, b.receivable_micros, u.stripe_customer_id, u.last_used_ms"
    " FROM users u JOIN balances b ON b.user_id = u.id"
)


class ListModel(QAbstractTableModel):
    """All rows in a list, as anybody would write it first."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        super().__init__()
        self._rows = rows

    def rowCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: B008  # as in Qt
        return len(self._rows)

    def columnCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: B008  # as in Qt
        return len(TITLES)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return str(self._rows[index.row()][index.column()])


class ConstantModel(ListModel):
    """The least that a table in Python can do: the same word in each cell."""

    def data(self, _index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return "Ada Lovelace" if role == Qt.ItemDataRole.DisplayRole else None


def plain_view(model: QAbstractTableModel) -> QTableView:
    """Qt's own view with rows of one height, which is what makes it fast."""
    view = QTableView()
    view.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.verticalHeader().hide()
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    view.setModel(model)
    for number in range(len(TITLES)):
        view.setColumnWidth(number, SIZE[0] // len(TITLES))
    view.resize(*SIZE)
    view.ensurePolished()
    view.viewport().setAutoFillBackground(True)  # what a style sheet takes away: else each step of the wheel paints all
    return view


def everybody(path: str) -> list[tuple[Any, ...]]:
    file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return file.execute(EVERYBODY).fetchall()
    finally:
        file.close()


class Painted(QObject):
    """When a view was painted while a condition held."""

    def __init__(self, view: QTableView, condition: Callable[[], bool]) -> None:
        super().__init__(view)
        self._condition = condition
        self._loop = asyncio.get_running_loop()
        self._at_ns: asyncio.Future[int] = self._loop.create_future()
        view.viewport().installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint and not self._at_ns.done() and self._condition():
            self._loop.call_soon(self._note)  # the view paints as soon as we return
        return False

    def _note(self) -> None:
        if not self._at_ns.done():
            self._at_ns.set_result(time.monotonic_ns())

    async def at_ns(self) -> int:
        async with asyncio.timeout(WITHIN_S):
            return await self._at_ns
