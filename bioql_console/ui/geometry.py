"""Where a window was and how large, from one start to the next."""

from PySide6.QtWidgets import QMainWindow

from bioql_console.ui.memory import Memory

NAME = "geometry"


def keep_geometry(window: QMainWindow, memory: Memory) -> None:
    memory.put(NAME, bytes(window.saveGeometry().toBase64().data()).decode())


def recall_geometry(window: QMainWindow, memory: Memory) -> None:
    """As it was left; as it is when nothing is remembered."""
    stored = memory.get(NAME, str, "")
    if stored:
        from PySide6.QtCore import QByteArray

        window.restoreGeometry(QByteArray.fromBase64(stored.encode()))
