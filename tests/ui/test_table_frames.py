"""What a frame of a table costs, counted instead of timed: questions to the model, and memory."""

import gc
import sys
from collections import Counter
from typing import Any, ClassVar

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QStyledItemDelegate

from bioql_console.resources import resource
from bioql_console.ui.models.row_table import Column, Index, Look, RowTable
from bioql_console.ui.theme import Theme
from bioql_console.ui.widgets.tables import ROW_HEIGHT, DataTable

COLUMNS = (
    Column("Name", lambda row: f"name {row}", width=200),
    Column("E-mail", lambda row: f"{row}@uni.example", Look.MUTED, width=200),
    Column("Plan", lambda row: "pro", width=100),
    Column("Owes", lambda row: f"${row}", Look.NUMBER, width=100),
    Column("Customer", lambda row: f"cus_{row}", Look.MONO, tone=lambda row: None if row % 2 else "warn", width=100),
)
ROWS_A_TURN, ROOM, FRAMES = 3, 20, 250
# Qt's own roles of a cell: text, alignment, font, two colours, icon, check mark; one with a tone is asked for that too.
ROLES = 8


class Counting(RowTable):
    """Knows which cells were asked for, and how often."""

    asked: ClassVar[Counter[tuple[int, int]]] = Counter()

    def data(self, index: Index, role: int = 0) -> Any:
        self.asked[index.row(), index.column()] += 1
        return super().data(index, role)


@pytest.fixture
def view(qtbot: Any) -> DataTable:
    shown, model = DataTable("Things"), Counting(COLUMNS)
    qtbot.addWidget(shown)
    shown.show_table(model)
    model.show_rows(range(1_000))
    shown.resize(800, ROOM * ROW_HEIGHT)
    shown.show()
    qtbot.waitExposed(shown)
    shown.viewport().repaint()
    return shown


def turn(view: DataTable) -> None:
    """One step of the wheel, painted."""
    bar = view.verticalScrollBar()
    bar.setValue(bar.value() + ROWS_A_TURN * ROW_HEIGHT)
    QApplication.sendPostedEvents(view, QEvent.Type.UpdateRequest.value)


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_a_step_of_the_wheel_paints_only_the_rows_that_come(view: DataTable, qapp: QApplication, choice: str) -> None:
    before = qapp.styleSheet(), qapp.palette()
    try:
        Theme(qapp, resource("") / "theme" / "app.qss", choice).deleteLater()
        view.repaint()
        turn(view)
        Counting.asked.clear()
        turn(view)
        assert 0 < len({row for row, _ in Counting.asked}) <= ROWS_A_TURN + 1
    finally:
        qapp.setStyleSheet(before[0])
        qapp.setPalette(before[1])


def test_each_cell_of_a_frame_is_asked_once_for_each_role(view: DataTable) -> None:
    Counting.asked.clear()
    view.viewport().repaint()
    rows = {row for row, _ in Counting.asked}
    assert len(rows) <= ROOM + 1, "Only what is in sight is painted."
    assert max(Counting.asked.values()) <= ROLES
    assert sum(Counting.asked.values()) <= len(rows) * (len(COLUMNS) * (ROLES - 1) + 1)


def test_scrolling_leaves_nothing_behind(view: DataTable) -> None:
    for _ in range(50):
        turn(view)
    Counting.asked.clear()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(FRAMES):
        turn(view)
    Counting.asked.clear()
    gc.collect()
    assert sys.getallocatedblocks() - before < FRAMES, "Less than one block for each frame."


def test_plain_cells_are_drawn_without_python(view: DataTable) -> None:
    plain = [type(view.itemDelegateForColumn(number)) is QStyledItemDelegate for number in range(len(COLUMNS))]
    assert plain == [True, False, True, True, False]
