"""Sandbox, Test and Live can't be mistaken, and what can't be reached is said."""

from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.server.host import bind
from bioql_console.services.instance_lock import InstanceLock
from bioql_console.settings import load
from tests.stories.windows import open_window


@pytest.mark.deadline(40)
async def test_dev_mode_off_is_test_and_on_is_the_sandbox_again(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        bar = desk.window.bar
        assert bar.environment.text().startswith("SANDBOX")
        assert desk.window.windowTitle().startswith("SANDBOX")
        await desk.hand.click(bar.dev_mode)
        await desk.hand.until(
            lambda: desk.session.console and desk.console.environment is Environment.TEST, "Test is open"
        )
        assert bar.environment.text().startswith("TEST")
        assert bar.property("environment") == "test"
        assert not desk.console.server.running
        await desk.hand.until(lambda: load(data_dir).environment == "test", "the choice is kept")
        assert not load(data_dir).dev_mode
        sign = desk.window.status.signs["stripe"]
        await desk.hand.until(lambda: "attention" in sign.text(), "Stripe is off without a key, and it says so")
        await desk.hand.click(bar.dev_mode)
        await desk.hand.until(
            lambda: desk.session.console and desk.console.environment is Environment.SANDBOX, "the Sandbox is open"
        )
        panel = await desk.show_jane()
        assert panel.owed.text() == "$350.00"


@pytest.mark.deadline(40)
async def test_live_is_red_locked_and_has_no_laboratory(data_dir: Path) -> None:
    async with open_window(data_dir, users=0, environment="live") as desk:
        bar = desk.window.bar
        assert bar.environment.text().startswith("LIVE")
        assert bar.lock.text() == "Locked"
        assert not bar.dev_mode.isChecked()
        await desk.hand.open_page("webhooks")
        assert not desk.page("webhooks").lab.isVisible()
        await desk.hand.open_page("meter")
        assert not desk.page("meter").test_event.isVisible()


@pytest.mark.fault(
    "Processes",
    "the window's server finds its port taken",
    "The window opens and says who holds the port; no other one is taken silently.",
    figure="1 port taken, 0 others opened",
)
async def test_a_taken_port_is_named_and_the_window_opens_all_the_same(data_dir: Path) -> None:
    taken = bind("127.0.0.1", 0)
    try:
        async with open_window(data_dir, users=2) as desk:
            await desk.console.workers.probe.run(desk.console.server.stop)
            from dataclasses import replace

            settings = replace(desk.console.settings(), port=taken.getsockname()[1])
            desk.console.save_settings(settings)
            await desk.hand.open_page("server")
            page = desk.page("server")
            await desk.hand.click(page.own_on)
            await desk.hand.until(page.notice.isVisible, "the page says what happened")
            assert "is taken" in page.notice.what.text()
            assert not page.own_on.isChecked()
    finally:
        taken.close()


async def test_second_window_on_the_same_data_says_who_is_first(data_dir: Path) -> None:
    async with open_window(data_dir, users=2):
        with pytest.raises(OperatorError) as refused:
            InstanceLock(data_dir, "window").acquire()
        assert "window" in refused.value.what
        assert refused.value.code == "instance.running"


@pytest.mark.fault(
    "Database",
    "the ledger's file is empty when the window opens",
    "The window says so with the next step, and Retry opens it once the file is back.",
    figure="0 bytes in the file, then opened by 1 press",
)
async def test_a_console_that_cannot_open_offers_to_retry(data_dir: Path) -> None:
    async with open_window(data_dir, users=2):
        pass
    database = data_dir / "sandbox" / "bioql.db"
    good = database.read_bytes()
    for extra in ("-wal", "-shm"):
        database.with_name(database.name + extra).unlink(missing_ok=True)
    database.write_bytes(b"")
    async with open_window(data_dir) as desk:
        assert desk.window.notice.isVisible()
        assert "empty" in desk.window.notice.what.text()
        database.write_bytes(good)
        await desk.hand.click(desk.window.notice.retry)
        await desk.hand.until(lambda: desk.session.console is not None, "it opens now")
        panel = await desk.show_jane()
        assert panel.owed.text() == "$350.00"
