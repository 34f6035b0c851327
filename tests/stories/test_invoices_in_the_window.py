"""A customer reaches the invoice threshold: the window shows the way there, the invoice, and who collects it."""

from functools import partial
from pathlib import Path
from typing import Any

from tests.stories.windows import Desk, open_window


async def registered(desk: Desk, card: str | None) -> Any:
    """A customer who is registered as an SDK does it, and shown in the panel."""
    made = await desk.console.workers.stripe.run(
        desk.console.registration.register, "Grace Muster", "grace@uni.example", card
    )
    await desk.hand.open_page("users")
    users = desk.page("users")
    await desk.hand.write(users.search, "Grace")
    await desk.hand.until(lambda: users.table.model().rowCount() == 1, "Grace is found")
    await desk.hand.choose_row(users.table)
    await desk.hand.until(lambda: users.panel.detail is not None, "Grace is shown")
    users.panel.tabs.setCurrentIndex(3)
    return made.user


async def uses(desk: Desk, user: Any, dollars: int) -> None:
    run = partial(desk.console.usage.record, user, shots=dollars // 2, backend="ionq_qpu")
    await desk.console.workers.database.run(run)


async def test_the_way_to_the_threshold_and_the_invoice_that_comes_of_it(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        grace = await registered(desk, "pm_card_visa")
        panel = desk.page("users").panel
        await uses(desk, grace, 2_310)
        await desk.hand.until(lambda: "$2,310.00" in panel.threshold.words.text(), "the way so far is shown")
        assert "at $3,000.00 Stripe makes the next one" in panel.threshold.words.text()
        assert panel.threshold.bar.value() == 770
        await uses(desk, grace, 700)
        await desk.hand.until(lambda: panel.invoices.model().rowCount() == 1, "Stripe drafts an invoice")
        await desk.console.workers.stripe.run(desk.console.sandbox.advance_clock, 3_700)
        await desk.hand.until(lambda: panel.owed.text() == "$0.00", "its money is counted")
        await desk.hand.open_page("payments")
        page = desk.page("payments")
        page.tabs.setCurrentWidget(page.invoices)
        rows = page.invoices.table.model()
        await desk.hand.until(lambda: [row.state.value for row in rows.rows] == ["paid"], "the invoice is paid")
        assert [rows.index(0, number).data() for number in (1, 3, 5)] == [
            "Grace Muster",
            "Threshold reached",
            "$3,000.00",
        ]


async def test_without_a_card_the_console_sends_the_invoice(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        grace = await registered(desk, None)
        panel = desk.page("users").panel
        await desk.console.workers.stripe.run(desk.console.meter.create_missing, "tests")
        await uses(desk, grace, 3_100)
        await desk.hand.until(lambda: panel.invoices.model().rowCount() == 1, "the console makes an invoice")
        await desk.hand.until(lambda: panel.invoices.model().rows[0].state.value == "open", "it is open")
        assert panel.invoices.model().rows[0].remaining_cents == 309_000
        await desk.hand.until(lambda: panel.threshold.words.text().startswith("$0.00 owed"), "nothing more is due")


async def test_a_refused_card_is_seen_at_once(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        grace = await registered(desk, "pm_card_chargeCustomerFail")
        await uses(desk, grace, 3_100)
        panel = desk.page("users").panel
        await desk.hand.until(lambda: panel.invoices.model().rowCount() == 1, "Stripe drafts an invoice")
        await desk.console.workers.stripe.run(desk.console.sandbox.advance_clock, 3_700)
        invoices = panel.invoices.model()
        await desk.hand.until(lambda: invoices.index(0, 3).data() == "open · 1 try", "the attempt shows")
