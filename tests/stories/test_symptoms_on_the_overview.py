"""What operators know as symptoms shows on the Overview, and one click leads to the cure."""

from pathlib import Path

import httpx

from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.services.demo import demo_api_key
from tests.stories.windows import Desk, open_window

UNKNOWN_KEY = "bioql_this_key_was_replaced_long_ago"


async def asks(desk: Desk, key: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=desk.console.server.url, trust_env=False) as client:
        return await client.get("/auth/user", headers={"Authorization": f"Bearer {key}"})


async def test_an_invalid_key_is_named_and_looked_up(data_dir: Path) -> None:
    async with open_window(data_dir, users=2) as desk:
        overview = desk.page("overview")
        row = overview.check_rows["api_keys"]
        await desk.hand.until(lambda: overview.set_up.note.text().endswith("of 13"), "everything is checked")
        assert not row.isVisible()
        assert (await asks(desk, UNKNOWN_KEY)).status_code == 401
        await desk.console.workers.database.run(desk.console.users._refused.flush)
        desk.hand.press("F5")
        await desk.hand.until(row.isVisible, "the symptom is there")
        assert "bioql_this" in row.words.text()
        assert UNKNOWN_KEY not in row.words.text()
        await desk.hand.click(row.cure)
        await desk.hand.until(lambda: desk.page("users").search.text() == "bioql_this", "it is looked up")


async def test_a_missed_payment_is_fetched_by_one_click(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        console = desk.console
        await console.workers.stripe.run(lambda: console.sandbox.delivery(paused=True))
        panel = await desk.show_jane()
        await desk.hand.click(panel.checkout)
        await desk.hand.until(lambda: desk.browser.addresses, "the link is opened")  # type: ignore[attr-defined]
        form = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "jane@uni.example"}
        async with httpx.AsyncClient(trust_env=False) as browser:
            await browser.post(desk.browser.addresses[0], data=form)  # type: ignore[attr-defined]
        console.missed_events._now_ms = lambda: console.now_ms() + 600_000  # ten minutes later
        await desk.hand.open_page("overview")
        desk.hand.press("F5")
        row = desk.page("overview").check_rows["missed_payments"]
        await desk.hand.until(row.isVisible, "the symptom is there")
        assert panel.owed.text() == "$350.00"
        await desk.hand.click(row.cure)
        await desk.hand.until(desk.hand.dialogs, "what was brought in is named")
        named = desk.hand.dialogs()[0]
        await desk.hand.until(named.table.model().rowCount, "they are listed")
        types = [named.table.model().index(row, 1).data() for row in range(named.table.model().rowCount())]
        assert "checkout.session.completed" in types
        named.accept()
        await desk.show_jane()
        await desk.hand.until(lambda: panel.owed.text() == "$0.00", "the payment is counted")


async def test_somebody_who_runs_shots_and_can_not_be_billed(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        console = desk.console

        def registered_without() -> None:
            with console.store.write() as work:
                new = NewUser("Nia Nobill", "nia@uni.example", ApiKey.of("bioql_nias_key"), console.now_ms())
                nia = work.users.add(new)
                work.commit()
            console.usage.record(nia, shots=10, backend="ionq_qpu")

        await console.workers.database.run(registered_without)
        row = desk.page("overview").check_rows["unbillable"]
        await desk.hand.until(row.isVisible, "the symptom is there")
        assert "Nia Nobill" in row.words.text()
        await desk.hand.click(row.cure)
        users = desk.page("users")
        await desk.hand.until(lambda: users.table.model().rowCount() == 1 and users.isVisible(), "she is shown")
        await desk.hand.choose_row(users.table)
        await desk.hand.click(users.panel.customer)
        await desk.hand.open_page("overview")
        await desk.hand.until(lambda: not row.isVisible(), "the symptom is gone")


async def test_the_key_of_a_customer_is_no_symptom(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        assert (await asks(desk, demo_api_key(1, 1))).status_code == 200
        await desk.console.workers.database.run(desk.console.users._refused.flush)
        desk.hand.press("F5")
        overview = desk.page("overview")
        await desk.hand.until(lambda: overview.set_up.note.text().endswith("of 13"), "everything is checked")
        assert not overview.check_rows["api_keys"].isVisible()
