"""The pictures of refunds, disputes, links that no longer fit, and payments to decide about."""

from typing import Any

PRICE = {"currency": "usd", "unit_amount": 20_000, "product_data": {"name": "Shots"}}


async def take_payments(album: Any) -> None:
    """A refund is asked for; the rest of that payment is disputed; a page that somebody else made was paid."""
    console, hand = album.console, album.hand
    await hand.open_page("payments")
    page = album.window.page("payments")
    page.tabs.setCurrentIndex(0)
    await hand.until(lambda: page.refund.isEnabled(), "the paid link can be refunded")
    link = page.table.current_row()
    await hand.click(page.refund)
    await album._dialog_picture("refund")
    await console.workers.stripe.run(lambda: console.sandbox.refund(link.payment_intent, 5_000))
    await console.workers.stripe.run(lambda: console.sandbox.dispute(link.payment_intent))
    page.tabs.setCurrentWidget(page.money_back)
    table = page.money_back.table
    await hand.until(lambda: sum(1 for row in table.model().rows if row.user_id) == 2, "both are applied")
    await hand.choose_row(table)
    await album._picture("refunds")
    await hand.click(page.money_back.answer)
    await album._dialog_picture("evidence")
    await hand.click(page.money_back.accept)
    await album._dialog_picture("accept-dispute")
    await _outdated(album, page, link.user_id)
    await _to_decide(album, page, link)


async def _outdated(album: Any, page: Any, user_id: int) -> None:
    """A link for a part, and more used since a link was made for everything."""
    console, hand = album.console, album.hand
    adjust = console.users.adjust
    await console.workers.database.run(adjust, user_id, 120_004_000, "ana", "Runs by hand")
    panel = album.window.page("users").panel
    await hand.open_page("users")
    await hand.until(lambda: panel.detail is not None and panel.checkout.isEnabled(), "something is owed")
    album.window.page("users")._act("part")
    await album._dialog_picture("part-link")
    await hand.click(panel.checkout)
    await hand.open_page("payments")
    page.tabs.setCurrentIndex(0)
    rows = page.table.model()
    await hand.until(lambda: rows.rows[0].state.value == "open", "the link is open")
    await console.workers.database.run(adjust, user_id, 30_000_000, "ana", "One more run")
    await hand.until(lambda: rows.index(0, 3).data() == "outdated", "it is outdated")
    await hand.choose_row(page.table)
    await album._picture("payments-outdated")


async def _to_decide(album: Any, page: Any, link: Any) -> None:
    console, hand = album.console, album.hand

    def customer() -> str:
        with console.store.read() as work:
            user = work.users.get(link.user_id)
        assert user is not None
        return user.stripe_customer_id or ""

    params: Any = {
        "mode": "payment",
        "customer": customer(),
        "line_items": [{"quantity": 1, "price_data": PRICE}],
        "success_url": "http://127.0.0.1/ok",
        "client_reference_id": link.reference,
    }
    made = await console.workers.stripe.run(console.stripe.gateway().v1.checkout.sessions.create, params)
    await album.pay(made.url)
    page.tabs.setCurrentWidget(page.odd)
    await hand.until(lambda: page.odd.table.model().rowCount() == 1, "it waits for a decision")
    await hand.choose_row(page.odd.table)
    await album._picture("to-decide")
    await hand.click(page.odd.count)
    await album._dialog_picture("count-payment")
