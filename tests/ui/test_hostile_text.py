"""What strangers typed is shown as text, never as markup, and never breaks what is beside it."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QLabel, QWidget

from bioql_console.domain.environment import Environment
from bioql_console.domain.plain_text import shown
from bioql_console.domain.tickets import Priority
from bioql_console.services.csv_export import safe_cell, write_csv
from bioql_console.ui.models.row_table import Column, RowTable
from bioql_console.ui.widgets.cards import NoticeBar
from bioql_console.ui.widgets.dialogs import PlanDialog
from bioql_console.ui.widgets.labels import ElidedLabel, PlainLabel, tip
from tests.services.loopback import http, saying
from tests.stories.windows import Desk, open_window

IMAGE = "<img src=http://127.0.0.1:1/x width=9999>"
HOSTILE = [IMAGE, "<b>bold</b>", "\u202egnp.exe", "a\x01b", "=cmd()", "x" * 200, "two\nlines", "\x1b[31mred"]
ENDLESS = "Endless " + "W" * 1_000_000
PAGES = ("overview", "users", "balances", "payments", "meter", "webhooks", "server", "activity", "support", "reconcile")


@pytest.mark.parametrize("text", HOSTILE)
def test_labels_are_plain(qtbot: Any, text: str) -> None:
    label, notice = PlainLabel(text), NoticeBar()
    qtbot.addWidget(label)
    qtbot.addWidget(notice)
    notice.show_notice(text, text, retry=True)
    for each in (label, notice.what, notice.fix):
        assert each.textFormat() is Qt.TextFormat.PlainText
        assert each.text() == shown(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_tool_tips_and_titles_say_exactly_this(qtbot: Any, text: str) -> None:
    page = QTextDocument()
    page.setHtml(tip(text)) if "<" in tip(text) else page.setPlainText(tip(text))
    assert page.toPlainText() == shown(text), "Qt shows a tip with tags in it as a page"
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = PlanDialog(parent, text, "SANDBOX", "Go", [(text, text)])
    assert "\n" not in dialog.windowTitle()
    table = RowTable((Column("Name", lambda row: str(row)),))
    table.show_rows([text])
    said = table.data(table.index(0, 0), Qt.ItemDataRole.ToolTipRole)
    assert said is None or said == tip(text)
    assert "\n" not in table.data(table.index(0, 0))


@pytest.mark.fault(
    "Text",
    "A name of a megabyte",
    "Labels, cells and tips show its beginning; none asks for more room than a screen has.",
    figure="1,000,000 letters; fewer than 1,000 in a cell",
)
def test_megabyte_takes_no_room(qtbot: Any) -> None:
    elided, wrapped, notice = ElidedLabel(ENDLESS), PlainLabel(ENDLESS).wrapped(), NoticeBar()
    for widget in (elided, wrapped, notice):
        qtbot.addWidget(widget)
    notice.show_notice(ENDLESS, ENDLESS, retry=False)
    assert len(elided.text()) < 1_000
    assert len(elided.toolTip()) < 2_000
    assert elided.minimumSizeHint().width() < 100
    assert len(wrapped.text()) < 10_000
    table = RowTable((Column("Name", lambda row: str(row)),))
    table.show_rows([ENDLESS])
    assert len(table.data(table.index(0, 0))) < 1_000
    assert notice.sizeHint().boundedTo(QSize(100_000, 100_000)) == notice.sizeHint()


async def register(desk: Desk, name: str, email: str) -> int:
    made = await desk.console.workers.stripe.run(desk.console.registration.register, name, email, None, True, "tester")
    return int(made.user.id)


@pytest.mark.fault(
    "Text",
    "A customer whose name, ticket and reason are markup, formulae, escapes and reordering marks",
    "Every page, panel, dialog, tip, title and toast shows them as text; nothing is loaded, run or reordered.",
    figure="10 pages, 0 labels that read markup",
)
@pytest.mark.deadline(60)
async def test_a_hostile_customer_is_only_a_name_on_every_page(data_dir: Path) -> None:
    name = f"{IMAGE}\u202e=HYPERLINK(1)\x1b[2J"
    async with open_window(data_dir, users=1) as desk:
        user_id = await register(desk, name, "evil@uni.example")
        arabic = await register(desk, "محمد بن موسى", "musa@uni.example")
        work = desk.console.workers.database
        for each in (user_id, arabic):
            await work.run(desk.console.users.adjust, each, 35_000_000, "tester", f"why {name}")
        await work.run(desk.console.support.open, user_id, Priority.HIGH, name, f"{name}\n{ENDLESS[:4_000]}")
        for page in PAGES:
            await desk.hand.open_page(page)
        await desk.hand.open_page("users")
        users = desk.page("users")
        await desk.hand.write(users.search, "evil@uni")
        await desk.hand.until(lambda: users.table.model().rowCount() == 1, "it is found")
        await desk.hand.choose_row(users.table)
        await desk.hand.until(lambda: users.panel.user_name.text() == shown(name), "it is shown as typed")

        desk.hand.press("Ctrl+K")
        palette = desk.window.palette_panel
        await desk.hand.write(palette.field, "uni.example")
        await desk.hand.until(lambda: palette.list.count() >= 2, "both are found")
        titles = [palette.list.item(row).text() for row in range(palette.list.count())]
        (musa,) = (title for title in titles if "musa@" in title)
        assert musa == "\u2068محمد بن موسى\u2069 · musa@uni.example · owes $25.00"
        assert not any("\u202e" in title or "\x1b" in title for title in titles)
        desk.hand.press("Escape")

        labels = desk.window.findChildren(QLabel)
        assert all(label.textFormat() is Qt.TextFormat.PlainText for label in labels)
        assert not any("\u202e" in label.text() or "\x1b" in label.text() for label in labels)
        tips = [widget.toolTip() for widget in desk.window.findChildren(QWidget)]
        assert not any("<img" in each for each in tips), "a tip with a tag is loaded as a page"


@pytest.mark.fault(
    "Text",
    "Stripe's error message is a megabyte of markup, escapes and reordering marks",
    "The notice shows its beginning as text, and the page keeps its place.",
    figure="1,000,000 letters, at most 1,000 shown",
)
async def test_a_hostile_message_of_stripes_is_only_a_sentence(data_dir: Path) -> None:
    message = f"{IMAGE}\u202e=HYPERLINK(1)\x1b[2J {ENDLESS}"
    error = json.dumps({"error": {"type": "invalid_request_error", "message": message}}).encode()
    with saying(http(error, "400 Bad Request")) as stripe:
        async with open_window(data_dir, users=0, environment="test", stripe_at=stripe) as desk:
            console = desk.console
            save = console.credentials.save_secret_key
            await console.workers.keychain.run(save, Environment.TEST, "rk_test_obviouslyfake")
            await desk.hand.open_page("meter")
            page = desk.page("meter")
            await desk.hand.click(page.look)
            await desk.hand.until(page.notice.isVisible, "the page says so")
            said = page.notice.what.text() + page.notice.fix.text()
            assert "<img" in said
            assert len(said) < 1_000
            assert not {"\u202e", "\x1b"} & set(said)
            assert page.notice.height() < page.height() / 2
            assert page.notice.what.textFormat() is Qt.TextFormat.PlainText


def test_cells_that_a_spreadsheet_would_run_are_defused(tmp_path: Path) -> None:
    assert safe_cell("=1+1") == "'=1+1"
    assert safe_cell("@x") == "'@x"
    assert safe_cell("\uff1d1+1") == "'\uff1d1+1"
    assert safe_cell("-12.50") == "-12.50"
    assert safe_cell("-cmd") == "'-cmd"
    assert safe_cell(-5) == -5
    path = tmp_path / "out.csv"
    assert write_csv(path, ["a", "b"], [["=x", "ok"], ['"\r\n=1+1', "two\nlines"]]) == 2
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["'=x", "ok"], ['"\r\n=1+1', "two\nlines"]]
    assert path.stat().st_mode & 0o077 == 0
