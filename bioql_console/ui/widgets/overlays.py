"""What floats above a page for a moment: toasts and popovers."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.labels import PlainLabel

TOAST_MS = 2_500
POPOVER_WIDTH = 360


class Toast(QFrame):
    """One sentence at the foot of the window, gone after a moment."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self.setObjectName("toast")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 14, 8)
        self.words = PlainLabel()
        row.addWidget(self.words)
        self._gone = QTimer(self)
        self._gone.setSingleShot(True)
        self._gone.setInterval(TOAST_MS)
        self._gone.timeout.connect(self.hide)
        self.hide()

    def say(self, words: str) -> None:
        self.words.setText(words)
        self.adjustSize()
        room = self._window.rect()
        self.move((room.width() - self.width()) // 2, room.height() - self.height() - 48)
        self.show()
        self.raise_()
        self._gone.start()


class Popover(QFrame):
    """Says more about something, and offers its cure. Esc or a click elsewhere closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("popover")
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(6)
        self.title = PlainLabel("", "title")
        self.words = PlainLabel().wrapped().selectable()
        self.cure = PlainLabel("", "muted").wrapped().selectable()
        self.act = button("")
        self._pressed: Callable[[], object] = lambda: None
        self.act.clicked.connect(self._act)
        for widget in (self.title, self.words, self.cure):
            column.addWidget(widget)
        column.addWidget(self.act, 0, Qt.AlignmentFlag.AlignLeft)
        self.setFixedWidth(POPOVER_WIDTH)

    def show_above(
        self, anchor: QWidget, title: str, words: str, cure: str, action: tuple[str, Callable[[], object]] | None
    ) -> None:
        self.title.setText(title)
        self.words.setText(words)
        self.cure.setText(cure)
        self.cure.setVisible(bool(cure))
        self.act.setVisible(action is not None)
        if action is not None:
            self.act.setText(action[0])
            self._pressed = action[1]
        self.adjustSize()
        self.move(anchor.mapToGlobal(QPoint(0, -self.height() - 6)))
        self.show()

    def _act(self) -> None:
        self.hide()
        self._pressed()
