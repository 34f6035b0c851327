"""The frame: environment bar, navigation, one page, status bar. No business words."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QStackedWidget,
    QVBoxLayout,
)

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.ui.environment_bar import EnvironmentBar
from bioql_console.ui.geometry import keep_geometry, recall_geometry
from bioql_console.ui.memory import Memory
from bioql_console.ui.navigation import Navigation
from bioql_console.ui.pages.page import Page
from bioql_console.ui.registry import PAGES, lacking, make_page
from bioql_console.ui.status_bar import StatusBar
from bioql_console.ui.theme import Theme
from bioql_console.ui.trouble_notice import TroubleNotice
from bioql_console.ui.widgets.cards import NoticeBar, NoticePlace
from bioql_console.ui.widgets.gates import follow_rights
from bioql_console.ui.widgets.labels import restyle
from bioql_console.ui.widgets.overlays import Toast

if TYPE_CHECKING:  # none of this is needed for the first frame
    from collections.abc import Callable

    from PySide6.QtCore import QTimerEvent
    from PySide6.QtGui import QCloseEvent, QPaintEvent

    from bioql_console.ui.command_palette import CommandPalette
    from bioql_console.ui.vitals import Vitals
    from bioql_console.ui.workspace import Workspace

SIZE = (1280, 800)
SMALLEST = (960, 600)
LIVE_FRAME = 3
# The clock shows minutes: each second would wake the computer up and draw, for nobody.
TICK_MS = 10_000


class MainWindow(QMainWindow):
    """The window. It paints before anything is open; `attach` brings it to life, `detach` takes that back.

    Signals:
        first_painted: Once, after the first frame.
        close_asked: The operator wants to leave; whoever listens closes everything and then the window.
        environment_asked: An environment's name.
        retry_asked: Open the same environment again.
    """

    first_painted = Signal()
    close_asked = Signal()
    environment_asked = Signal(str)
    retry_asked = Signal()

    def __init__(self, theme: Theme, icons: Path, memory: Memory, environment: Environment) -> None:
        super().__init__()
        self.theme, self.memory = theme, memory
        self._icon_folder = icons
        self.environment = environment
        self.workspace: Workspace | None = None
        self.vitals: Vitals | None = None
        self._pages: dict[str, Page] = {}
        self._current = "overview"
        self._painted = False
        self._may_close = False
        self.setObjectName("mainWindow")
        self.setMinimumSize(*SMALLEST)
        self.bar, self.navigation, self.status = EnvironmentBar(), Navigation(PAGES), StatusBar()
        self.notices, self.trouble = NoticePlace(self.retry_asked.emit), TroubleNotice()
        self.stack = QStackedWidget()
        self._lay_out()
        self._connect()
        self.show_environment(environment)
        self.resize(*SIZE)
        recall_geometry(self, memory)
        self.show_page("overview")
        self.navigation.setFocus()

    def _lay_out(self) -> None:
        frame = QFrame()
        column = QVBoxLayout(frame)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        right = QVBoxLayout()
        right.setSpacing(0)
        self.notices.setContentsMargins(18, 0, 18, 0)
        right.addLayout(self.notices)
        right.addLayout(self.trouble)
        right.addWidget(self.stack, 1)
        middle.addWidget(self.navigation)
        middle.addLayout(right, 1)
        column.addWidget(self.bar)
        column.addLayout(middle, 1)
        column.addWidget(self.status)
        self._frame = frame
        self.setCentralWidget(frame)
        self._toast: Toast | None = None
        self.palette_panel: CommandPalette | None = None

    def _connect(self) -> None:
        self.navigation.chosen.connect(self.show_page)
        self.status.page_asked.connect(self.show_page)
        self.bar.environment_asked.connect(self.environment_asked)
        self.bar.dev_mode_asked.connect(self._dev_mode)
        self.bar.palette_asked.connect(self.open_palette)
        self.theme.changed.connect(self._retint)

    # --- environment

    def show_environment(self, environment: Environment) -> None:
        """Name and colour of the environment, everywhere at once."""
        self.environment = environment
        self.bar.show_environment(environment)
        self.setWindowTitle(f"{environment.word} · BioQL console")
        self._frame.setObjectName("liveFrame" if environment.livemode else "frame")
        self._frame.setContentsMargins(*[LIVE_FRAME if environment.livemode else 0] * 4)
        restyle(self._frame)
        if self._painted:
            self._retint()

    def attach(self, workspace: "Workspace") -> None:
        """Come to life with an open console."""
        from bioql_console.ui.vitals import Vitals

        self.workspace = workspace
        self._show_clock()
        self.notices.clear_notice()
        workspace.page_asked.connect(self.show_page)
        workspace.toasted.connect(lambda words: self.toast.say(words))
        workspace.environment_asked.connect(self.environment_asked)
        workspace.theme_asked.connect(self.theme.choose)
        workspace.reopen_asked.connect(self.retry_asked)
        self.vitals = Vitals(workspace)
        self.vitals.changed.connect(self._show_sign)
        self.trouble.follow(self.vitals)
        self.vitals.account_known.connect(partial(self.bar.show_account, self.environment))
        self.bar.show_rights(workspace.rights)
        page = self._pages[self._current]
        self._bring_to_life(page, workspace)
        page.came_to_front()
        self.vitals.start()

    def detach(self) -> None:
        """Forget the console: pages, tasks and all."""
        if self.vitals is not None:
            self.vitals.close()
            self.vitals = None
        for page in self._pages.values():
            if page.model is not None:
                page.close_page()
            self.stack.removeWidget(page)
            page.deleteLater()
        self._pages.clear()
        if self.workspace is not None:
            self.workspace.close()
            self.workspace.deleteLater()
            self.workspace = None
        self.status.forget()
        self.bar.show_rights(None)
        self.trouble.forget()
        self.show_page("overview")

    def show_closed(self, error: OperatorError, step: "tuple[str, Callable[[], object]] | None" = None) -> None:
        """The console could not open; `step` is what may help besides trying again."""
        self.notice.show_notice(error.what, error.fix, retry=True, step=step)

    # --- pages

    def page(self, name: str) -> Page:
        """A page, made when it is first asked for."""
        if name not in self._pages:
            page = self._pages[name] = make_page(name)
            self.stack.addWidget(page)
            if self.workspace is not None:
                self._bring_to_life(page, self.workspace)
        return self._pages[name]

    def _bring_to_life(self, page: Page, workspace: "Workspace") -> None:
        page.attach(workspace)
        follow_rights(page, workspace.rights)
        show = getattr(page, "attach_vitals", None)
        if show is not None and self.vitals is not None:
            show(self.vitals)

    def show_page(self, name: str, argument: Any = None) -> None:
        page, before = self.page(name), self._pages.get(self._current)
        self._current = name
        self.navigation.show_page(name)
        if self.stack.currentWidget() is not page or page is before:
            self.stack.setCurrentWidget(page)
        if before is not None and before is not page:
            before.went_behind()
        page.came_to_front()
        refused = lacking(self.workspace.rights, name, argument) if self.workspace else ""
        if refused:
            page.notice.show_notice("You may not do this.", refused, retry=False)
        elif argument is not None:
            page.show_argument(argument)

    def read_again(self) -> None:
        """F5: ask everything anew that is shown."""
        page = self._pages[self._current]
        if page.model is not None:
            page.model.refresh()
        if self.vitals is not None:
            self.vitals.look()

    def search_in_page(self) -> None:
        if not isinstance(self.focusWidget(), (QLineEdit, QPlainTextEdit)):
            self._pages[self._current].focus_search()

    def open_palette(self) -> None:
        from bioql_console.ui.command_palette import CommandPalette
        from bioql_console.ui.commands import commands_of

        if self.palette_panel is None:
            self.palette_panel = CommandPalette(self)
        self.palette_panel.open_with(commands_of(self), self.workspace)

    @property
    def notice(self) -> NoticeBar:
        """What keeps the console from opening."""
        return self.notices.bar

    @property
    def toast(self) -> Toast:
        """Where a sentence is said for a moment; made when there is one to say."""
        if self._toast is None:
            self._toast = Toast(self)
        return self._toast

    # --- signs of life, looks

    def _show_sign(self, name: str) -> None:
        if self.vitals is not None:
            self.status.show_sign(name, self.vitals.signs[name])

    def _dev_mode(self, on: bool) -> None:
        self.environment_asked.emit("sandbox" if on else self.memory.get("outside_sandbox", str, "test"))

    def _retint(self) -> None:
        from bioql_console.ui.icons import Icons

        icons = Icons(self._icon_folder)
        self.navigation.show_icons(icons)
        self.bar.show_icons(icons, self.environment)
        self.setWindowIcon(icons.icon("app", self.theme.tokens.accent))
        self.status.restyle_dots()

    def timerEvent(self, _event: "QTimerEvent") -> None:
        self._show_clock()

    def _show_clock(self) -> None:
        from bioql_console.ui import formats

        if self.workspace is not None:
            self.status.clock.setText(formats.minute(self.workspace.now_ms()))

    # --- life of the window

    def paintEvent(self, event: "QPaintEvent") -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self, self._after_first_frame)

    def _after_first_frame(self) -> None:
        from bioql_console.ui.shortcuts import add_shortcuts

        self.first_painted.emit()
        self._retint()
        add_shortcuts(self)
        self.bar.add_menu()
        self.startTimer(TICK_MS)

    def closeEvent(self, event: "QCloseEvent") -> None:
        if self._may_close:
            event.accept()
            return
        event.ignore()
        keep_geometry(self, self.memory)
        self.close_asked.emit()

    def close_for_good(self) -> None:
        """Everything is closed; the window may go."""
        self._may_close = True
        self.close()
