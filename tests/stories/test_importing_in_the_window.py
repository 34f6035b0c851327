"""An existing users.db is looked at and brought in, by mouse."""

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog, QLineEdit

from bioql_console.ui.pages.import_dialog import ImportDialog
from tests.legacy_files import make_file, sample_content
from tests.stories.windows import Desk, open_window


async def opened(desk: Desk, path: Path) -> Any:
    """The import's dialog on a file that was chosen on the Users page."""
    await desk.hand.open_page("users")
    users = desk.page("users")
    await desk.hand.click(users.bring_in)
    await desk.hand.until(lambda: users.findChildren(QFileDialog), "the file is asked for")
    chooser = users.findChildren(QFileDialog)[0]
    chooser.findChild(QLineEdit).setText(str(path))
    chooser.accept()
    await desk.hand.until(lambda: users.findChildren(ImportDialog), "the preview opens")
    return users.findChildren(ImportDialog)[0]


def shown(values: Any) -> dict[str, str]:
    return dict(values.rows())


async def test_a_preview_then_the_import_then_nothing_new(data_dir: Path, tmp_path: Path) -> None:
    content = sample_content()
    content["usage_logs"].append({"id": 99, "user_id": 77, "shots": 5, "backend": "simulator", "cost": 0.05})
    path = make_file(tmp_path / "users.db", content)
    async with open_window(data_dir, users=0) as desk:
        dialog = await opened(desk, path)
        await desk.hand.until(dialog.accept_button.isEnabled, "the preview is there")
        assert shown(dialog.sums)["Users"] == "3"
        assert shown(dialog.parts)["Owed afterwards"] == "$250.10"
        assert "There is no user 77" in dialog.problems.model().index(0, 2).data()
        await desk.hand.click(dialog.credit)
        await desk.hand.until(lambda: shown(dialog.parts)["Prepaid credit"] == "left out", "credit is left out")
        await desk.hand.until(dialog.credit.isEnabled, "the preview is there again")
        await desk.hand.click(dialog.credit)
        await desk.hand.until(lambda: shown(dialog.parts)["Prepaid credit"] != "left out", "credit counts again")
        assert desk.page("users").table.model().rowCount() == 0
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: dialog.accept_button.text() == "Close", "it is brought in")
        assert dialog.progress.words.text().startswith("Brought in.")
        await desk.hand.click(dialog.accept_button)
        rows = desk.page("users").table.model()
        await desk.hand.until(lambda: rows.rowCount() == 3, "they are listed")
        again = await opened(desk, path)
        await desk.hand.until(lambda: "here already" in again.progress.words.text(), "nothing is new")
        again.reject()
        await desk.hand.until(lambda: not desk.page("users").findChildren(ImportDialog), "the dialog is closed")


async def test_what_is_no_users_db_is_refused_with_the_next_step(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("These are notes and no database.")
    async with open_window(data_dir, users=0) as desk:
        dialog = await opened(desk, path)
        await desk.hand.until(lambda: dialog.accept_button.text() == "Close", "it is refused")
        assert "database" in dialog.progress.words.text()
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: not desk.page("users").findChildren(ImportDialog), "the dialog is closed")


async def test_the_window_may_be_closed_over_a_preview(data_dir: Path, tmp_path: Path) -> None:
    path = make_file(tmp_path / "users.db", sample_content())
    async with open_window(data_dir, users=0) as desk:
        dialog = await opened(desk, path)
        await desk.hand.until(dialog.accept_button.isEnabled, "the preview is there")
