"""The window on a team's PostgreSQL: all of the payment flow, and a colleague who may only read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton

from bioql_console.domain.rights import Role
from bioql_console.flow import PaymentFlow
from bioql_console.ui.widgets.buttons import MenuButton
from bioql_console.ui.widgets.gates import Gate
from bioql_console.verifying import run_verify
from tests.databases import a_user_of, drop_database, fresh_database
from tests.stories.windows import Desk, open_window

pytestmark = pytest.mark.postgresql
USERS = 12


@pytest.fixture
def url(cluster: str) -> Iterator[str]:
    made = fresh_database(cluster)
    yield made
    drop_database(made)


@pytest.mark.deadline(60)
async def test_the_whole_payment_flow_on_the_teams_database(data_dir: Path, url: str, tmp_path: Path) -> None:
    async with open_window(data_dir, database=url) as desk:
        said: list[str] = []
        await PaymentFlow(desk.session, tmp_path, said.append).run()
        assert len(said) == 13
        assert desk.console.store.words.startswith("PostgreSQL")
    found = run_verify(None, url)
    assert found.ok, found.total.differences
    assert found.total.users == USERS


def counts(url: str) -> dict[str, int]:
    """How many rows each table has, and what changed in each since it was made."""
    import psycopg
    from sqlalchemy import make_url

    address = make_url(url)
    with psycopg.connect(f"host={address.query['host']!s} user=tests dbname={address.database}") as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        return dict(
            connection.execute(
                "SELECT relname::text, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
            ).fetchall()
        )


@pytest.mark.deadline(60)
@pytest.mark.fault(
    "PostgreSQL",
    "a window whose user may only read",
    "Every page is shown, nothing is written, also not in the background, and each button that would names the role.",
    figure="8 pages, 0 rows changed",
)
async def test_a_viewers_window_shows_everything_and_writes_nothing(data_dir: Path, url: str) -> None:
    async with open_window(data_dir, database=url):
        pass
    before = counts(url)
    async with open_window(data_dir, database=a_user_of(url, Role.VIEWER.value)) as desk:
        assert desk.window.bar.rights.text() == "Read only"
        users = desk.page("users")
        await desk.hand.open_page("users")
        await desk.hand.until(lambda: users.table.model().rowCount() == USERS, "everybody is listed")
        panel = await desk.show_jane()
        assert not panel.adjust.isEnabled()
        assert "Needs bioql_operator; you are bioql_viewer." in panel.adjust.toolTip()
        assert [each.text() for each in panel.more.menu().actions() if each.isEnabled()] == ["Open user's payments"]
        for name in ("overview", "balances", "payments", "meter", "webhooks", "server", "activity", "settings"):
            await desk.hand.open_page(name)
            page = desk.page(name)
            await desk.hand.until(lambda page=page: page.fresh.text() or page.notice.isVisible(), f"{name} was read")
            assert not page.notice.isVisible() or name == "meter", (name, page.notice.what.text())
            writing = [each for each in page.findChildren(QAbstractButton) if isinstance(each, Gate) and each.needs]
            assert not [each.text() for each in writing if each.isEnabled() and not isinstance(each, MenuButton)], name
        await the_palette_offers_no_registering(desk)
        await desk.hand.until(
            lambda: "read only" in desk.window.status.signs["database"].text(), "the status bar says so"
        )
        assert not desk.console.server.running
    assert counts(url) == before


async def the_palette_offers_no_registering(desk: Desk) -> None:
    desk.window.open_palette()
    panel = desk.window.palette_panel
    panel.field.setText("Register user")
    assert not panel.list.item(0).flags() & Qt.ItemFlag.ItemIsEnabled
    assert "Needs bioql_operator" in panel.list.item(0).text()
    panel.run_current()
    panel.hide()
    desk.window.show_page("users", "register")
    assert "Needs bioql_operator" in desk.page("users").notice.fix.text()
    assert not desk.hand.dialogs()


@pytest.mark.deadline(60)
async def test_an_operator_works_but_sets_no_prices(data_dir: Path, url: str) -> None:
    async with open_window(data_dir, database=url):
        pass
    async with open_window(data_dir, database=a_user_of(url, Role.OPERATOR.value)) as desk:
        assert desk.window.bar.rights.isHidden()
        panel = await desk.show_jane()
        assert panel.adjust.isEnabled()
        assert not desk.page("users").bring_in.isEnabled()
        await desk.hand.open_page("settings")
        settings = desk.page("settings")
        settings.tabs.setCurrentWidget(settings.prices)
        await desk.hand.until(lambda: settings.prices.prices.model().rowCount() > 0, "the prices are listed")
        await desk.hand.choose_row(settings.prices.prices)
        assert not settings.prices.change.isEnabled()
        assert "Needs bioql_admin; you are bioql_operator." in settings.prices.change.toolTip()
        desk.console.users.adjust(1, -1_000_000, "a present", desk.console.operator)
