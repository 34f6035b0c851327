"""Stripe's command line, started and watched in the window: events arrive by it alone, and its end is said."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bioql_console.services import stripe_cli as supervision
from bioql_console.services.stripe_cli import CliState
from tests.stories.windows import Desk, open_window
from tests.stripe_cli import stripe_cli, stripe_cli_missing

pytestmark = pytest.mark.skipif(bool(stripe_cli_missing()), reason=stripe_cli_missing() or "it is there")

CARD = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "jane@uni.example"}


@asynccontextmanager
async def desk_with_cli(data_dir: Path) -> AsyncIterator[tuple[Desk, Any]]:
    """The Webhooks page of a window that knows where the program is."""
    async with open_window(data_dir, users=1, stripe_cli_path=str(stripe_cli())) as desk:
        await desk.hand.open_page("webhooks")
        row = desk.page("webhooks").cli
        await desk.hand.until(lambda: row.name.text().startswith("Stripe CLI 1."), "its version is known")
        yield desk, row


async def until_it_listens(desk: Desk, row: Any) -> None:
    await desk.hand.until(lambda: row.state.text() == "listening", "it listens", 15)


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_a_payment_is_heard_by_it_alone(data_dir: Path) -> None:
    async with desk_with_cli(data_dir) as (desk, row):
        assert row.state.text() == "off"
        await desk.hand.click(row.start)
        await until_it_listens(desk, row)
        await desk.console.workers.stripe.run(lambda: desk.console.sandbox.delivery(paused=True))
        panel = await desk.show_jane()
        await desk.hand.click(panel.checkout)
        await desk.hand.until(lambda: desk.browser.addresses, "the link is opened")  # type: ignore[attr-defined]
        async with httpx.AsyncClient(trust_env=False) as browser:
            await browser.post(desk.browser.addresses[0], data=CARD)  # type: ignore[attr-defined]
        await desk.hand.until(lambda: panel.owed.text() == "$0.00", "the payment is counted")
        await desk.hand.open_page("webhooks")
        await desk.hand.until(lambda: "forwarded" in row.words.text(), "it is counted in the row")
        page = desk.page("webhooks")
        await desk.hand.choose_row(page.table)
        await desk.hand.until(lambda: page.inspector.detail is not None, "the event is inspected")
        facts = dict(page.inspector.facts.rows())
        assert facts["Received"].endswith("by CLI")
        assert facts["Signature"].startswith("Forwarded by Stripe's command line")
        pid = desk.console.stripe_cli.pid
    assert gone(pid), "It ends with the console."
    async with open_window(data_dir) as desk:
        cli = desk.console.stripe_cli
        await desk.hand.until(lambda: cli.status.state is CliState.LISTENING, "it starts with the console", 15)


@pytest.mark.fault(
    "Processes",
    "Stripe's command line is killed",
    "It is started again, and its row says so meanwhile.",
    figure="1 kill, 1 start by itself",
)
async def test_killed_it_comes_back_and_follows_the_listener(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_S", 2.5)  # time for a busy machine to show it
    async with desk_with_cli(data_dir) as (desk, row):
        await desk.hand.click(row.start)
        await until_it_listens(desk, row)
        pid = desk.console.stripe_cli.pid
        os.kill(pid, 9)
        await desk.hand.until(lambda: row.state.text() == "starting again", "its end is noticed")
        assert row.words.text().startswith("It was killed.")
        await until_it_listens(desk, row)
        page = desk.page("webhooks")
        await desk.hand.click(page.on)
        await desk.hand.until(lambda: row.state.text() == "waits for the listener", "it ends with the listener")
        assert desk.console.stripe_cli.pid is None
        await desk.hand.click(page.on)
        await until_it_listens(desk, row)
        await desk.hand.click(row.stop)
        await desk.hand.until(lambda: row.state.text() == "off" and row.start.isVisible(), "it is stopped")
        assert not desk.console.settings().stripe_cli_on


async def test_a_refused_key_is_said_here_and_in_the_status_bar(data_dir: Path) -> None:
    async with desk_with_cli(data_dir) as (desk, row):
        right = desk.console.stripe_cli._secret_key
        desk.console.stripe_cli._secret_key = lambda: "sk_test_of4another4account"
        await desk.hand.click(row.start)
        await desk.hand.until(lambda: row.state.text() == "ended", "it is said")
        assert row.words.text().startswith("Stripe does not accept the key.")
        sign = desk.window.status.signs["webhooks"]
        await desk.hand.until(lambda: "Stripe CLI ended" in sign.text(), "the status bar says it")
        desk.console.stripe_cli._secret_key = right
        assert row.start.text() == "Start again"
