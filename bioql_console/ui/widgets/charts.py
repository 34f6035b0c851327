"""Small charts that paint themselves from whole numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from bioql_console.ui.theme import color
from bioql_console.ui.widgets.labels import tip

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

BAR_GAP = 3


class Sparkline(QWidget):
    """The course of a figure, without axes. Fewer than two values draw nothing."""

    def __init__(self, token: str = "chart") -> None:
        super().__init__()
        self._token = token
        self._values: tuple[int, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Course of this figure")

    def sizeHint(self) -> QSize:
        return QSize(110, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, 20)

    def show_values(self, values: Sequence[int]) -> None:
        if tuple(values) != self._values:
            self._values = tuple(values)
            self.update()

    def paintEvent(self, _event: "QPaintEvent") -> None:
        if len(self._values) < 2:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(color(self._token), 1.6))
        room = QRectF(self.rect()).adjusted(2, 3, -2, -3)
        least, most = min(self._values), max(self._values)
        span = (most - least) or 1
        step = room.width() / (len(self._values) - 1)
        points = [
            QPointF(room.left() + number * step, room.bottom() - (value - least) * room.height() / span)
            for number, value in enumerate(self._values)
        ]
        painter.drawPolyline(QPolygonF(points))


class BarChart(QWidget):
    """One bar for each label, e.g. shots a day. Hovering tells the value."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._bars: tuple[tuple[str, int, str], ...] = ()
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setMinimumHeight(96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(300, 110)

    def show_bars(self, bars: Sequence[tuple[str, int, str]]) -> None:
        """Label, height and spoken value of each bar."""
        self._bars = tuple(bars)
        self.setAccessibleDescription("; ".join(f"{label}: {said}" for label, _, said in self._bars[-31:]))
        self.update()

    def _slot(self) -> float:
        return self.width() / max(1, len(self._bars))

    def paintEvent(self, _event: "QPaintEvent") -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        foot = self.height() - 18
        painter.setPen(color("border"))
        painter.drawLine(0, foot, self.width(), foot)
        if not self._bars:
            painter.setPen(color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Nothing in this time")
            return
        most = max(height for _, height, _ in self._bars) or 1
        slot = self._slot()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("chart"))
        for number, (_, height, _) in enumerate(self._bars):
            if height:
                tall = max(2.0, (foot - 6) * height / most)
                bar = QRectF(number * slot + BAR_GAP / 2, foot - tall, max(1.0, slot - BAR_GAP), tall)
                painter.drawRoundedRect(bar, 1.5, 1.5)
        painter.setPen(color("muted"))
        labels = self.rect().adjusted(0, foot + 2, 0, 0)
        painter.drawText(labels, Qt.AlignmentFlag.AlignLeft, self._bars[0][0])
        if len(self._bars) > 1:
            painter.drawText(labels, Qt.AlignmentFlag.AlignRight, self._bars[-1][0])

    def mouseMoveEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        number = int(event.position().x() // self._slot())
        if 0 <= number < len(self._bars):
            label, _, said = self._bars[number]
            QToolTip.showText(event.globalPosition().toPoint(), tip(f"{label} · {said}"), self)


class ShareBar(QWidget):
    """Parts of a whole side by side, e.g. debts by age; the oldest is the loudest."""

    TONES = ("chart", "info", "warn", "bad", "bad")

    def __init__(self, name: str) -> None:
        super().__init__()
        self._parts: tuple[tuple[str, int, str], ...] = ()
        self.setAccessibleName(name)
        self.setFixedHeight(34)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_parts(self, parts: Sequence[tuple[str, int, str]]) -> None:
        """Label, size and spoken value of each part."""
        self._parts = tuple(parts)
        self.setAccessibleDescription("; ".join(f"{label}: {said}" for label, _, said in self._parts))
        self.update()

    def paintEvent(self, _event: "QPaintEvent") -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = sum(max(0, size) for _, size, _ in self._parts)
        left = 0.0
        for (label, size, _), tone in zip(self._parts, self.TONES, strict=False):
            width = self.width() * max(0, size) / whole if whole else 0.0
            if width < 1:
                continue
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color(tone))
            painter.drawRoundedRect(QRectF(left, 0, max(2.0, width - 2), 12), 3, 3)
            painter.setPen(color("muted"))
            room = QRectF(left, 15, width - 6, 18)
            text = f"{label} {100 * size // whole} %"
            if painter.fontMetrics().horizontalAdvance(text) <= room.width():
                painter.drawText(room, Qt.AlignmentFlag.AlignLeft, text)
            left += width
        if not whole:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("sunken"))
            painter.drawRoundedRect(QRectF(0, 0, self.width(), 12), 3, 3)
