"""A customer pays $350.00 in a real browser, and the operator's window follows by itself."""

import time
from pathlib import Path
from typing import Any

import pytest

from bioql_console.services.demo import demo_api_key
from tests.browsers import chromium_page
from tests.stories.windows import open_window

WITHIN_S = 1.0


@pytest.mark.chromium
@pytest.mark.deadline(60)
async def test_thirteen_steps_in_chromium_bring_the_window_to_zero(data_dir: Path) -> None:
    async with open_window(data_dir) as desk, chromium_page() as page:
        panel = await desk.show_jane()
        assert panel.owed.text() == "$350.00"

        await page.goto(f"{desk.console.server.url}/dashboard.html")
        await _sign_in(page)
        await page.wait_for_selector("text=$350.00")
        await page.click("text=Pay Now")
        await page.wait_for_url("**/c/pay/cs_test_*")
        assert "$350.00" in await page.inner_text("h1")

        await _fill_card(page, "4000 0000 0000 0002")
        await page.click("#pay")
        assert "declined" in await page.inner_text("[role=alert]")
        assert panel.owed.text() == "$350.00"

        await _fill_card(page, "4242 4242 4242 4242")
        await page.click("#pay")
        await page.wait_for_url("**/dashboard.html?payment=success*")
        await desk.hand.until(lambda: desk.console.listener.last_event_ms is not None, "the webhook is heard")
        heard = time.monotonic()
        await desk.hand.until(lambda: panel.owed.text() == "$0.00", "the window shows $0.00")
        assert time.monotonic() - heard < WITHIN_S

        await page.wait_for_selector("text=$0.00")
        _books_balance(desk)


@pytest.mark.chromium
@pytest.mark.deadline(60)
async def test_cancelling_leaves_everything_owed(data_dir: Path) -> None:
    async with open_window(data_dir) as desk, chromium_page() as page:
        panel = await desk.show_jane()
        await page.goto(f"{desk.console.server.url}/dashboard.html")
        await _sign_in(page)
        await page.click("text=Pay Now")
        await page.wait_for_url("**/c/pay/cs_test_*")
        await page.click("text=Cancel and go back")
        await page.wait_for_url("**/dashboard.html?payment=cancel*")
        await page.wait_for_selector("text=$350.00")
        assert panel.owed.text() == "$350.00"
        _books_balance(desk)


@pytest.mark.chromium
@pytest.mark.deadline(60)
async def test_a_bank_that_asks_is_answered_on_the_page(data_dir: Path) -> None:
    async with open_window(data_dir) as desk, chromium_page() as page:
        panel = await desk.show_jane()
        await desk.hand.click(panel.checkout)
        await desk.hand.until(lambda: desk.browser.addresses, "the link is opened")  # type: ignore[attr-defined]
        await page.goto(desk.browser.addresses[0])  # type: ignore[attr-defined]
        await _fill_card(page, "4000 0025 0000 3155")
        await page.click("#pay")
        await page.click("text=Confirm payment")
        await page.wait_for_url("**/dashboard.html?payment=success*")
        await desk.hand.until(lambda: panel.owed.text() == "$0.00", "the window shows $0.00")


async def _sign_in(page: Any) -> None:
    await page.fill("#key", demo_api_key(1, 1))
    await page.press("#key", "Enter")


async def _fill_card(page: Any, number: str) -> None:
    for name, value in (("email", "jane@uni.example"), ("card_number", number), ("exp", "12 / 34"), ("cvc", "123")):
        await page.fill(f"#{name}", value)


def _books_balance(desk: Any) -> None:
    with desk.console.store.read() as work:
        found = work.verifier.run()
    assert found.ok, found.differences
