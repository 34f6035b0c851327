"""How far something is, in words and as a bar."""

from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from bioql_console.ui.widgets.labels import PlainLabel

STEPS = 1_000


class Progress(QWidget):
    """A bar under its words."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.words = PlainLabel("", "muted").wrapped()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(name)
        self.bar.setTextVisible(False)
        self.bar.setRange(0, STEPS)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(6)
        column.addWidget(self.words)
        column.addWidget(self.bar)

    def show_progress(self, fraction: float, words: str) -> None:
        """`fraction` from 0 to 1; the words say it as well."""
        self.words.setText(words)
        self.bar.setValue(round(fraction * STEPS))
