"""A paid link is refunded in part, a bank takes money back: by mouse, and the books follow."""

from pathlib import Path
from typing import Any

import httpx

from bioql_console.ui.pages.dispute_dialogs import AcceptDialog, EvidenceDialog
from bioql_console.ui.pages.refund_dialog import RefundDialog
from bioql_console.ui.widgets.dialogs import PlanDialog
from tests.stories.windows import Desk, open_window

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
        refunded = ["Refund", "$50.00", "refunded"]
        await desk.hand.until(lambda: [rows.index(0, n).data() for n in (1, 3, 4)] == refunded, "it is listed")
        await desk.hand.open_page("users")
        await desk.hand.until(lambda: panel.owed.text() == "$50.00", "it is owed again")


def shown(view: Any) -> list[str]:
    """What the first row says: what it is, how much, how it stands."""
    rows = view.table.model()
    return [rows.index(0, column).data() for column in (1, 3, 4)] if rows.rowCount() else []


async def disputed(desk: Desk, **how: Any) -> tuple[Any, str]:
    """Jane paid by link, and her bank contests it; answers the view in front and the dispute."""
    await jane_pays(desk)
    page = await paid_link(desk)
    payment = page.table.current_row().payment_intent
    made = await desk.console.workers.stripe.run(lambda: desk.console.sandbox.dispute(payment, **how))
    page.tabs.setCurrentWidget(page.money_back)
    await desk.hand.until(lambda: page.money_back.table.model().rowCount() == 1, "the dispute is listed")
    return page, str(made["id"])


async def test_a_dispute_is_seen_and_accepted(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        page, _ = await disputed(desk)
        view = page.money_back
        await desk.hand.until(lambda: shown(view) == ["Dispute", "$350.00", "held"], "the money is held")
        assert "6 days" in view.table.model().index(0, 5).data(), "it says until when it can be answered"
        page.tabs.setCurrentIndex(0)
        await desk.hand.click(page.refund)
        plan = await dialog_of(desk, PlanDialog)
        assert "Nothing is left" in plan.windowTitle()
        plan.reject()
        page.tabs.setCurrentWidget(view)
        await desk.hand.choose_row(view.table)
        await desk.hand.until(view.accept.isEnabled, "it can be accepted")
        await desk.hand.click(view.accept)
        dialog = await dialog_of(desk, AcceptDialog)
        await desk.hand.write(dialog.reason, "The card was stolen")
        await desk.hand.click(dialog.accept_button)
        # What Stripe tells of the same dispute besides, such as that its money was withdrawn, adds no row.
        await desk.hand.until(lambda: shown(view) == ["Dispute", "$350.00", "lost"], "it is decided")
        await desk.hand.until(lambda: not view.accept.isEnabled(), "there is nothing left to accept")
        assert view.table.model().rowCount() == 1
        panel = await desk.show_jane()
        await desk.hand.until(lambda: panel.owed.text() == "$350.00", "it is owed again")


async def test_an_inquiry_is_answered_with_evidence(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        page, inquiry = await disputed(desk, inquiry=True)
        view = page.money_back
        await desk.hand.until(lambda: shown(view) == ["Inquiry", "$350.00", "asks"], "the bank asks")
        await desk.hand.choose_row(view.table)
        await desk.hand.until(view.answer.isEnabled, "it can be answered")
        assert not view.accept.isEnabled(), "nothing was taken that could be given up"
        await desk.hand.click(view.answer)
        dialog = await dialog_of(desk, EvidenceDialog)
        await desk.hand.click(dialog.accept_button)
        assert dialog.isVisible(), "empty evidence is none"
        dialog.evidence.setPlainText("Jane ran 350 shots on 3 May.")
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: shown(view)[2] == "under review", "the bank looks at it")
        await desk.console.workers.stripe.run(desk.console.sandbox.dispute_changes, inquiry, "won")
        await desk.hand.until(lambda: shown(view)[2] == "closed", "the bank is content")


async def test_a_refund_that_fails_is_seen(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        panel = await jane_pays(desk)
        page = await paid_link(desk)
        payment = page.table.current_row().payment_intent
        refund = await desk.console.workers.stripe.run(desk.console.sandbox.refund, payment, 5_000)
        page.tabs.setCurrentWidget(page.money_back)
        view = page.money_back
        await desk.hand.until(lambda: shown(view) == ["Refund", "$50.00", "refunded"], "it is refunded")
        await desk.console.workers.stripe.run(desk.console.sandbox.refund_fails, refund["id"])
        await desk.hand.until(lambda: shown(view)[2] == "came back", "the bank could not take it")
        await desk.hand.open_page("users")
        await desk.hand.until(lambda: panel.owed.text() == "$0.00", "it counts as paid again")
