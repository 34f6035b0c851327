"""Light and dark: palette and style sheet of the application, made from the tokens."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from bioql_console.ui.tokens import DARK, LIGHT, Tokens

if TYPE_CHECKING:
    from PySide6.QtGui import QFont

POINTS = 10
CHOICES = ("system", "light", "dark")
TOKEN = re.compile(r"@(\w+)")


class Theme(QObject):
    """The look of one application.

    Signals:
        changed: The tokens are others now; what paints itself repaints.
    """

    changed = Signal()

    def __init__(self, application: QApplication, sheet: Path, choice: str = "system") -> None:
        super().__init__(application)
        self._application = application
        self._sheet = sheet.read_text("utf-8")
        self._choice = choice
        self.tokens = LIGHT
        if application.style().objectName() != "fusion":
            application.setStyle("Fusion")
        font = application.font()
        font.setPointSize(POINTS)
        application.setFont(font)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._apply()

    def choose(self, choice: str) -> None:
        """Follow "system", or force "light" or "dark"."""
        self._choice = choice
        self._apply()

    def _system_changed(self) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        self.tokens = {"light": LIGHT, "dark": DARK}.get(self._choice) or _of_the_system()
        _use(self.tokens)
        self._application.setPalette(_palette(self.tokens))
        self._application.setStyleSheet(TOKEN.sub(self._value, self._sheet))
        self.changed.emit()

    def _value(self, found: re.Match[str]) -> str:
        return str(getattr(self.tokens, found[1]))


_current: list[Tokens] = [LIGHT]


def _use(tokens: Tokens) -> None:
    _current[0] = tokens


def tokens() -> Tokens:
    """The tokens in use, for what paints itself."""
    return _current[0]


def color(name: str) -> QColor:
    """A token of the theme in use, e.g. "muted"."""
    return _made(getattr(_current[0], name))


@cache
def _made(value: str) -> QColor:
    """Made once, since a table asks for it in each cell; nobody changes what they are given."""
    return QColor(value)


@cache
def mono_font() -> "QFont":
    """For ids and raw text."""
    from PySide6.QtGui import QFontDatabase

    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(POINTS - 1)
    return font


def _of_the_system() -> Tokens:
    dark = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
    return DARK if dark else LIGHT


def _palette(tokens: Tokens) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for each, value in (
        (role.Window, tokens.window),
        (role.WindowText, tokens.text),
        (role.Base, tokens.surface),
        (role.AlternateBase, tokens.sunken),
        (role.Text, tokens.text),
        (role.Button, tokens.raised),
        (role.ButtonText, tokens.text),
        (role.ToolTipBase, tokens.raised),
        (role.ToolTipText, tokens.text),
        (role.Highlight, tokens.accent_soft),
        (role.HighlightedText, tokens.text),
        (role.Link, tokens.accent),
        (role.PlaceholderText, tokens.muted),
        (role.Mid, tokens.border),
        (role.Dark, tokens.border),
        (role.Light, tokens.raised),
        (role.Shadow, tokens.border),
        (role.BrightText, tokens.bad),
    ):
        palette.setColor(each, QColor(value))
    for each in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, QColor(tokens.muted))
    return palette
