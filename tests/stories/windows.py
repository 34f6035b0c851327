"""The real window on real parts, opened and closed within a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from bioql_console.demo_data import fill_data_dir
from bioql_console.domain.environment import Environment
from bioql_console.gui import start_options
from bioql_console.gui_options import GuiOptions
from bioql_console.settings import Settings, environment_directory, save
from bioql_console.ui import formats
from bioql_console.ui.hand import CaughtBrowser, Hand
from bioql_console.ui.session import Session
from bioql_console.ui.start import make_window
from tests.empty_ledger import empty_ledger

USERS = 12
# No test ever reaches Stripe's own hosts.
NOWHERE = "http://127.0.0.1:9"
JANES_ID = 1


class Desk:
    """A person at the open window."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.window = session.window
        self.hand = Hand(session.window)

    @property
    def console(self) -> Any:
        assert self.session.console is not None, self.window.notice.what.text()
        return self.session.console

    def page(self, name: str) -> Any:
        return self.window.page(name)

    async def show_jane(self) -> Any:
        """Find Dr. Jane Smith on the Users page; answers the panel about her."""
        await self.hand.open_page("users")
        users = self.page("users")
        await self.hand.write(users.search, "Jane Smith")
        await self.hand.until(lambda: users.table.model().rowCount() == 1, "Jane is found")
        await self.hand.choose_row(users.table)
        await self.hand.until(lambda: users.panel.detail is not None, "Jane is shown")
        return users.panel


@asynccontextmanager
async def open_window(
    data_dir: Path,
    *,
    users: int = USERS,
    environment: str = "sandbox",
    stripe_at: str = NOWHERE,
    database: str | None = None,
    **settings: object,
) -> AsyncIterator[Desk]:
    """The window on a data folder, filled with demo users when it is new; closed in order afterwards.

    Args:
        stripe_at: What stands in for Stripe in Test and Live; by default nothing answers there.
        database: Another database than the folder's own; the demo users are put there too.
    """
    if not (data_dir / "settings.json").exists():
        save(replace(Settings(), port=0, **settings), data_dir)  # type: ignore[arg-type]
        if database is None:
            empty_ledger(environment_directory(data_dir, Environment(environment)) / "bioql.db")
        if users:
            fill_data_dir(data_dir, users, seed=1, url=database)
    options = start_options(
        GuiOptions(data_dir, environment, database=database), {Environment.TEST: stripe_at, Environment.LIVE: stripe_at}
    )
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    formats.choose_locale("en")
    window = make_window(application, options)
    window.show()
    with CaughtBrowser() as browser:
        session = Session(window, options)
        desk = Desk(session)
        desk.browser = browser  # type: ignore[attr-defined]
        try:
            await session.open(Environment(environment))
            yield desk
        finally:
            await session.close()
            window.deleteLater()
