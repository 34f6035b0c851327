"""The list of pages at the left, with their numbers for the keyboard."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem

from bioql_console.ui.registry import key_of
from bioql_console.ui.theme import color, tokens

if TYPE_CHECKING:
    from bioql_console.ui.icons import Icons

WIDTH = 196
ROW = 34


class _Numbered(QStyledItemDelegate):
    """Draws each page's number at the right."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        painter.setPen(color("muted"))
        room = option.rect.adjusted(0, 0, -12, 0)
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, key_of(index.row() + 1))


class Navigation(QListWidget):
    """Signals: `chosen` with a page's name."""

    chosen = Signal(str)

    def __init__(self, pages: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.setObjectName("navigation")
        self.setAccessibleName("Pages")
        self.setFixedWidth(WIDTH)
        self.setIconSize(QSize(16, 16))
        self.setItemDelegate(_Numbered(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._names = [name for name, _ in pages]
        for number, (_, title) in enumerate(pages, 1):
            item = QListWidgetItem(title)
            item.setSizeHint(QSize(0, ROW))
            key = key_of(number)
            item.setToolTip(f"{title}  (Alt+{key})" if key else title)
            self.addItem(item)
        self.currentRowChanged.connect(self._chosen)

    def row_of(self, name: str) -> int:
        return self._names.index(name)

    def show_page(self, name: str) -> None:
        """Mark a page as current, without a signal."""
        self.blockSignals(True)
        self.setCurrentRow(self.row_of(name))
        self.blockSignals(False)

    def show_icons(self, icons: "Icons") -> None:
        for number, name in enumerate(self._names):
            self.item(number).setIcon(icons.icon(name, tokens().muted, tokens().accent))

    def _chosen(self, row: int) -> None:
        if row >= 0:
            self.chosen.emit(self._names[row])
