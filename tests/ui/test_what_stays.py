"""What is shown again and again leaves nothing behind: no piece of Qt's heap, no object of PySide's."""

import gc
import sys
from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from bioql_console.ui.status_bar import StatusBar
from bioql_console.ui.vital import Vital
from bioql_console.ui.widgets.cards import KeyValues, clear
from bioql_console.ui.widgets.labels import PlainLabel

TIMES = 300
# A thread of another test may ask malloc for something meanwhile; the smallest object of Qt takes more than this.
NOTHING_BYTES = 16

glibc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc tells what its heap holds")


@pytest.fixture
def ground(qtbot: QtBot) -> QWidget:
    """A window that keeps its size whatever stands on it."""
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(500, 400)
    made.show()
    return made


def on_ground(widget: QWidget, ground: QWidget) -> None:
    widget.setParent(ground)
    widget.show()


def what_stays(work: Callable[[int], object]) -> tuple[float, float]:
    """Bytes of malloc's heap, and references to None, that each time leaves behind.

    PySide keeps one to four references to None for each widget that Qt deletes: they tell that one was made.
    """
    from tests.soak.around_window.heap import heap_used  # asks glibc

    def go_on() -> None:
        for turn in range(TIMES):
            work(turn)
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            QCoreApplication.processEvents()
        gc.collect()

    go_on()
    bytes_before, nones_before = heap_used(), sys.getrefcount(None)
    go_on()
    return (heap_used() - bytes_before) / TIMES, (sys.getrefcount(None) - nones_before) / TIMES


@glibc
def test_names_and_values_that_change_all_the_time(ground: QWidget) -> None:
    shown = KeyValues()
    on_ground(shown, ground)

    def change(turn: int) -> None:
        rows = [("Owes", f"{turn % 10} dollars"), ("Key", "bioql_1"), ("Note", "at times")]
        shown.show_rows(rows[: 2 + turn % 2])

    stays_bytes, stays_nones = what_stays(change)
    assert stays_bytes < NOTHING_BYTES
    assert stays_nones < 0.1


@glibc
def test_a_layout_that_is_cleared(ground: QWidget) -> None:
    column = QVBoxLayout(ground)

    def fill_and_clear(_turn: int) -> None:
        inside = QHBoxLayout()
        inside.addWidget(PlainLabel("one"))
        inside.addStretch(1)
        column.addLayout(inside)
        column.addWidget(PlainLabel("two"))
        clear(column)

    assert what_stays(fill_and_clear)[0] < NOTHING_BYTES
    assert not ground.findChildren(QWidget)


@glibc
def test_signs_of_life_that_change_all_the_time(ground: QWidget) -> None:
    bar = StatusBar()
    on_ground(bar, ground)
    looks = [Vital("ok", "Server healthy 7 ms"), Vital("bad", "Server off")]
    stays_bytes, stays_nones = what_stays(lambda turn: bar.show_sign("server", looks[turn % 2]))
    assert stays_bytes < NOTHING_BYTES
    assert stays_nones < 0.1


def test_a_value_that_did_not_change_stays_marked(qtbot: QtBot) -> None:
    shown = KeyValues()
    qtbot.addWidget(shown)
    shown.show_rows([("Key", "bioql_1"), ("Owes", "1 dollar")])
    name, key = shown.findChildren(PlainLabel)[:2]
    key.setSelection(0, 5)
    shown.show_rows([("Key", "bioql_1"), ("Owes", "2 dollars"), ("Note", "new")])
    assert (name.text(), key.selectedText()) == ("Key", "bioql")
    shown.show_rows([("Owes", "2 dollars")])
    assert [label.text() for label in shown.findChildren(PlainLabel) if not label.isHidden()] == ["Owes", "2 dollars"]
