"""A customer writes from the dashboard; the open window shows it, and somebody answers."""

from pathlib import Path
from typing import Any

import httpx

from bioql_console.services.demo import demo_api_key
from bioql_console.ui.widgets.dialogs import FormDialog
from tests.stories.windows import Desk, open_window

HOSTILE = "<b>bold</b>\u202e evil \n" + "x" * 3_000


async def writes(desk: Desk, priority: str, subject: str, message: str) -> str:
    """As the dashboard does; the ticket's number."""
    async with httpx.AsyncClient(base_url=desk.console.server.url, trust_env=False) as browser:
        answer = await browser.post(
            "/support/ticket",
            json={"priority": priority, "subject": subject, "message": message},
            headers={"Authorization": f"Bearer {demo_api_key(1, 1)}"},
        )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket_id"])


async def the_form(desk: Desk) -> Any:
    await desk.hand.until(lambda: [one for one in desk.hand.dialogs() if isinstance(one, FormDialog)], "it asks")
    return desk.hand.dialogs()[0]


async def test_a_ticket_appears_in_the_open_window_and_is_resolved(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        await desk.hand.open_page("support")
        page = desk.page("support")
        await desk.hand.until(page.none.isVisible, "nothing is open")
        low = await writes(desk, "low", "Thank you", "It is great.")
        high = await writes(desk, "critical", "Pay Now fails", "Since this morning.")
        rows = page.table.model()
        await desk.hand.until(lambda: [row.id for row in rows.rows] == [high, low], "both, the urgent one first")
        await desk.hand.choose_row(page.table, 0)
        assert page.panel.message.toPlainText() == "Since this morning."
        await desk.hand.click(page.panel.resolve)
        form = await the_form(desk)
        await desk.hand.click(form.accept_button)
        assert form.isVisible(), "it wants to know what was done"
        await desk.hand.write(form._checked[0][1], "Created the customer")
        await desk.hand.click(form.accept_button)
        await desk.hand.until(lambda: [row.id for row in rows.rows] == [low], "it is gone from what is open")
        await desk.hand.until(lambda: page.count.text() == "1 open", "the count follows")
        await desk.hand.click(page.chips.chip("all"))
        await desk.hand.until(lambda: rows.rowCount() == 2, "both are listed")
        await desk.hand.choose_row(page.table, [row.id for row in rows.rows].index(high))
        await desk.hand.click(page.panel.reopen)
        form = await the_form(desk)
        await desk.hand.write(form._checked[0][1], "It fails again")
        await desk.hand.click(form.accept_button)
        await desk.hand.until(lambda: page.count.text() == "2 open", "it is open again")


async def test_what_customers_write_is_only_text(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        await writes(desk, "high", "<h1>Big</h1>", HOSTILE)
        await desk.hand.open_page("support")
        page = desk.page("support")
        await desk.hand.choose_row(page.table, 0)
        assert page.panel.subject.text() == "<h1>Big</h1>"
        assert "<b>bold</b>" in page.panel.message.toPlainText()


async def test_the_customers_panel_lists_their_tickets(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        number = await writes(desk, "medium", "Invoice address", "Please change it.")
        panel = await desk.show_jane()
        await desk.hand.until(lambda: panel.tickets.model().rowCount() == 1, "the ticket is listed")
        panel.tickets.opened.emit(panel.tickets.model().rows[0])
        page = desk.page("support")
        await desk.hand.until(lambda: page.isVisible() and page.search.text() == number, "the Support page shows it")
