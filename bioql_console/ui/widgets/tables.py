"""The table of every page: dense, keyboard-first, and honest about what it shows."""

from typing import Any

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPersistentModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from bioql_console.ui.memory import Memory
from bioql_console.ui.models.row_table import Column, Look, Role, RowTable
from bioql_console.ui.theme import color, mono_font

ROW_HEIGHT = 28
PAD = 8
NARROWEST = 40
NARROWEST_REST = 150
Index = QModelIndex | QPersistentModelIndex


class CellPainter(QStyledItemDelegate):
    """Draws the cells of a column by its look. Plain columns have Qt's own delegate, which no Python slows down."""

    def __init__(self, parent: QTableView, column: Column) -> None:
        super().__init__(parent)
        self._look = column.look
        self._toned = column.tone is not None

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        tone = "muted" if self._look is Look.MUTED else index.data(Role.TONE) if self._toned else None
        if self._look is Look.MONO:
            option.font = mono_font()
        if tone:
            palette = option.palette
            palette.setColor(palette.ColorRole.Text, color(tone))
            palette.setColor(palette.ColorRole.HighlightedText, color(tone))


class PillPainter(QStyledItemDelegate):
    """Draws a state as a pill."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.text = ""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        self._paint_pill(painter, option, str(index.data() or ""), index.data(Role.TONE))

    def _paint_pill(self, painter: QPainter, option: QStyleOptionViewItem, text: str, tone: str | None) -> None:
        if not text:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = option.fontMetrics
        room = QRectF(option.rect).adjusted(PAD - 2, 5, -PAD, -5)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()) - 10)
        room.setWidth(metrics.horizontalAdvance(shown) + 12)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color(f"{tone or 'unknown'}_soft"))
        painter.drawRoundedRect(room, 4, 4)
        painter.setPen(color(tone or "unknown"))
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, shown)
        painter.restore()


def _painter(table: QTableView, column: Column) -> QStyledItemDelegate:
    if column.look is Look.PILL:
        return PillPainter(table)
    plain = column.look in (Look.TEXT, Look.NUMBER) and column.tone is None
    return QStyledItemDelegate(table) if plain else CellPainter(table, column)


class DataTable(QTableView):
    """Shows a RowTable.

    Args:
        name: What a screen reader says, and under which widths and order are remembered.

    Signals:
        opened: A row, by Enter or double click.
        selected: The current row.
        sort_asked: A column's `sort`, and whether descending.
    """

    opened = Signal(object)
    selected = Signal(object)
    sort_asked = Signal(str, bool)

    def __init__(self, name: str, *, many: bool = False) -> None:
        super().__init__()
        self.setObjectName(f"{name.lower().replace(' ', '_')}_table")
        self.setAccessibleName(name)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        mode = QAbstractItemView.SelectionMode
        self.setSelectionMode(mode.ExtendedSelection if many else mode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_HEIGHT)
        columns = self.horizontalHeader()
        columns.setHighlightSections(False)
        columns.setMinimumSectionSize(NARROWEST)
        columns.setFixedHeight(ROW_HEIGHT)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        columns.sectionClicked.connect(self._header_clicked)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.data(Role.ROW)))
        self._kept: object = None

    def show_table(self, table: RowTable) -> None:
        """Show a model, and keep the same row current when its rows are replaced."""
        self.setModel(table)
        header = self.horizontalHeader()
        for number, column in enumerate(table.columns):
            self.setItemDelegateForColumn(number, _painter(self, column))
            header.setSectionResizeMode(
                number, QHeaderView.ResizeMode.Interactive if column.width else QHeaderView.ResizeMode.Stretch
            )
            if column.width:
                self.setColumnWidth(number, column.width)
        self._make_room()
        header.setSectionsClickable(any(column.sort for column in table.columns))
        self.selectionModel().currentRowChanged.connect(self._current_changed)
        table.modelReset.connect(self._restore_current)

    def current_row(self) -> Any:
        """The current row, or None."""
        return self.currentIndex().data(Role.ROW) if self.currentIndex().isValid() else None

    def selected_rows(self) -> list[Any]:
        return [index.data(Role.ROW) for index in self.selectionModel().selectedRows()]

    def select_row(self, number: int) -> None:
        """Make a row current and visible."""
        index = self.model().index(number, 0)
        flag = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
        self.scrollTo(index)

    def show_order(self, sort: str, descending: bool) -> None:
        """Mark the column that rows are ordered by."""
        self._table().show_order(sort, descending)

    def remember(self, memory: Memory) -> None:
        """Keep the columns' widths for the next start."""
        header = self.horizontalHeader()
        memory.put(f"columns/{self.objectName()}", [header.sectionSize(number) for number in range(header.count())])

    def recall(self, memory: Memory) -> None:
        widths = memory.get(f"columns/{self.objectName()}", list, [])
        columns = self._table().columns
        if len(widths) == len(columns) and all(isinstance(width, int) and width >= NARROWEST for width in widths):
            for number, width in enumerate(widths):
                if columns[number].width:
                    self.setColumnWidth(number, width)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.matches(QKeySequence.StandardKey.Copy) and index.isValid():
            QGuiApplication.clipboard().setText(str(index.data(Role.PLAIN) or ""))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and index.isValid():
            self.opened.emit(index.data(Role.ROW))
        else:
            super().keyPressEvent(event)

    def _table(self) -> RowTable:
        table = self.model()
        assert isinstance(table, RowTable)
        return table

    def _header_clicked(self, number: int) -> None:
        column = self._table().columns[number]
        if not column.sort:
            return
        sort, descending = self._table().order
        same = sort == column.sort
        self.sort_asked.emit(column.sort, not descending if same else column.look is Look.NUMBER)

    def viewportEvent(self, event: QEvent) -> bool:
        # A style sheet takes the ground away from a view, which then repaints itself whole for each step of the wheel.
        if event.type() is QEvent.Type.Paint and not self.viewport().autoFillBackground():
            self.viewport().setAutoFillBackground(True)
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if isinstance(self.model(), RowTable):
            self._make_room()

    def _make_room(self) -> None:
        """Hide optional columns, rightmost first, until the one that takes the rest can be read."""
        columns = self._table().columns
        if all(column.width for column in columns):
            return
        room = self.viewport().width() - sum(column.width for column in columns)
        for number in range(len(columns) - 1, -1, -1):
            if columns[number].optional:
                hide = room < NARROWEST_REST
                self.setColumnHidden(number, hide)
                room += columns[number].width if hide else 0

    def _current_changed(self, current: Index, _previous: Index) -> None:
        row = current.data(Role.ROW) if current.isValid() else None
        if row is not None:
            self._kept = self._table().identity(row)
            self.selected.emit(row)

    def _restore_current(self) -> None:
        """What is shown beside the table stays, also when its row no longer fits the filter: it may be at work."""
        number = self._table().row_of(self._kept) if self._kept is not None else -1
        if number >= 0:
            self.select_row(number)
