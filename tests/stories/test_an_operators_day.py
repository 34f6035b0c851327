"""What a billing admin does with the window, by mouse and keyboard."""

from pathlib import Path
from typing import Any

import pytest

from bioql_console.services.demo import demo_api_key
from bioql_console.ui.widgets.dialogs import FormDialog, SecretOnceDialog
from tests.stories.windows import JANES_ID, Desk, open_window


async def the_dialog(desk: Desk, kind: type = FormDialog) -> Any:
    def found() -> list[Any]:
        return [dialog for dialog in desk.hand.dialogs() if isinstance(dialog, kind)]

    await desk.hand.until(found, "the dialog is open")
    return found()[0]


async def test_search_finds_by_name_mail_id_and_customer(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        await desk.hand.open_page("users")
        users = desk.page("users")
        rows = users.table.model()
        await desk.hand.until(lambda: rows.rowCount() == 12, "everybody is listed")
        for text in ("jane smith", "JANE.SMITH@UNI", "cus_demo0000001", "smi"):
            await desk.hand.write(users.search, text)
            await desk.hand.until(
                lambda: [user.id for user in rows.rows] == [JANES_ID] and users.count.text() == "1",
                f"{text} finds Jane",
            )
        await desk.hand.write(users.search, "<b>nobody</b>")
        await desk.hand.until(users.nobody.isVisible, "nobody fits, and the page says so")


async def test_sort_and_filters_come_back_at_the_next_start(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        await desk.hand.open_page("users")
        users = desk.page("users")
        await desk.hand.until(lambda: users.table.model().rowCount() == 12, "everybody is listed")
        owed = [user.balance.owed_micros for user in users.table.model().rows]
        assert owed == sorted(owed, reverse=True)
        await desk.hand.click(users.chips.chip("owes"))
        users.table.horizontalHeader().sectionClicked.emit(0)
        await desk.hand.until(lambda: users.table.model().order == ("name", False), "ordered by name")
    async with open_window(data_dir) as desk:
        await desk.hand.open_page("users")
        users = desk.page("users")
        await desk.hand.until(lambda: users.table.model().rowCount() > 0, "they are listed")
        assert users.chips.on() == {"owes"}
        names = [user.name.casefold() for user in users.table.model().rows]
        assert names == sorted(names)
        assert all(user.balance.owed_micros for user in users.table.model().rows)


async def test_registering_makes_customer_user_and_key(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        await desk.hand.open_page("users")
        users = desk.page("users")
        await desk.hand.click(users.register)
        dialog = await the_dialog(desk)
        await desk.hand.click(dialog.accept_button)
        name, email = (field for _, field, _ in dialog._checked)
        assert "Name must be" in dialog._checked[0][0].note.text()
        await desk.hand.write(name, "Ada Lovelace")
        await desk.hand.write(email, "ada@uni.example")
        await desk.hand.click(dialog.accept_button)
        shown = await the_dialog(desk, SecretOnceDialog)
        assert shown.key.text().startswith("bioql_")
        key = shown.key.text()
        await desk.hand.click(shown.accept_button)
        await desk.hand.until(lambda: users.panel.user_name.text() == "Ada Lovelace", "she is shown")
        found = desk.console.users.authenticate(key)
        assert found.stripe_customer_id.startswith("cus_")
        assert users.panel.owed_note.text() == "owed · $10.00 credit"


async def test_adjusting_needs_an_amount_and_a_reason_and_leaves_a_trace(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        panel = await desk.show_jane()
        await desk.hand.click(panel.adjust)
        dialog = await the_dialog(desk)
        (amount_note, amount, _), (reason_note, reason, _) = dialog._checked
        await desk.hand.write(amount, "12.345")
        await desk.hand.click(dialog.accept_button)
        assert "Enter an amount" in amount_note.note.text()
        assert "Enter a reason" in reason_note.note.text()
        await desk.hand.write(amount, "-50.00")
        await desk.hand.write(reason, "Goodwill for the outage")
        await desk.hand.click(dialog.accept_button)
        await desk.hand.until(lambda: panel.owed.text() == "$300.00", "the balance follows")
        with desk.console.store.read() as work:
            assert work.verifier.run().ok
        await desk.hand.open_page("activity")
        rows = desk.page("activity").table.model()
        await desk.hand.until(lambda: rows.rowCount() >= 1, "the trail has it")
        assert rows.rows[0].reason == "Goodwill for the outage"


async def test_a_new_key_ends_the_old_one(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        await desk.show_jane()
        users = desk.page("users")
        users.panel.asked.emit("key")
        dialog = await the_dialog(desk)
        await desk.hand.write(dialog._checked[0][1], "Lost laptop")
        await desk.hand.click(dialog.accept_button)
        shown = await the_dialog(desk, SecretOnceDialog)
        new = shown.key.text()
        await desk.hand.click(shown.accept_button)
        assert desk.console.users.authenticate(demo_api_key(1, 1)) is None
        assert desk.console.users.authenticate(new).id == JANES_ID


async def test_a_user_without_customer_gets_one_and_can_pay(data_dir: Path) -> None:
    async with open_window(data_dir, users=60) as desk:
        await desk.hand.open_page("overview")
        row = desk.page("overview").check_rows["customers"]
        await desk.hand.until(lambda: "no Stripe customer" in row.words.text(), "the Overview knows")
        await desk.hand.click(row.cure)
        users = desk.page("users")
        await desk.hand.until(lambda: users.chips.on() == {"no_customer"}, "the filter is on")
        await desk.hand.choose_row(users.table)
        await desk.hand.click(users.panel.customer)
        await desk.hand.until(users.panel.checkout.isVisible, "a customer is there")
        assert users.panel.detail.user.stripe_customer_id.startswith("cus_")


async def test_links_for_a_selection_go_through_a_plan(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        await desk.hand.open_page("balances")
        page = desk.page("balances")
        await desk.hand.choose_row(page.table, 0)
        page.table.selectAll()
        await desk.hand.click(page.links)
        plan = (await _any_dialog(desk))[0]
        await desk.hand.click(plan.accept_button)
        await desk.hand.until(lambda: any("links made" in d.windowTitle() for d in desk.hand.dialogs()), "all are made")
        desk.hand.dialogs()[0].reject()
        await desk.hand.open_page("payments")
        rows = desk.page("payments").table.model()
        states = lambda: [link.state.value for link in rows.rows]  # noqa: E731
        await desk.hand.until(lambda: rows.rowCount() > 3 and set(states()) == {"open"}, "they are listed, and open")


async def _any_dialog(desk: Desk) -> list[Any]:
    await desk.hand.until(desk.hand.dialogs, "a dialog is open")
    return desk.hand.dialogs()


async def test_one_open_link_per_balance_and_closing_it(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        panel = await desk.show_jane()
        await desk.hand.click(panel.checkout)
        await desk.hand.until(lambda: len(desk.browser.addresses) == 1, "the first link is opened")  # type: ignore[attr-defined]
        await desk.hand.click(panel.checkout)
        await desk.hand.until(lambda: len(desk.browser.addresses) == 2, "the second link is opened")  # type: ignore[attr-defined]
        await desk.hand.open_page("payments")
        page = desk.page("payments")
        rows = page.table.model()
        states = lambda: sorted(link.state.value for link in rows.rows)  # noqa: E731
        await desk.hand.until(lambda: states() == ["expired", "open"], "both are listed, one of them open")
        await desk.hand.choose_row(page.table, 0)
        await desk.hand.click(page.expire)
        await desk.hand.until(lambda: {link.state.value for link in rows.rows} == {"expired"}, "the link is closed")


async def test_missing_meter_and_price_are_made_from_the_overview(data_dir: Path) -> None:
    async with open_window(data_dir, users=0) as desk:
        row = desk.page("overview").check_rows["meter"]
        await desk.hand.until(lambda: "missing" in row.words.text(), "the Overview sees that it is missing")
        await desk.hand.click(row.cure)
        plan = (await _any_dialog(desk))[0]
        await desk.hand.click(plan.accept_button)
        page = desk.page("meter")
        await desk.hand.until(lambda: page.state.text() == "as expected", "meter and price are there")
        assert desk.console.meter.create_missing("tester").complete


async def test_listener_off_and_on_again(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        await desk.hand.open_page("webhooks")
        page = desk.page("webhooks")
        await desk.hand.until(lambda: page.heard.text().startswith("heard"), "its heartbeat is heard")
        await desk.hand.click(page.on)
        await desk.hand.until(lambda: not desk.console.listener.on and not page.model.acting, "it is off")
        assert "not noticed" in page.address.text()
        sign = desk.window.status.signs["webhooks"]
        await desk.hand.until(lambda: "off" in sign.text(), "the status bar says so")
        await desk.hand.click(page.on)
        await desk.hand.until(lambda: desk.console.listener.on and not page.model.acting, "it is on again")
        await desk.hand.click(page.beat)
        await desk.hand.until(lambda: "heard" in page.heard.text(), "it hears")


async def test_everything_by_keyboard(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        desk.hand.press("Alt+3")
        assert desk.page("balances").isVisible()
        desk.hand.press("Ctrl+2")
        assert desk.page("users").isVisible()
        desk.hand.press("/")
        assert desk.page("users").search.hasFocus()
        desk.window.navigation.setFocus()
        desk.hand.press("Ctrl+K")
        palette = desk.window.palette_panel
        assert palette is not None
        await desk.hand.write(palette.field, "jane smith")
        await desk.hand.until(lambda: palette.list.count() == 1, "Jane is offered")
        desk.hand.press("Return")
        panel = desk.page("users").panel
        await desk.hand.until(lambda: panel.user_name.text() == "Dr. Jane Smith", "she is shown")
        desk.hand.press("Ctrl+K")
        await desk.hand.write(palette.field, "go to meter")
        desk.hand.press("Return")
        assert desk.page("meter").isVisible()


@pytest.mark.deadline(30)
async def test_refund_and_quarantine_are_seen_and_replayed(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        panel = await desk.show_jane()
        await desk.hand.click(panel.checkout)
        await desk.hand.until(lambda: desk.browser.addresses, "the link is opened")  # type: ignore[attr-defined]
        await _pay(desk.browser.addresses[0])  # type: ignore[attr-defined]
        await desk.hand.until(lambda: panel.owed.text() == "$0.00", "it is paid")
        with desk.console.store.read() as work:
            payment = work.checkouts.page(_all_links(), None, 1).rows[0].payment_intent
        await desk.console.workers.probe.run(desk.console.sandbox.refund, payment, 10_000)
        await desk.hand.until(lambda: panel.owed.text() == "$100.00", "the refund reinstates the debt")
        with desk.console.store.read() as work:
            assert work.verifier.run().ok


def _all_links() -> Any:
    from bioql_console.domain.paging import CheckoutQuery

    return CheckoutQuery()


async def _pay(url: str) -> None:
    import httpx

    form = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "jane@uni.example"}
    async with httpx.AsyncClient(trust_env=False) as browser:
        assert (await browser.post(url, data=form)).status_code == 303
