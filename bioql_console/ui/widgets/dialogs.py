"""Dialogs that are asked with `await`, never with a loop of their own."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget
from shiboken6 import isValid

from bioql_console.domain.plain_text import in_line
from bioql_console.ui.theme import mono_font
from bioql_console.ui.widgets.buttons import CopyButton, button
from bioql_console.ui.widgets.cards import KeyValues
from bioql_console.ui.widgets.fields import Labelled
from bioql_console.ui.widgets.labels import PlainLabel

WIDTH = 480


class Asked(QDialog):
    """A dialog with the environment's name, a body, and two buttons.

    Args:
        environment: Stands in the title and beside the question, so that nobody acts in the wrong one.
    """

    def __init__(
        self,
        parent: QWidget,
        title: str,
        environment: str,
        accept: str,
        *,
        look: str = "primary",
        cancel: str = "Cancel",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(in_line(f"{title} · {environment}"))
        self.setMinimumWidth(WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        head = QHBoxLayout()
        head.addWidget(PlainLabel(title, "heading"), 1)
        head.addWidget(PlainLabel(environment, "small"))
        column.addLayout(head)
        self.body = QVBoxLayout()
        self.body.setSpacing(10)
        column.addLayout(self.body)
        column.addStretch(1)
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self.accept_button = button(accept, self.try_accept, look)
        self.accept_button.setDefault(True)
        if cancel:
            self.buttons.addWidget(button(cancel, self.reject))
        self.buttons.addWidget(self.accept_button)
        column.addLayout(self.buttons)

    def problem(self) -> bool:
        """Whether something entered is wrong; says it beside the field."""
        return False

    def try_accept(self) -> None:
        if not self.problem():
            self.accept()

    def fit(self) -> None:
        """Make room for what was shown just now."""
        QTimer.singleShot(0, self, self.adjustSize)

    async def ask(self) -> bool:
        """Whether it was accepted."""
        import asyncio  # not needed for the first frame

        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def finished(result: int) -> None:
            if not answer.done():
                answer.set_result(result == QDialog.DialogCode.Accepted)

        self.finished.connect(finished)
        self.open()
        try:
            return await answer
        finally:
            # Also when whoever asked is cancelled: no dialog stays behind. It may have gone with its page already.
            if isValid(self):
                self.hide()
                self.deleteLater()


class PlanDialog(Asked):
    """States what will happen, in rows, before it happens."""

    def __init__(
        self,
        parent: QWidget,
        title: str,
        environment: str,
        accept: str,
        rows: Sequence[tuple[str, str]],
        warning: str = "",
        *,
        look: str = "primary",
    ) -> None:
        super().__init__(parent, title, environment, accept, look=look)
        self.values = KeyValues()
        self.values.show_rows(rows)
        self.body.addWidget(self.values)
        if warning:
            self.body.addWidget(PlainLabel(warning, "muted").wrapped())


class FormDialog(Asked):
    """Fields, each with a check that answers what is wrong or nothing."""

    def __init__(self, parent: QWidget, title: str, environment: str, accept: str, note: str = "") -> None:
        super().__init__(parent, title, environment, accept)
        if note:
            self.body.addWidget(PlainLabel(note, "muted").wrapped())
        self._checked: list[tuple[Labelled, QLineEdit, Callable[[str], str]]] = []

    def add(self, title: str, field: QLineEdit, check: Callable[[str], str] = lambda _text: "", hint: str = "") -> None:
        labelled = Labelled(title, field, hint)
        self.body.addWidget(labelled)
        self._checked.append((labelled, field, check))

    def problem(self) -> bool:
        wrong = None
        for labelled, field, check in self._checked:
            words = check(field.text())
            labelled.complain(words)
            if words and wrong is None:
                wrong = field
        if wrong is not None:
            wrong.setFocus()
        return wrong is not None


class SecretOnceDialog(Asked):
    """Shows a customer's new API key once, so that it can be handed over."""

    def __init__(self, parent: QWidget, title: str, environment: str, key: str) -> None:
        super().__init__(parent, title, environment, "I have handed it over", cancel="")
        self.body.addWidget(PlainLabel("Only its hash is kept: it can't be shown again.", "muted").wrapped())
        self.key = PlainLabel(key, "mono").selectable()
        self.body.addWidget(self.key)
        self.body.addWidget(CopyButton("Copy key", lambda: key, "the API key"), 0, Qt.AlignmentFlag.AlignLeft)
        self.finished.connect(lambda _result: _forget_copied(key))


def _forget_copied(secret: str) -> None:
    """It is handed over: nobody pastes it by mistake an hour later."""
    clipboard = QGuiApplication.clipboard()
    if clipboard.text() == secret:
        clipboard.clear()


class BugDialog(Asked):
    """An unexpected failure: nothing is lost, and the report can be copied."""

    def __init__(self, parent: QWidget, environment: str, report: str) -> None:
        super().__init__(parent, "This should not have happened", environment, "Go on", cancel="")
        words = (
            "The console made a mistake. What was stored stays stored, and the books are not touched by it. The report "
            "holds no secrets; it is in the log as well."
        )
        self.body.addWidget(PlainLabel(words).wrapped())
        self.report = QPlainTextEdit(report)
        self.report.setReadOnly(True)
        self.report.setFont(mono_font())
        self.report.setMinimumSize(QFontMetrics(mono_font()).averageCharWidth() * 90, 260)
        self.report.setAccessibleName("Report")
        self.body.addWidget(self.report, 1)
        self.buttons.insertWidget(0, CopyButton("Copy report", lambda: report, "the report"))


def required(what: str) -> Callable[[str], str]:
    """A check that something was entered."""
    return lambda text: "" if text.strip() else f"Enter {what}."


def checked_by(clean: Callable[[str], object]) -> Callable[[str], str]:
    """A form's check out of a function that raises ValueError."""

    def check(text: str) -> str:
        try:
            clean(text)
        except ValueError as error:
            return f"{str(error).capitalize()}."
        return ""

    return check
