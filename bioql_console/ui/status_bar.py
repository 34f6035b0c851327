"""The signs of life at the foot of the window: words and a dot; a click says the reason and the cure."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from bioql_console.domain.plain_text import in_line
from bioql_console.ui.theme import color
from bioql_console.ui.vital import UNKNOWN, Vital
from bioql_console.ui.widgets.labels import PlainLabel, tip
from bioql_console.ui.widgets.overlays import Popover

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon

HEIGHT = 30
DOT = 9


class StatusBar(QFrame):
    """Signals: `page_asked` with the page where a sign of life is cured."""

    page_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("statusBar")
        self.setFixedHeight(HEIGHT)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 12, 0)
        row.setSpacing(4)
        self.signs: dict[str, QPushButton] = {}
        self._vitals = dict(UNKNOWN)
        for name in UNKNOWN:
            sign = QPushButton()
            sign.setObjectName(f"{name}Sign")
            sign.setIconSize(QSize(DOT, DOT))
            sign.clicked.connect(lambda _checked=False, name=name: self._explain(name))
            row.addWidget(sign)
            self.signs[name] = sign
        row.addStretch(1)
        self.clock = PlainLabel("", "muted")
        row.addWidget(self.clock)
        self.popover: Popover | None = None
        self._dots: dict[str, QIcon] = {}
        for name, vital in UNKNOWN.items():
            self.signs[name].setText(vital.words)

    def show_sign(self, name: str, vital: Vital) -> None:
        self._vitals[name] = vital
        sign = self.signs[name]
        sign.setText(in_line(vital.words).replace("&", "&&"))
        sign.setIcon(self._dot(vital))
        sign.setToolTip(tip("\n".join(part for part in (vital.reason, vital.cure) if part)))

    def restyle_dots(self) -> None:
        """Draw the dots in the colours of another theme."""
        for name, vital in self._vitals.items():
            self.signs[name].setIcon(self._dot(vital))

    def forget(self) -> None:
        """Nothing is known any more."""
        for name, vital in UNKNOWN.items():
            self.show_sign(name, vital)

    def _dot(self, vital: Vital) -> "QIcon":
        """Drawn once in each colour: of every new picture Qt keeps what it made of it, up to ten mebibytes in all."""
        ink = color(vital.state)
        if ink.name() not in self._dots:
            self._dots[ink.name()] = _dot(ink)
        return self._dots[ink.name()]

    def _explain(self, name: str) -> None:
        vital = self._vitals[name]
        if self.popover is None:
            self.popover = Popover(self.window())
        action = (f"Open {vital.page.capitalize()}", lambda: self.page_asked.emit(vital.page)) if vital.page else None
        reason = vital.reason or "Nothing is known yet."
        self.popover.show_above(self.signs[name], vital.words, reason, vital.cure, action)


def _dot(ink: QColor) -> "QIcon":
    from PySide6.QtGui import QIcon, QPainter, QPixmap  # the first frame does without dots

    pixmap = QPixmap(DOT * 2, DOT * 2)
    pixmap.fill(QColor(0, 0, 0, 0))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(ink)
    painter.setBrush(ink)
    painter.drawEllipse(2, 2, DOT * 2 - 4, DOT * 2 - 4)
    painter.end()
    pixmap.setDevicePixelRatio(2)
    return QIcon(pixmap)
