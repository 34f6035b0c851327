"""A price goes up next month, a plan grows: what has run keeps its price."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QDateTime, QTimeZone

from bioql_console.domain.users import Plan
from bioql_console.ui.pages.price_dialogs import LimitsDialog, PriceDialog
from bioql_console.ui.widgets.dialogs import FormDialog
from tests.stories.windows import Desk, open_window

DAY = 86_400_000


async def prices_of(desk: Desk) -> Any:
    await desk.hand.open_page("settings")
    page = desk.page("settings")
    page.tabs.setCurrentWidget(page.prices)
    await desk.hand.until(lambda: page.prices.prices.model().rowCount() >= 8, "the prices are listed")
    return page.prices


async def dialog_of(desk: Desk, kind: type) -> Any:
    await desk.hand.until(lambda: [one for one in desk.hand.dialogs() if isinstance(one, kind)], "the dialog opens")
    return next(one for one in desk.hand.dialogs() if isinstance(one, kind))


async def choose(desk: Desk, table: Any, name: str) -> None:
    rows = table.model()
    number = next(row for row in range(rows.rowCount()) if rows.index(row, 0).data() == name)
    await desk.hand.choose_row(table, number)


async def test_a_price_goes_up_and_what_has_run_keeps_its_price(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        jane = await desk.console.workers.database.run(lambda: desk.console.users.authenticate(_janes_key()))
        before = await desk.console.workers.database.run(lambda: _run(desk, jane))
        prices = await prices_of(desk)
        await choose(desk, prices.prices, "ibm_*")
        await desk.hand.click(prices.change)
        dialog = await dialog_of(desk, PriceDialog)
        await desk.hand.write(dialog.amount, "3.125")
        await desk.hand.write(dialog.reason, "New contract")
        assert "ibm_* costs $3.125 a shot from now on instead of $3.00" in dialog.plan.text()
        await desk.hand.click(dialog.accept_button)
        rows = prices.prices.model()
        await desk.hand.until(
            lambda: "$3.125" in [rows.index(n, 1).data() for n in range(rows.rowCount())], "it counts"
        )
        after = await desk.console.workers.database.run(lambda: _run(desk, jane))
        assert (before.cost_micros, after.cost_micros) == (30_000_000, 31_250_000)
        recent = await desk.console.workers.database.run(lambda: _recent(desk, jane.id))
        assert recent[:2] == [31_250_000, 30_000_000]


def _janes_key() -> str:
    from bioql_console.services.demo import demo_api_key

    return demo_api_key(1, 1)


def _run(desk: Desk, user: Any) -> Any:
    return desk.console.usage.record(user, shots=10, backend="ibm_torino")


def _recent(desk: Desk, user_id: int) -> list[int]:
    with desk.console.store.read() as work:
        return [usage.cost_micros for usage in work.usage.recent(user_id, 2)]


async def test_a_planned_price_is_marked_and_counts_later(data_dir: Path) -> None:
    async with open_window(data_dir, users=0) as desk:
        prices = await prices_of(desk)
        await choose(desk, prices.prices, "quera_aquila")
        await desk.hand.click(prices.change)
        dialog = await dialog_of(desk, PriceDialog)
        await desk.hand.write(dialog.amount, "4.50")
        await desk.hand.write(dialog.reason, "Cheaper from next month on")
        dialog.at_once.click()
        later = desk.console.now_ms() + 30 * DAY
        dialog.moment.setDateTime(QDateTime.fromMSecsSinceEpoch(later, QTimeZone(QTimeZone.Initialization.UTC)))
        await desk.hand.click(dialog.accept_button)
        rows = prices.prices.model()
        await desk.hand.until(lambda: "planned" in [rows.index(n, 3).data() for n in range(rows.rowCount())], "planned")
        price = await desk.console.workers.database.run(desk.console.usage.price_micros, 1, "quera_aquila")
        assert price == 5_000_000


async def test_what_can_not_be_a_price_is_said_beside_the_field(data_dir: Path) -> None:
    async with open_window(data_dir, users=0) as desk:
        prices = await prices_of(desk)
        await desk.hand.click(prices.another)
        dialog = await dialog_of(desk, PriceDialog)
        for amount, name in (("free", "braket"), ("-1", "braket"), ("0.0000001", "braket"), ("1", "a b;c"), ("1", "")):
            await desk.hand.write(dialog.amount, amount)
            await desk.hand.write(dialog.pattern, name)
            await desk.hand.write(dialog.reason, "why not")
            await desk.hand.click(dialog.accept_button)
            assert dialog.isVisible(), (amount, name)
        dialog.reject()


async def test_a_plan_allows_more_and_a_user_gets_it(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        prices = await prices_of(desk)
        await choose(desk, prices.plans, "basic")
        await desk.hand.click(prices.edit)
        dialog = await dialog_of(desk, LimitsDialog)
        await desk.hand.write(dialog.shots, "75000")
        await desk.hand.write(dialog.backends, "simulator, ibm_*, ionq_qpu")
        await desk.hand.write(dialog.reason, "Agreed with sales")
        await desk.hand.click(dialog.accept_button)
        plans = prices.plans.model()
        await desk.hand.until(lambda: "75,000" in [plans.index(n, 1).data() for n in range(4)], "the plan is changed")
        panel = await desk.show_jane()
        panel.asked.emit("plan")
        form = await dialog_of(desk, FormDialog)
        form.findChild(_combo()).setCurrentIndex(list(Plan).index(Plan.BASIC))
        await desk.hand.write(form._checked[0][1], "Asked by e-mail")
        await desk.hand.click(form.accept_button)
        await desk.hand.until(lambda: panel.detail.user.plan is Plan.BASIC, "Jane is on the plan")


def _combo() -> type:
    from PySide6.QtWidgets import QComboBox

    return QComboBox
