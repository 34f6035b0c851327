"""What strangers typed is shown as they typed it, never as markup."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from bioql_console.services.csv_export import safe_cell, write_csv
from bioql_console.ui.widgets.cards import NoticeBar
from bioql_console.ui.widgets.labels import PlainLabel
from tests.stories.windows import open_window

HOSTILE = ["<img src=http://127.0.0.1:1/x>", "<b>bold</b>", "\u202egnp.exe", "a\x01b", "=cmd()", "x" * 200]


@pytest.mark.parametrize("text", HOSTILE)
def test_labels_are_plain(qtbot: Any, text: str) -> None:
    label, notice = PlainLabel(text), NoticeBar()
    qtbot.addWidget(label)
    qtbot.addWidget(notice)
    notice.show_notice(text, text, retry=True)
    for each in (label, notice.what, notice.fix):
        assert each.textFormat() is Qt.TextFormat.PlainText
        assert each.text() == text


@pytest.mark.fault(
    "Text",
    "a customer's name is markup that loads a file",
    "It is shown letter for letter, and nothing is loaded.",
)
async def test_a_user_with_a_hostile_name_is_only_a_name(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        await desk.console.workers.stripe.run(
            desk.console.registration.register, HOSTILE[0], "evil@uni.example", None, True, "tester"
        )
        await desk.hand.open_page("users")
        users = desk.page("users")
        await desk.hand.write(users.search, "evil@uni")
        await desk.hand.until(lambda: users.table.model().rowCount() == 1, "it is found")
        await desk.hand.choose_row(users.table)
        await desk.hand.until(lambda: users.panel.user_name.text() == HOSTILE[0], "it is shown as typed")
        labels = desk.window.findChildren(QLabel)
        assert all(label.textFormat() is Qt.TextFormat.PlainText for label in labels)


@pytest.mark.fault(
    "Text",
    "a name begins like a formula",
    "The exported cell is text.",
)
def test_cells_that_a_spreadsheet_would_run_are_defused(tmp_path: Path) -> None:
    assert safe_cell("=1+1") == "'=1+1"
    assert safe_cell("@x") == "'@x"
    assert safe_cell("-12.50") == "-12.50"
    assert safe_cell("-cmd") == "'-cmd"
    assert safe_cell(-5) == -5
    path = tmp_path / "out.csv"
    assert write_csv(path, ["a"], [["=x"], ["ok"]]) == 2
    assert path.read_text("utf-8-sig").splitlines() == ["a", "'=x", "ok"]
    assert path.stat().st_mode & 0o077 == 0
