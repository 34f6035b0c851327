"""Tables of frozen rows: columns are data, pages come by key, nothing is ever loaded whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from bioql_console.domain.paging import Cursor, Page
from bioql_console.domain.plain_text import in_line
from bioql_console.ui.widgets.labels import tip

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
# A cell is asked for seven roles each time it is painted; numbers are compared faster than members of an enumeration.
DISPLAY, ALIGNMENT, TOOL_TIP = (
    int(role) for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.TextAlignmentRole, Qt.ItemDataRole.ToolTipRole)
)
LEFT, RIGHT = (
    int((side | Qt.AlignmentFlag.AlignVCenter).value)
    for side in (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
)
# Shorter cells are never cut off.
LONG_TEXT = 10


class Look(Enum):
    """How a column's cells look."""

    TEXT = auto()
    MUTED = auto()
    NUMBER = auto()
    MONO = auto()
    PILL = auto()


class Role(IntEnum):
    """What the view asks for beyond Qt's own roles."""

    ROW = Qt.ItemDataRole.UserRole + 1
    PLAIN = Qt.ItemDataRole.UserRole + 2
    TONE = Qt.ItemDataRole.UserRole + 3


ROW, PLAIN, TONE = (int(role) for role in Role)
ASKED = frozenset((TOOL_TIP, ROW, PLAIN, TONE))


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        text: A row's cell.
        plain: What is copied; the cell's text when None.
        tone: State of a pill ("ok", "warn", "bad", "info", "unknown"), or "bad" to stress text; None for neither.
        sort: The query's name for this order; empty when it can't be sorted by.
        width: Pixels at first; 0 takes what is left over.
        optional: Gives way in a narrow window.
    """

    title: str
    text: Callable[[Any], str]
    look: Look = Look.TEXT
    plain: Callable[[Any], str] | None = None
    tone: Callable[[Any], str | None] | None = None
    sort: str = ""
    width: int = 120
    optional: bool = False


class State(Enum):
    READY = auto()
    WAITING = auto()
    STOPPED = auto()


class RowTable(QAbstractTableModel):
    """Rows seen so far. Asks for more; never fetches by itself.

    Args:
        identity: What makes a row the same row after a reload.

    Signals:
        page_wanted: The cursor after which to go on. Answer with `append` or `stop`.
    """

    page_wanted = Signal(object)

    def __init__(self, columns: Sequence[Column], identity: Callable[[Any], object] = lambda row: row) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.identity = identity
        self._sides = [RIGHT if column.look is Look.NUMBER else LEFT for column in self.columns]
        self._rows: list[Any] = []
        self._after: Cursor | None = None
        self._state = State.STOPPED
        self._order = ("", False)

    # --- what views ask

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == ALIGNMENT:
            return self._sides[index.column()]
        if (role != DISPLAY and role not in ASKED) or not index.isValid():
            return None
        row, column = self._rows[index.row()], self.columns[index.column()]
        if role == DISPLAY:
            return in_line(column.text(row))
        if role == TONE:
            return column.tone(row) if column.tone else None
        if role == TOOL_TIP:
            said = column.text(row)
            return tip(said) if len(said) > LONG_TEXT else None
        if role == PLAIN:
            return (column.plain or column.text)(row)
        return row

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Vertical or not 0 <= section < len(self.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            column, (sort, descending) = self.columns[section], self._order
            mark = (" ▾" if descending else " ▴") if sort and column.sort == sort else ""
            return column.title + mark
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = self.columns[section].look is Look.NUMBER
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def canFetchMore(self, parent: Index) -> bool:
        return not parent.isValid() and self._state is State.READY

    def fetchMore(self, parent: Index) -> None:
        if self.canFetchMore(parent):
            self._state = State.WAITING
            self.page_wanted.emit(self._after)

    # --- what view models tell

    @property
    def rows(self) -> Sequence[Any]:
        return self._rows

    def show_rows(self, rows: Sequence[Any], after: Cursor | None = None) -> None:
        """Show these instead of what was there. The same rows in the same order keep selection and scrolling."""
        same = [self.identity(row) for row in rows] == [self.identity(row) for row in self._rows]
        if same and rows:
            self._rows = list(rows)
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self.columns) - 1))
        elif not same:
            self.beginResetModel()
            self._rows = list(rows)
            self.endResetModel()
        self._after = after
        self._state = State.READY if after is not None else State.STOPPED

    @property
    def order(self) -> tuple[str, bool]:
        """What rows are ordered by, and whether descending."""
        return self._order

    def show_order(self, sort: str, descending: bool) -> None:
        """Mark the column that rows are ordered by; ordering them is the query's work."""
        self._order = (sort, descending)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    def append(self, page: Page[Any]) -> None:
        """The page that was wanted."""
        first = len(self._rows)
        if page.rows:
            self.beginInsertRows(NOWHERE, first, first + len(page.rows) - 1)
            self._rows.extend(page.rows)
            self.endInsertRows()
        self._after = page.next_after
        self._state = State.STOPPED if page.next_after is None else State.READY

    def stop(self) -> None:
        """The page can't be had; nothing is asked again until rows are shown anew."""
        self._state = State.STOPPED

    def row_of(self, identity: object) -> int:
        """Where a row is, −1 when it is not among those seen."""
        return next((number for number, row in enumerate(self._rows) if self.identity(row) == identity), -1)
