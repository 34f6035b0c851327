"""The frame of every page: heading, freshness, actions, notice, body."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from bioql_console.domain.errors import OperatorError
from bioql_console.ui.widgets.cards import NoticeBar, NoticePlace
from bioql_console.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:  # the first frame needs none of them
    from pathlib import Path

    from bioql_console.ui.viewmodels.view_model import ViewModel
    from bioql_console.ui.workspace import Workspace


class Page(QWidget):
    """A page. It can be shown before there is a workspace; `attach` brings it to life."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName(f"{self.name}Page")
        self.setAccessibleName(self.title)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 14)
        column.setSpacing(10)
        self.header = QHBoxLayout()
        self.header.setSpacing(10)
        self.heading = PlainLabel(self.title, "heading")
        self.count = PlainLabel("", "muted")
        self.fresh = PlainLabel("", "muted")
        self.header.addWidget(self.heading)
        self.header.addWidget(self.count)
        self.header.addStretch(1)
        self.header.addWidget(self.fresh)
        column.addLayout(self.header)
        self._notices = NoticePlace(self._retry)
        column.addLayout(self._notices)
        self.body = QVBoxLayout()
        self.body.setSpacing(10)
        column.addLayout(self.body, 1)
        self._foot = column
        self._busy: QProgressBar | None = None
        self.model: ViewModel | None = None

    @property
    def notice(self) -> NoticeBar:
        """What happened and the one next step."""
        return self._notices.bar

    @property
    def busy(self) -> QProgressBar:
        """Shown while something takes its time."""
        if self._busy is None:
            self._busy = QProgressBar()
            self._busy.setRange(0, 0)
            self._busy.setTextVisible(False)
            self._busy.setAccessibleName("Working")
            keeps_room = self._busy.sizePolicy()
            keeps_room.setRetainSizeWhenHidden(True)
            self._busy.setSizePolicy(keeps_room)
            self._busy.hide()
            self._foot.addWidget(self._busy)
        return self._busy

    def attach(self, workspace: "Workspace") -> None:
        """Come to life with an open console."""
        raise NotImplementedError

    def adopt(self, model: "ViewModel") -> None:
        """Show what every view model says."""
        self.model = model
        model.failed.connect(self._show_failure)
        model.busy_changed.connect(self.busy.setVisible)
        model.refreshed.connect(self._show_freshness)

    def show_argument(self, argument: Any) -> None:
        """Show something particular, as another page asked."""

    def focus_search(self) -> None:
        """`/`: go to the page's search field, if it has one."""

    def came_to_front(self) -> None:
        if self.model is not None:
            self.model.show()

    def went_behind(self) -> None:
        if self.model is not None:
            self.model.hide()

    def close_page(self) -> None:
        """Stop for good; the widget is deleted afterwards."""
        if self.model is not None:
            self.model.close()

    def _retry(self) -> None:
        if self.model is not None:
            self.model.refresh()

    def _show_freshness(self, at_ms: int) -> None:
        from bioql_console.ui import formats

        self.fresh.setText(f"as of {formats.clock(at_ms)}")

    def _show_failure(self, error: OperatorError | None) -> None:
        if error is None:
            self._notices.clear_notice()
        else:
            self.notice.show_notice(error.what, error.fix, retry=True)


def open_in_browser(url: str) -> bool:
    """Hand an http(s) address to the system's browser; anything else is refused."""
    from PySide6.QtCore import QUrl
    from PySide6.QtGui import QDesktopServices

    address = QUrl(url, QUrl.ParsingMode.StrictMode)
    return address.scheme() in ("http", "https") and QDesktopServices.openUrl(address)


def open_folder(folder: "Path") -> bool:
    """Show a folder in the system's file manager; False when there is none of either."""
    from PySide6.QtCore import QUrl
    from PySide6.QtGui import QDesktopServices

    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def toolbar(*widgets: QWidget | None) -> QHBoxLayout:
    """Widgets in a row; None takes the room that is left."""
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
    return row


Pressed = Callable[[], object]
