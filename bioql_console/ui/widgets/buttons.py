"""Buttons, switches and chips."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPainter
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QMenu, QPushButton, QWidget

from bioql_console.ui.theme import color
from bioql_console.ui.widgets.gates import Gate

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from bioql_console.domain.rights import Rights, Role


class Button(Gate, QPushButton):
    """A push button that heeds what one may do."""


class MenuButton(Button):
    """Opens a menu, in which some entries are for everybody."""

    free: frozenset[str] = frozenset()

    def follow(self, rights: "Rights") -> None:
        lacking = rights.lacking(self.needs) if self.needs else ""
        for entry in self.menu().actions():
            entry.setEnabled(not lacking or entry.text() in self.free)
            entry.setToolTip(lacking)
        self.menu().setToolTipsVisible(bool(lacking))


def button(
    text: str,
    pressed: Callable[[], object] | None = None,
    look: str = "",
    tip: str = "",
    *,
    needs: "Role | None" = None,
) -> Button:
    """A push button.

    Args:
        look: "", "primary", "danger", "quiet" or "chip".
        needs: The role that pressing it takes.
    """
    made = Button(text)
    made.needs = needs
    made.setProperty("look", look)
    made.setAutoDefault(False)
    made.setToolTip(tip)
    if pressed is not None:
        made.clicked.connect(lambda _checked=False: pressed())
    return made


def menu_button(
    text: str,
    entries: Sequence[tuple[str, Callable[[], object]]],
    name: str,
    *,
    needs: "Role | None" = None,
    free: Sequence[str] = (),
) -> MenuButton:
    """A button that opens a menu.

    Args:
        name: What a screen reader says.
        needs: The role that its entries take, but for those that are `free`.
    """
    made = MenuButton(text)
    made.setProperty("look", "menu")
    made.setAutoDefault(False)
    made.needs, made.free = needs, frozenset(free)
    made.setAccessibleName(name)
    menu = QMenu(made)
    for title, chosen in entries:
        menu.addAction(title).triggered.connect(lambda _checked=False, chosen=chosen: chosen())
    made.setMenu(menu)
    return made


class CopyButton(QPushButton):
    """Copies a value, never a secret, and says so for a moment."""

    copied = Signal(str)

    def __init__(self, text: str, value: Callable[[], str], what: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setAutoDefault(False)
        self._value, self._what = value, what
        self.setAccessibleName(f"Copy {what}")
        self.clicked.connect(self._copy)

    def _copy(self) -> None:
        if value := self._value():
            QGuiApplication.clipboard().setText(value)
            self.copied.emit(f"Copied {self._what}")


class Toggle(Gate, QAbstractButton):
    """A switch. Its text stands before it.

    Args:
        on_bar: Drawn in the colours of the environment bar.
    """

    def __init__(self, text: str, parent: QWidget | None = None, *, on_bar: bool = False) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._on_bar = on_bar

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 8 + 34, 24)

    def paintEvent(self, _event: "QPaintEvent") -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on_bar = self._on_bar
        ink = color("on_bar") if on_bar else color("text" if self.isEnabled() else "muted")
        painter.setPen(ink)
        room = self.rect()
        painter.drawText(room.adjusted(0, 0, -42, 0), Qt.AlignmentFlag.AlignVCenter, self.text())
        track = QRectF(room.right() - 33, room.center().y() - 8, 32, 17)
        checked = self.isChecked()
        ground = QColor(255, 255, 255, 230 if checked else 90) if on_bar else color("accent" if checked else "muted")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(track, 8.5, 8.5)
        knob = track.adjusted(17, 2, -2, -2) if checked else track.adjusted(2, 2, -17, -2)
        painter.setBrush(QColor(20, 30, 40) if on_bar and checked else color("surface"))
        painter.drawEllipse(knob)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(ink)
            painter.drawRoundedRect(track.adjusted(-2, -2, 2, 2), 10, 10)


class Chips(QWidget):
    """Filters that are on or off. `exclusive`: exactly one is on."""

    changed = Signal()

    def __init__(self, names: Sequence[tuple[str, str]], *, exclusive: bool = False) -> None:
        super().__init__()
        self._exclusive = exclusive
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._chips: dict[str, QPushButton] = {}
        for name, title in names:
            chip = button(title, look="chip")
            chip.setCheckable(True)
            chip.clicked.connect(lambda _checked=False, name=name: self._clicked(name))
            layout.addWidget(chip)
            self._chips[name] = chip
        if exclusive and names:
            self._chips[names[0][0]].setChecked(True)

    def chip(self, name: str) -> QPushButton:
        return self._chips[name]

    def on(self) -> frozenset[str]:
        return frozenset(name for name, chip in self._chips.items() if chip.isChecked())

    def choose(self, names: frozenset[str]) -> None:
        """Set which are on, without a signal."""
        for name, chip in self._chips.items():
            chip.setChecked(name in names)

    def _clicked(self, name: str) -> None:
        if self._exclusive:
            self.choose(frozenset((name,)))
        self.changed.emit()
