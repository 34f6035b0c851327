"""Tables show pages as they come, ask once, and keep what the eye rests on."""

from typing import Any

from PySide6.QtCore import QModelIndex, Qt
from pytestqt.modeltest import ModelTester

from bioql_console.domain.paging import Cursor, Page
from bioql_console.ui.models.row_table import Column, Look, Role, RowTable
from bioql_console.ui.widgets.tables import DataTable

COLUMNS = (
    Column("Name", lambda row: row[1], sort="name", width=0),
    Column("Owes", lambda row: f"${row[2]}", Look.NUMBER, plain=lambda row: str(row[2]), sort="owed"),
    Column("State", lambda row: "fine", Look.PILL, tone=lambda row: "ok", optional=True),
)


def rows(first: int, count: int) -> tuple[tuple[int, str, int], ...]:
    return tuple((number, f"name {number}", number * 10) for number in range(first, first + count))


def table() -> RowTable:
    return RowTable(COLUMNS, identity=lambda row: row[0])


def test_model_keeps_qts_rules(qtmodeltester: ModelTester) -> None:
    model = table()
    model.show_rows(rows(0, 250))
    qtmodeltester.check(model)


def test_pages_are_asked_for_once_and_appended(qtbot: Any) -> None:
    model = table()
    wanted: list[object] = []
    model.page_wanted.connect(wanted.append)
    model.show_rows(rows(0, 100), Cursor("name 99", 99))
    for _ in range(5):
        if model.canFetchMore(QModelIndex()):
            model.fetchMore(QModelIndex())
    assert wanted == [Cursor("name 99", 99)]
    model.append(Page(rows(100, 20), None))
    assert model.rowCount() == 120
    assert not model.canFetchMore(QModelIndex())


def test_failed_page_is_not_asked_again_by_scrolling(qtbot: Any) -> None:
    model = table()
    model.show_rows(rows(0, 10), Cursor("name 9", 9))
    model.fetchMore(QModelIndex())
    model.stop()
    assert not model.canFetchMore(QModelIndex())


def test_same_rows_keep_the_selection_and_others_find_it_again(qtbot: Any) -> None:
    model, view = table(), DataTable("Things")
    qtbot.addWidget(view)
    view.show_table(model)
    model.show_rows(rows(0, 5))
    view.select_row(3)
    chosen: list[Any] = []
    view.selected.connect(chosen.append)
    model.show_rows(tuple((number, "renamed", owed) for number, _, owed in rows(0, 5)))
    assert view.currentIndex().row() == 3
    model.show_rows(rows(2, 5))
    assert view.currentIndex().row() == 1
    assert chosen[-1][0] == 3


def test_copy_takes_the_plain_value(qtbot: Any, qapp: Any) -> None:
    model, view = table(), DataTable("Things")
    qtbot.addWidget(view)
    view.show_table(model)
    model.show_rows(rows(7, 1))
    view.setCurrentIndex(model.index(0, 1))
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert qapp.clipboard().text() == "70"
    assert model.data(model.index(0, 1), Role.PLAIN) == "70"


def test_enter_opens_and_headers_ask_for_an_order(qtbot: Any) -> None:
    model, view = table(), DataTable("Things")
    qtbot.addWidget(view)
    view.show_table(model)
    model.show_rows(rows(0, 2))
    opened: list[Any] = []
    asked: list[tuple[str, bool]] = []
    view.opened.connect(opened.append)
    view.sort_asked.connect(lambda sort, descending: asked.append((sort, descending)))
    view.setCurrentIndex(model.index(1, 0))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert opened == [(1, "name 1", 10)]
    for column in (1, 0, 2):
        view.horizontalHeader().sectionClicked.emit(column)
    assert asked == [("owed", True), ("name", False)]
    view.show_order("owed", True)
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Owes ▾"
    view.horizontalHeader().sectionClicked.emit(1)
    assert asked[-1] == ("owed", False)


def test_optional_columns_give_way_in_a_narrow_window(qtbot: Any) -> None:
    view = DataTable("Things")
    qtbot.addWidget(view)
    view.show_table(table())
    view.resize(900, 200)
    view.show()
    assert not view.isColumnHidden(2)
    view.resize(300, 200)
    assert view.isColumnHidden(2)
    view.resize(900, 200)
    assert not view.isColumnHidden(2)
