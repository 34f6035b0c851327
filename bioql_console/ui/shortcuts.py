"""The keys of the window: pages by number, search, palette."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence, QShortcut

from bioql_console.ui.registry import PAGES, key_of

if TYPE_CHECKING:
    from bioql_console.ui.main_window import MainWindow


def add_shortcuts(window: "MainWindow") -> None:
    keys = {"Ctrl+K": window.open_palette, "Ctrl+Q": window.close, "F5": window.read_again, "/": window.search_in_page}
    for number, (name, _) in enumerate(PAGES, 1):
        for modifier in ("Alt", "Ctrl") if key_of(number) else ():
            keys[f"{modifier}+{key_of(number)}"] = partial(window.show_page, name)
    for sequence, work in keys.items():
        QShortcut(QKeySequence(sequence), window).activated.connect(work)
