"""Grounds on which things stand: cards, figures, checklist rows, notices, empty states."""

from collections.abc import Callable, Sequence

import shiboken6
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLayout, QPushButton, QVBoxLayout, QWidget

from bioql_console.ui.widgets.buttons import button
from bioql_console.ui.widgets.charts import Sparkline
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel, StatePill


class Card(QFrame):
    """A titled ground. Add to `body`; widgets beside the title go to `head`."""

    def __init__(self, title: str = "", note: str = "") -> None:
        super().__init__()
        self.setProperty("card", True)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(14, 12, 14, 12)
        self.body.setSpacing(8)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        self.title = PlainLabel(title, "title")
        self.note = ElidedLabel(note, "muted")
        self.head.addWidget(self.title)
        self.head.addWidget(self.note, 1)
        if title:
            self.body.addLayout(self.head)


def line() -> QFrame:
    """A hair line between rows."""
    made = QFrame()
    made.setProperty("line", True)
    made.setFixedHeight(1)
    return made


class StatTile(Card):
    """A headline figure with what stands behind it. Until it is known it shows a grey dash."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setMinimumHeight(96)
        self.caption = PlainLabel(title, "muted")
        self.figure = PlainLabel("—", "figure")
        self.figure.set_tone("unknown")
        self.detail = PlainLabel("not known yet", "muted")
        self.spark = Sparkline()
        row = QHBoxLayout()
        row.addWidget(self.detail)
        row.addWidget(self.spark, 1, Qt.AlignmentFlag.AlignRight)
        self.body.setSpacing(2)
        self.body.addWidget(self.caption)
        self.body.addWidget(self.figure)
        self.body.addLayout(row)

    def show_figure(self, figure: str, detail: str, history: Sequence[int], tone: str = "") -> None:
        self.figure.setText(figure)
        self.figure.set_tone(tone)
        self.detail.setText(detail)
        self.spark.show_values(history)


class ChecklistRow(QWidget):
    """One thing that is as it should be, or not, with its cure."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 0, 2)
        row.setSpacing(10)
        self.pill = StatePill("Unknown")
        self.pill.setMinimumWidth(56)
        self.pill.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words = PlainLabel().wrapped()
        self._row = row
        self._cure: QPushButton | None = None
        self._pressed: Callable[[], object] = lambda: None
        row.addWidget(self.pill, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.words, 1)

    @property
    def cure(self) -> QPushButton:
        """The button that mends it; made when it is first needed."""
        if self._cure is None:
            self._cure = button("", lambda: self._pressed())
            self._row.addWidget(self._cure, 0, Qt.AlignmentFlag.AlignTop)
        return self._cure

    def show_check(
        self, ok: bool | None, words: str, cure: str = "", action: tuple[str, Callable[[], object]] | None = None
    ) -> None:
        """How it stands; `cure` says the next step, `action` does it."""
        state = {True: ("OK", "ok"), False: ("Fix", "bad"), None: ("Unknown", "unknown")}[ok]
        self.pill.show_state(*state)
        self.words.setText(words if ok or not cure else f"{words}\n{cure}")
        if action is not None and ok is not True:
            self._pressed = action[1]
            self.cure.setText(action[0])
            self.cure.show()
        elif self._cure is not None:
            self._cure.hide()


class NoticeBar(QFrame):
    """What happened and the one next step, in the page and never in the way."""

    retried = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("notice", "bad")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        words = QVBoxLayout()
        words.setSpacing(0)
        self.what = PlainLabel("", "title").wrapped().selectable()
        self.fix = PlainLabel().wrapped().selectable()
        words.addWidget(self.what)
        words.addWidget(self.fix)
        row.addLayout(words, 1)
        self._row = row
        self._step: QPushButton | None = None
        self._pressed: Callable[[], object] = lambda: None
        self.retry = button("Retry", self._retry)
        self.dismiss = button("Dismiss", self.hide, "quiet")
        row.addWidget(self.retry, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_notice(
        self, what: str, fix: str, *, retry: bool, step: tuple[str, Callable[[], object]] | None = None
    ) -> None:
        """Say it; `step` is a button of its own, before the others."""
        self.what.setText(what)
        self.fix.setText(fix)
        self.retry.setVisible(retry)
        if step is not None:
            self.step.setText(step[0])
            self._pressed = step[1]
        if self._step is not None:
            self._step.setVisible(step is not None)
        self.show()

    @property
    def step(self) -> QPushButton:
        """The button for the one next step; made when there is one."""
        if self._step is None:
            self._step = button("", lambda: self._pressed(), "primary")
            self._row.insertWidget(1, self._step, 0, Qt.AlignmentFlag.AlignTop)
        return self._step

    def _retry(self) -> None:
        self.hide()
        self.retried.emit()


class NoticePlace(QVBoxLayout):
    """Where a notice appears; the bar is made when there is something to say."""

    def __init__(self, retry: Callable[[], object]) -> None:
        super().__init__()
        self._retry = retry
        self._bar: NoticeBar | None = None

    @property
    def bar(self) -> NoticeBar:
        if self._bar is None:
            self._bar = NoticeBar()
            self._bar.retried.connect(lambda: self._retry())
            self.addWidget(self._bar)
        return self._bar

    def clear_notice(self) -> None:
        if self._bar is not None:
            self._bar.hide()


class EmptyState(QWidget):
    """What belongs here, and the first step."""

    def __init__(self, title: str, words: str, step: str = "", pressed: Callable[[], object] | None = None) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.setSpacing(8)
        self.title = PlainLabel(title, "title")
        self.words = PlainLabel(words, "muted").wrapped()
        self.words.setMaximumWidth(420)
        for label in (self.title, self.words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label, 0, Qt.AlignmentFlag.AlignHCenter)
        if step:
            column.addWidget(button(step, pressed, "primary"), 0, Qt.AlignmentFlag.AlignHCenter)


class KeyValues(QWidget):
    """Names and values in two columns; values can be marked and copied."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._rows: tuple[tuple[str, str], ...] = ()
        self._labels: list[tuple[PlainLabel, PlainLabel]] = []

    def rows(self) -> tuple[tuple[str, str], ...]:
        """What is shown."""
        return self._rows

    def show_rows(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show these. Labels stay, also those that are not needed now: under a flood of changes nothing is made anew,
        and what is marked in a value that did not change stays marked.
        """
        if tuple(rows) == self._rows:
            return
        self._rows = tuple(rows)
        while len(self._labels) < len(rows):
            self._add_labels()
        for number, labels in enumerate(self._labels):
            needed = number < len(rows)
            for label, text in zip(labels, rows[number] if needed else ("", ""), strict=True):
                label.setText(text)
                label.setVisible(needed)

    def _add_labels(self) -> None:
        number, name, value = len(self._labels), PlainLabel("", "muted"), PlainLabel().wrapped().selectable()
        self._grid.addWidget(name, number, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(value, number, 1)
        self._labels.append((name, value))


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and delete it, the layouts inside it too.

    What `takeAt` returns belongs to nobody: neither Qt nor PySide would delete it, a hundred bytes each time.
    """
    while (item := layout.takeAt(0)) is not None:
        widget, inside = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inside is not None:
            clear(inside)
        shiboken6.delete(item)
