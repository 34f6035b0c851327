"""A hand at mouse and keyboard, for driving the real window: the payment flow, screenshots, stories."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QPoint, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QDialog, QLineEdit, QWidget

from bioql_console.ui.main_window import MainWindow
from bioql_console.ui.navigation import Navigation

LOOK_EVERY_S = 0.005
# Web pages, and folders.
SCHEMES = ("http", "https", "file")
TURNS = 5


class Hand:
    """Clicks and types as a person does: only what is shown and enabled can be pressed."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window

    async def until(self, condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
        """Wait for something to become true.

        Raises:
            TimeoutError: it did not; names what.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Waited {timeout_s:g} s in vain: {what}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def click(self, target: QWidget) -> None:
        """Press a button once it can be pressed."""
        name = target.accessibleName() or target.objectName() or type(target).__name__
        await self.until(lambda: target.isVisible() and target.isEnabled(), f"{name} can be pressed")
        QTest.mouseClick(target, Qt.MouseButton.LeftButton)

    async def open_page(self, name: str) -> None:
        """Click a page in the navigation."""
        navigation: Navigation = self.window.navigation
        room = navigation.visualItemRect(navigation.item(navigation.row_of(name)))
        QTest.mouseClick(navigation.viewport(), Qt.MouseButton.LeftButton, pos=room.center())
        await self.until(lambda: self.window.page(name).isVisible(), f"the page {name} is shown")

    async def write(self, target: QLineEdit, text: str) -> None:
        """Click into a field and type, in place of what is there."""
        await self.until(lambda: target.isVisible() and target.isEnabled(), "the field can be typed in")
        QTest.mouseClick(target, Qt.MouseButton.LeftButton)
        target.selectAll()
        QTest.keyClicks(target, text)

    async def choose_row(self, table: QAbstractItemView, number: int = 0) -> None:
        """Click a row."""
        await self.until(lambda: table.model().rowCount() > number and table.isVisible(), "the row is there")
        room = table.visualRect(table.model().index(number, 0))
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=room.center() + QPoint(2, 0))

    def dialogs(self) -> list[Any]:
        """Dialogs that are open now."""
        return [dialog for dialog in self.window.findChildren(QDialog) if dialog.isVisible()]

    def press(self, keys: str) -> None:
        """A key or combination, e.g. "Ctrl+K", where the focus is."""
        QTest.keySequence(self.window.focusWidget() or self.window, keys)

    async def picture(self, path: Path) -> None:
        """Save what the window shows, once what waits to be laid out is.

        The loop is given a turn instead of calling `processEvents`, which would lose other tasks.
        """
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self.window.toast.hide()
        if not self.window.grab().save(str(path)):
            raise OSError(f"can't write {path.name}")


class _UrlHandler(QObject):
    """Qt hands addresses to a slot by its name."""

    def __init__(self, addresses: list[str]) -> None:
        super().__init__()
        self._addresses = addresses

    @Slot(QUrl)
    def caught(self, url: QUrl) -> None:
        self._addresses.append(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))


class CaughtBrowser:
    """Stands in for the system's browser and file manager: remembers addresses instead of opening them."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self._handler = _UrlHandler(self.addresses)

    def __enter__(self) -> "CaughtBrowser":
        for scheme in SCHEMES:
            # The type stubs ask for bytes, the binding itself for text.
            QDesktopServices.setUrlHandler(scheme, self._handler, "caught")  # type: ignore[arg-type]
        return self

    def __exit__(self, *_: object) -> None:
        for scheme in SCHEMES:
            QDesktopServices.unsetUrlHandler(scheme)
