"""Text that comes from outside is plain text: it can never be taken for markup."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from bioql_console.domain.plain_text import in_line, shown
from bioql_console.ui.theme import mono_font

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

LONGEST_TIP = 1_000


def tip(text: str) -> str:
    """A tool tip that says exactly this. Qt takes one with tags in it for a page, and loads the images it asks for."""
    text = shown(text, LONGEST_TIP)
    if "<" not in text and "&" not in text:
        return text
    from html import escape  # not needed for the first frame

    return f'<span style="white-space: pre-wrap">{escape(text)}</span>'


def restyle(widget: QWidget) -> None:
    """Make the style sheet see a changed property. A widget that was never shown sees it by itself."""
    if not widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):
        return
    widget.style().unpolish(widget)
    widget.style().polish(widget)


class PlainLabel(QLabel):
    """Plain text.

    Args:
        role: How it looks: "", "heading", "title", "figure", "muted", "small", "strong", "bad" or "mono".
    """

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)
        if role == "mono":
            self.setFont(mono_font())
        elif role:
            self.setProperty("role", role)

    def setText(self, text: str) -> None:
        super().setText(shown(text))

    def wrapped(self) -> "PlainLabel":
        """Break long text into lines."""
        self.setWordWrap(True)
        return self

    def selectable(self) -> "PlainLabel":
        """Let the text be marked and copied by mouse and keyboard."""
        flags = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        self.setTextInteractionFlags(flags)
        return self

    def set_tone(self, tone: str) -> None:
        """Colour of a figure: "", "bad" or "unknown"."""
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            restyle(self)


class ElidedLabel(PlainLabel):
    """One line that ends in … when there is no room; the whole text is its tool tip."""

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, role, parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def setText(self, text: str) -> None:
        super().setText(in_line(text))
        self.setToolTip(tip(text) if len(text) > 20 else "")

    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, _event: "QPaintEvent") -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        room = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(self.alignment()), text)


class StatePill(PlainLabel):
    """A state in a word on a tinted ground: "ok", "warn", "bad", "info" or "unknown"."""

    def __init__(self, text: str = "", kind: str = "unknown", parent: QWidget | None = None) -> None:
        super().__init__(text, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        self.setProperty("pill", kind)

    def show_state(self, text: str, kind: str) -> None:
        self.setText(text)
        if self.property("pill") != kind:
            self.setProperty("pill", kind)
            restyle(self)
