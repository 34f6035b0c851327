"""Asking which file to save or open, without a loop of its own."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QDialog, QFileDialog, QWidget
from shiboken6 import isValid


async def ask_where(parent: QWidget, title: str, name: str, kind: str) -> Path | None:
    """The file to write, or None when the operator thought better of it.

    Args:
        kind: A name filter, e.g. "CSV (*.csv)".
    """
    dialog = QFileDialog(parent, title)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter(kind)
    dialog.selectFile(name)
    return await _chosen(dialog)


async def ask_which(parent: QWidget, title: str, kinds: Sequence[str]) -> Path | None:
    """The file to read, or None when the operator thought better of it.

    Args:
        kinds: Name filters, the usual one first.
    """
    dialog = QFileDialog(parent, title)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters(list(kinds))
    return await _chosen(dialog)


async def _chosen(dialog: QFileDialog) -> Path | None:
    import asyncio  # not needed for the first frame

    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    dialog.finished.connect(lambda result: None if answer.done() else answer.set_result(result))
    dialog.open()
    try:
        accepted = await answer == QDialog.DialogCode.Accepted
        chosen = dialog.selectedFiles()
        return Path(chosen[0]) if accepted and chosen else None
    finally:
        if isValid(dialog):  # it may have gone with its page already
            dialog.hide()
            dialog.deleteLater()
