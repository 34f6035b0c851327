"""A paid link is refunded in part, a bank takes money back: by mouse, and the books follow."""

from pathlib import Path
from typing import Any

import httpx

from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.ui.pages.refund_dialog import RefundDialog
from bioql_console.ui.widgets.dialogs import FormDialog, PlanDialog
from tests.stories.windows import Desk, open_window

NOW_MS = 1_700_000_000_000
CARD = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "jane@uni.example"}


async def jane_pays(desk: Desk) -> Any:
    """By link, in whole; answers the panel about her."""
    panel = await desk.show_jane()
    await desk.hand.click(panel.checkout)
    await desk.hand.until(lambda: desk.browser.addresses, "the link is opened")  # type: ignore[attr-defined]
    async with httpx.AsyncClient(trust_env=False) as browser:
        await browser.post(desk.browser.addresses[0], data=CARD)  # type: ignore[attr-defined]
    await desk.hand.until(lambda: panel.owed.text() == "$0.00", "it is paid")
    return panel


async def paid_link(desk: Desk) -> Any:
    await desk.hand.open_page("payments")
    page = desk.page("payments")
    rows = page.table.model()
    await desk.hand.until(lambda: [row.state.value for row in rows.rows] == ["paid"], "the link is paid")
    await desk.hand.choose_row(page.table)
    return page


async def dialog_of(desk: Desk, kind: type) -> Any:
    await desk.hand.until(lambda: [one for one in desk.hand.dialogs() if isinstance(one, kind)], "the dialog opens")
    return next(one for one in desk.hand.dialogs() if isinstance(one, kind))


async def test_a_part_is_refunded_and_owed_again(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        panel = await jane_pays(desk)
        page = await paid_link(desk)
        await desk.hand.click(page.refund)
        dialog = await dialog_of(desk, RefundDialog)
        await desk.hand.write(dialog.amount, "400")
        await desk.hand.write(dialog.note, "Run failed")
        await desk.hand.click(dialog.accept_button)
        assert dialog.isVisible(), "more than was paid can't go back"
        await desk.hand.write(dialog.amount, "50.00")
        dialog.forgive.click()
        assert dialog.outcome.text().startswith("$50.00 goes back and is owed again")
        await desk.hand.click(dialog.accept_button)
        page.tabs.setCurrentWidget(page.money_back)
        rows = page.money_back.table.model()
        refunded = ["Refund", "−$50.00"]
        await desk.hand.until(lambda: [rows.index(0, n).data() for n in (1, 3)] == refunded, "it is listed")
        await desk.hand.open_page("users")
        await desk.hand.until(lambda: panel.owed.text() == "$50.00", "it is owed again")


async def test_a_dispute_is_seen_and_accepted(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        await jane_pays(desk)
        page = await paid_link(desk)
        payment = page.table.current_row().payment_intent
        await desk.console.workers.stripe.run(desk.console.sandbox.dispute, payment)
        page.tabs.setCurrentWidget(page.money_back)
        view = page.money_back
        rows = view.table.model()

        def opened() -> list[int]:
            """A row is listed when its event is heard; its amount stands there once the event was applied."""
            listed = range(rows.rowCount())
            return [n for n in listed if rows.index(n, 1).data() == "Dispute opened" and rows.index(n, 3).data()]

        await desk.hand.until(opened, "the dispute is listed")
        page.tabs.setCurrentIndex(0)
        await desk.hand.click(page.refund)
        plan = await dialog_of(desk, PlanDialog)
        assert "Nothing is left" in plan.windowTitle()
        plan.reject()
        page.tabs.setCurrentWidget(view)
        await desk.hand.choose_row(view.table, opened()[0])
        await desk.hand.until(view.accept.isEnabled, "it can be accepted")
        await desk.hand.click(view.accept)
        dialog = await dialog_of(desk, FormDialog)
        await desk.hand.write(dialog._checked[0][1], "The card was stolen")
        await desk.hand.click(dialog.accept_button)
        listed = lambda: sorted(rows.index(n, 1).data() for n in range(rows.rowCount()))  # noqa: E731
        # What Stripe tells of the same dispute besides, such as that its money was withdrawn, would only repeat it.
        await desk.hand.until(lambda: listed() == ["Dispute decided", "Dispute opened"], "it is decided")
        await desk.hand.choose_row(view.table, opened()[0])
        await desk.hand.until(view.accept.isEnabled, "its row can still be asked about")
        await desk.hand.click(view.accept)
        plan = await dialog_of(desk, PlanDialog)
        assert "Nothing is held by the bank" in plan.windowTitle()
        plan.reject()
        panel = await desk.show_jane()
        await desk.hand.until(lambda: panel.owed.text() == "$350.00", "it is owed again")


async def test_a_dispute_that_is_only_heard_can_not_be_accepted_yet(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        heard = ReceivedEvent("evt_1", "charge.dispute.created", b"{}", NOW_MS, NOW_MS, EventSource.HTTP, False)
        # Nobody wakes the applier, so that it stays as it is between the acknowledgement and its application.
        with desk.console.store.write() as work:
            work.inbox.add([heard])
            work.commit()
        await desk.hand.open_page("payments")
        page = desk.page("payments")
        page.tabs.setCurrentWidget(page.money_back)
        view = page.money_back
        await desk.hand.until(lambda: view.table.model().rowCount() == 1, "it is listed")
        await desk.hand.choose_row(view.table)
        await desk.hand.until(view.origin.isEnabled, "it can be looked at")
        assert not view.accept.isEnabled()
        assert not view.copy.isEnabled()
