"""An operator connects the window to the team's database: proven first, the password asked once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bioql_console.app import Launcher
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.settings import Settings, load, save
from bioql_console.ui.pages.database_dialog import DatabaseDialog
from tests.stories.windows import Desk, open_window
from tests.teams.network import PASSWORD, Network

pytestmark = pytest.mark.postgresql


async def the_dialog(desk: Desk) -> DatabaseDialog:
    def found() -> list[Any]:
        return [each for each in desk.hand.dialogs() if isinstance(each, DatabaseDialog)]

    await desk.hand.until(found, "the dialog is open")
    dialog = found()[0]
    assert isinstance(dialog, DatabaseDialog)
    return dialog


def secrets_on_disk(data_dir: Path) -> list[Path]:
    return [path for path in data_dir.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]


@pytest.mark.keychain
@pytest.mark.deadline(60)
async def test_a_database_is_proven_before_it_is_stored_and_its_password_asked_once(
    data_dir: Path, server: Network
) -> None:
    async with open_window(data_dir, users=0, environment="test") as desk:
        await desk.hand.open_page("settings")
        card = desk.page("settings").database
        await desk.hand.until(lambda: card.note.text() == "the ledger of TEST", "what is chosen is shown")
        desk.page("settings").area.ensureWidgetVisible(card.connect_to)
        await desk.hand.click(card.connect_to)
        dialog = await the_dialog(desk)
        await desk.hand.click(dialog.accept_button)
        assert dialog._checked[0][0].note.text() == "Enter the server's name or address."
        await desk.hand.write(dialog.host, "localhost")
        dialog.port.setValue(server.port)
        await desk.hand.write(dialog.database, "books")
        await desk.hand.write(dialog.user, "ada")
        await desk.hand.write(dialog.password.field, "wrong horse")
        await desk.hand.click(dialog.test)
        await desk.hand.until(lambda: "signed by a stranger" in dialog.outcome.text(), "the certificate is not trusted")
        await desk.hand.write(dialog.authority, str(server.authority))
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: "refused user and password" in dialog.outcome.text(), "the password is wrong")
        assert load(data_dir).test_database_url == "", "it was stored without proof"
        await desk.hand.write(dialog.password.field, PASSWORD)
        await desk.hand.click(dialog.test)
        await desk.hand.until(
            lambda: "encrypted. You are bioql_operator there." in dialog.outcome.text(), "it is proven"
        )
        first = desk.session.console
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(
            lambda: desk.session.console not in (None, first) and not desk.session.switching,
            "the team's ledger is open",
            30,
        )
        assert desk.console.store.words == "PostgreSQL · localhost/books"
        assert desk.console.store.encrypted
    assert load(data_dir).test_database_url.startswith("postgresql+psycopg://ada@localhost:")
    assert not secrets_on_disk(data_dir)

    async with open_window(data_dir, users=0, environment="test") as desk:
        assert desk.console.store.words == "PostgreSQL · localhost/books"
        await desk.hand.open_page("settings")
        settings = desk.page("settings")
        await desk.hand.until(lambda: settings.database.own_file.isVisible(), "what is chosen is shown")
        rows = dict(settings.database.rows.rows())
        assert rows["Chosen"] == f"ada@localhost:{server.port}/books"
        assert rows["You may do"] == "ada: bioql_operator, the daily work"
        settings.area.ensureWidgetVisible(settings.database.own_file)
        await desk.hand.click(settings.database.own_file)
        await desk.hand.until(desk.hand.dialogs, "the plan is shown")
        first = desk.session.console
        await desk.hand.click(desk.hand.dialogs()[0].accept_button)
        await desk.hand.until(
            lambda: desk.session.console not in (None, first) and not desk.session.switching, "the own file is open", 30
        )
        assert desk.console.store.words == "SQLite"
    assert load(data_dir).test_database_url == ""


@pytest.mark.deadline(40)
@pytest.mark.fault(
    "PostgreSQL",
    "the window starts and the database's password is not there, or not right any more",
    "The window says so and asks for it; nothing else is asked again, and the ledger opens.",
    figure="asked once, 0 files with the password",
)
async def test_a_window_that_is_not_let_in_asks_for_the_password(data_dir: Path, server: Network) -> None:
    save(replace(Settings(), port=0, test_database_url=server.address("books", "ada").url()), data_dir)
    async with open_window(data_dir, environment="test") as desk:
        notice = desk.window.notice
        assert desk.session.console is None
        assert notice.what.text().startswith("The database server asks for a password.")
        await desk.hand.click(notice.step)
        dialog = await the_dialog(desk)
        assert (dialog.user.text(), dialog.port.value()) == ("ada", server.port)
        await desk.hand.write(dialog.password.field, PASSWORD)
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: desk.session.console is not None, "the ledger is open", 30)
        assert not notice.isVisible()
    assert not secrets_on_disk(data_dir)


def test_live_is_given_no_ledger_of_another_environment(data_dir: Path, server: Network) -> None:
    """Neither the one that Test has, under whatever name, nor one that says itself whose it is."""
    chosen = server.address("books", "ada").url()
    save(replace(Settings(), test_database_url=chosen), data_dir)
    launcher = Launcher(data_dir)
    team = launcher.team_database(Environment.LIVE)
    for database, other in (("books", "TEST"), ("till", "SANDBOX")):
        with pytest.raises(OperatorError) as refused:
            team.choose(server.address(database, "ada", tls="disable"), PASSWORD)
        assert refused.value.what == f"This database is the ledger of {other}; LIVE needs one of its own."
    launcher.close()
    found = load(data_dir)
    assert (found.test_database_url, found.live_database_url) == (chosen, "")
