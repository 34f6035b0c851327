"""Links on the Payments page: they count down, say when they no longer fit, and never hand out a dead address."""

from pathlib import Path
from typing import Any

import httpx

from bioql_console.domain.checkout import CheckoutState
from bioql_console.ui.pages.odd_payments_view import DecideDialog
from tests.stories.test_refunds_in_the_window import CARD, dialog_of
from tests.stories.windows import Desk, open_window


async def jane_has_a_link(desk: Desk) -> Any:
    """For $350.00; answers the Payments page with it."""
    panel = await desk.show_jane()
    await desk.hand.click(panel.checkout)
    await desk.hand.until(lambda: desk.browser.addresses, "the link is opened")  # type: ignore[attr-defined]
    await desk.hand.open_page("payments")
    page = desk.page("payments")
    await desk.hand.until(lambda: shown(page)[:1] == ["open"], "the link is open")
    await desk.hand.choose_row(page.table)
    return page


def shown(page: Any) -> list[str]:
    """State, time left and what is owed now, of the newest link."""
    rows = page.table.model()
    return [rows.index(0, column).data() for column in (3, 4, 5)] if rows.rowCount() else []


async def test_a_link_that_no_longer_fits_says_so_and_is_renewed(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        page = await jane_has_a_link(desk)
        assert shown(page)[2] == "$350.00"
        jane = page.table.current_row().user_id
        users, workers = desk.console.users, desk.console.workers
        await workers.database.run(users.adjust, jane, 50_000_000, "ana", "One more run")
        await desk.hand.until(lambda: (shown(page)[0], shown(page)[2]) == ("outdated", "$400.00"), "it is outdated")
        await desk.hand.click(page.renew)
        await desk.hand.until(lambda: shown(page)[0] == "open", "it is renewed")
        links = page.table.model().rows
        assert [(one.state, one.amount_cents) for one in links] == [
            (CheckoutState.OPEN, 40_000),
            (CheckoutState.EXPIRED, 35_000),
        ]
        await workers.database.run(users.adjust, jane, -100_000_000, "ana", "Too much after all")
        await desk.hand.until(lambda: shown(page)[0] == "expired", "a link that asks for too much is closed")


async def test_a_link_that_is_over_by_the_clock_is_not_copied(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        page = await jane_has_a_link(desk)
        assert page.copy.isEnabled()
        assert page._url().startswith("http")
        link = page.table.current_row()
        # Its event has not come yet; the clock alone says that it is over.
        with desk.console.store.write() as work:
            work.checkouts.opened(link.reference, link.session_id, link.url, desk.console.now_ms() + 1_000)
            work.commit()
        page._payments.refresh()
        await desk.hand.until(lambda: not page.copy.isEnabled(), "it can't be copied any more")
        assert (page._url(), shown(page)[0]) == ("", "expired")
        assert page.renew.isEnabled()


async def test_a_payment_that_differs_is_counted_by_the_operator(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        page = await jane_has_a_link(desk)
        link = page.table.current_row()
        with desk.console.store.read() as work:
            jane = work.users.get(link.user_id)
        assert jane is not None
        price = {"currency": "usd", "unit_amount": 20_000, "product_data": {"name": "Shots"}}
        params: Any = {
            "mode": "payment",
            "customer": jane.stripe_customer_id,
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": "http://127.0.0.1/ok",
            "client_reference_id": link.reference,
        }
        api = desk.console.stripe.gateway().v1
        made = await desk.console.workers.stripe.run(api.checkout.sessions.create, params)
        async with httpx.AsyncClient(trust_env=False) as browser:
            await browser.post(str(made.url), data=CARD)
        page.tabs.setCurrentWidget(page.odd)
        rows = page.odd.table.model()
        await desk.hand.until(lambda: rows.rowCount() == 1, "it waits for a decision")
        assert [rows.index(0, column).data() for column in (2, 3)] == ["$200.00", "$350.00"]
        await desk.hand.choose_row(page.odd.table)
        await desk.hand.until(page.odd.count.isEnabled, "it can be counted")
        await desk.hand.click(page.odd.count)
        dialog = await dialog_of(desk, DecideDialog)
        await desk.hand.click(dialog.accept_button)
        assert dialog.isVisible(), "it needs a reason"
        await desk.hand.write(dialog.reason, "Agreed by phone")
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: rows.rowCount() == 0, "it is decided")
        panel = await desk.show_jane()
        await desk.hand.until(lambda: panel.owed.text() == "$150.00", "what was paid counts")
