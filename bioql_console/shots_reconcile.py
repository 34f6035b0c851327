"""The pictures of the Reconcile page."""

from typing import Any

from bioql_console.demo_data import meddle_at_stripe


async def take_reconciliation(album: Any) -> None:
    """Somebody changed things at Stripe by hand; the books beside it, and what mends it."""
    console, hand = album.console, album.hand
    await console.workers.stripe.run(meddle_at_stripe, console.stripe.gateway())
    meddled_ms = console.now_ms()
    await hand.open_page("reconcile")
    page = album.window.page("reconcile")
    await album._picture("reconcile-at-first")
    await hand.until(lambda: console.now_ms() > meddled_ms + 2_000, "nothing of it may be on its way")
    await hand.click(page.run)
    await hand.until(lambda: page.table.model().rowCount() > 3, "differences are listed", 60)
    await hand.choose_row(page.table)
    await album._picture("reconcile")
    await hand.click(page.panel.repair)
    await album._dialog_picture("repair-difference")
    page.tabs.setCurrentIndex(1)
    await album._picture("reconcile-days")
