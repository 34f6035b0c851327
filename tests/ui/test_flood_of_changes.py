"""Changes show at once; under a flood of them pages read and repaint about once a second."""

from types import SimpleNamespace

from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from bioql_console.services.changes import Change, Changes
from bioql_console.ui.workspace import LONGEST_PAUSE_MS, PAUSE_MS, Workspace


def test_pauses_grow_while_changes_pour_in_and_end_with_them(qtbot: QtBot) -> None:
    changes, told = Changes(), list[frozenset[str]]()
    workspace = Workspace(SimpleNamespace(changes=changes), SimpleNamespace())  # type: ignore[arg-type]
    workspace.changed.connect(told.append)
    flood = QTimer()
    flood.timeout.connect(lambda: changes.publish(Change("events"), Change("balances")))
    flood.start(0)
    pause = workspace._pause
    qtbot.waitUntil(lambda: pause.interval() == LONGEST_PAUSE_MS, timeout=20_000)
    assert len(told) <= 6, "60, 120, 240, 480, 800: a page is told five times until then"
    assert set(told) == {frozenset(("events", "balances"))}
    flood.stop()
    qtbot.waitUntil(lambda: not pause.isActive(), timeout=20_000)
    before = len(told)
    changes.publish(Change("users"))
    qtbot.waitUntil(lambda: len(told) > before, timeout=20_000)
    assert (told[-1], pause.interval()) == ({"users"}, PAUSE_MS)
    workspace.close()


def test_what_people_change_one_by_one_after_a_flood_is_told_at_once_again(qtbot: QtBot) -> None:
    """Each of their changes comes within the pause that the flood left, and would go on with it."""
    changes, told = Changes(), list[frozenset[str]]()
    workspace = Workspace(SimpleNamespace(changes=changes), SimpleNamespace())  # type: ignore[arg-type]
    workspace.changed.connect(told.append)
    changes.publish(Change("events"))
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    workspace._pause.start(LONGEST_PAUSE_MS)
    for _ in range(4):
        changes.publish(Change("users"), Change("balances"), Change("ledger"))
    qtbot.waitUntil(lambda: len(told) == 2, timeout=20_000)
    assert workspace._pause.interval() == PAUSE_MS
    workspace.close()
