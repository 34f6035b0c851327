"""Fields: search, secrets, amounts, and forms made of them."""

import re
from decimal import Decimal, InvalidOperation

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from bioql_console.domain.money import MICROS_PER_CENT, MICROS_PER_UNIT
from bioql_console.ui.widgets.labels import PlainLabel, restyle

TYPING_PAUSE_MS = 80
LONGEST_AMOUNT = 16


class SearchField(QLineEdit):
    """Says what is searched for: the first letter at once, what follows quickly when typing pauses.

    At once too on Enter, or when cleared.

    Signals:
        searched: The text.
        left: Esc in an empty field.
    """

    searched = Signal(str)
    left = Signal()

    def __init__(self, placeholder: str, name: str) -> None:
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(name)
        self.setClearButtonEnabled(True)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(TYPING_PAUSE_MS)
        self._pause.timeout.connect(self._say_what_followed)
        self._said = ""
        self.textChanged.connect(self._typed)
        self.returnPressed.connect(self._say)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.text():
                self.clear()
            else:
                self.left.emit()
            return
        super().keyPressEvent(event)

    def _typed(self, text: str) -> None:
        typing = self._pause.isActive()
        if not text or not typing:
            self._say()
        if text:
            self._pause.start()

    def _say_what_followed(self) -> None:
        if self.text().strip() != self._said:
            self._say()

    def _say(self) -> None:
        self._pause.stop()
        self._said = self.text().strip()
        self.searched.emit(self._said)


class SecretField(QWidget):
    """Takes a secret and never shows one that is stored. It can't be copied from, and is emptied once read."""

    def __init__(self, placeholder: str, name: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText(placeholder)
        self.field.setAccessibleName(name)
        self.field.setDragEnabled(False)
        row.addWidget(self.field, 1)

    def take(self) -> str:
        """What was entered; the field is empty afterwards."""
        text = self.field.text()
        # `setText` also drops the field's undo history.
        self.field.setText("")
        return text


class Labelled(QWidget):
    """A field with its name above and what is wrong with it below."""

    def __init__(self, title: str, field: QWidget, hint: str = "") -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.field = field
        label = PlainLabel(title, "small")
        label.setBuddy(field)
        if not field.accessibleName():
            field.setAccessibleName(title)
        self._hint = hint
        self.note = PlainLabel(hint, "small").wrapped()
        self.note.setVisible(bool(hint))
        for widget in (label, field, self.note):
            column.addWidget(widget)

    def complain(self, words: str) -> None:
        """Say what is wrong; nothing when it is right."""
        self.note.setProperty("role", "bad" if words else "small")
        self.note.setText(words or self._hint)
        self.note.setVisible(bool(words or self._hint))
        self.field.setProperty("wrong", bool(words))
        restyle(self.note)
        restyle(self.field)


def parse_dollars(text: str) -> int | None:
    """Micros of what an operator typed, e.g. "1,234.50", "$35" or "−2"; None when it is no amount in whole cents."""
    micros = parse_exact_dollars(text)
    return micros if micros is not None and micros % MICROS_PER_CENT == 0 else None


def parse_exact_dollars(text: str) -> int | None:
    """The same down to a millionth of a dollar, e.g. "0.0125"; None when it is no amount or finer."""
    plain = text.strip().replace("−", "-").replace("$", "").replace(",", "").replace(" ", "")
    if not plain or len(plain) > LONGEST_AMOUNT or not re.fullmatch(r"[+-]?[0-9]*\.?[0-9]*", plain):
        return None
    try:
        micros = Decimal(plain) * MICROS_PER_UNIT
    except InvalidOperation:
        return None
    return int(micros) if micros == int(micros) else None


def number_field(lowest: int, highest: int, suffix: str = "") -> QSpinBox:
    """A whole number. Style sheets give a spin box no room at the left, so it is made here."""
    box = QSpinBox()
    box.setRange(lowest, highest)
    box.setSuffix(suffix)
    box.lineEdit().setTextMargins(8, 0, 8, 0)
    return box


def field(placeholder: str = "", name: str = "", text: str = "") -> QLineEdit:
    """A line to type in."""
    made = QLineEdit(text)
    made.setPlaceholderText(placeholder)
    if name:
        made.setAccessibleName(name)
    return made
