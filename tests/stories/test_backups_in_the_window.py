"""The Backups card: what there is, one more by hand, stopped in the middle, and the command that restores one."""

from pathlib import Path

from PySide6.QtGui import QGuiApplication

from bioql_console.domain.backups import Reason, read_name
from bioql_console.domain.environment import Environment
from bioql_console.settings import environment_directory
from bioql_console.storage.backup_content import content_of
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.moves import AWAY
from tests.stories.windows import open_window


async def test_backups_are_made_listed_and_stopped(data_dir: Path) -> None:
    async with open_window(data_dir, users=3) as desk:
        await desk.hand.open_page("settings")
        card = desk.page("settings").backups
        await desk.hand.until(lambda: card.words.text().startswith("None yet"), "there is none")
        assert not card.command.isVisibleTo(card)
        await desk.hand.click(card.make)
        await desk.hand.until(lambda: "its books balance" in card.words.text(), "it is made and verified")
        await desk.hand.until(lambda: card.table.model().rowCount() == 1, "it is listed")
        backup = card.table.current_row()
        assert backup.reason is Reason.HAND
        assert content_of(backup.path).environment is backup.environment
        assert str(backup.path) in card.command.text()
        assert f"--data-dir {data_dir}" in card.command.text()
        await desk.hand.click(card.copy)
        assert QGuiApplication.clipboard().text() == card.command.text()
        await desk.hand.click(card.show_folder)
        assert desk.browser.addresses == [(data_dir / "backups").as_uri()]  # type: ignore[attr-defined]

        desk.console.store.back_up(data_dir / "backups", reason=Reason.IMPORT)
        await desk.hand.click(card.make)
        await desk.hand.until(lambda: card.table.model().rowCount() == 3, "both are listed")
        why = [card.table.model().index(row, 1).data() for row in range(3)]
        assert sorted(why) == ["before import", "by hand", "by hand"]

        backups = data_dir / "backups"
        before = set(backups.iterdir())
        await desk.hand.until(card.make.isEnabled, "the last one is made")
        card.make.click()
        card.stop.click()
        await desk.hand.until(lambda: card.make.isEnabled() and not desk.page("settings").backups._model.acting, "over")
        after = set(backups.iterdir())
        assert before <= after
        assert all(read_name(path) for path in after), "something was left unfinished"


async def test_a_folder_that_cannot_be_written_is_said_in_the_page(data_dir: Path) -> None:
    async with open_window(data_dir, users=0) as desk:
        (data_dir / "backups").write_text("This is a file.")
        await desk.hand.open_page("settings")
        page = desk.page("settings")
        await desk.hand.until(lambda: "can't be read" in page.notice.what.text(), "the page says so")
        await desk.hand.click(page.backups.make)
        await desk.hand.until(lambda: "can't be copied" in page.notice.what.text(), "the page says why")
        await desk.hand.until(page.backups.make.isEnabled, "it may be tried again")


async def test_a_ledger_that_moved_leads_to_the_new_one(data_dir: Path) -> None:
    path = environment_directory(data_dir, Environment.TEST) / "bioql.db"
    database = Database(sqlite_url(path), lambda: 0)
    database.open(None)
    with database.write() as work:
        work.moves.add(AWAY, "PostgreSQL · db.uni.example/bioql", "", "ada")
        work.commit()
    database.close()
    async with open_window(data_dir, users=0, environment="test", dev_mode=False) as desk:
        notice = desk.window.notice
        await desk.hand.until(lambda: "moved to PostgreSQL · db.uni.example/bioql" in notice.what.text(), "it says so")
        await desk.hand.click(notice.step)
        await desk.hand.until(desk.hand.dialogs, "the new one is asked for")
        desk.hand.dialogs()[0].reject()
