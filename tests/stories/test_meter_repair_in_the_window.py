"""Somebody changed the meter in Stripe's dashboard: the operator sees what it costs, and mends it with a plan."""

from pathlib import Path

from bioql_console.ui.widgets.dialogs import PlanDialog
from tests.stories.windows import Desk, open_window


async def _shown(desk: Desk) -> list[str]:
    """The lines that differ, once Stripe was asked."""
    page = desk.page("meter")
    await desk.hand.open_page("meter")
    await desk.hand.until(lambda: page.state.text() != "not asked yet", "Stripe was asked")
    return [f"{check.what}: {check.actual}" for check in page.checks.model().rows if not check.agrees]


async def test_a_meter_that_counts_wrongly_is_replaced(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        console, page = desk.console, desk.page("meter")
        v1 = console.stripe.gateway().v1
        await console.workers.stripe.run(console.meter.create_missing, "tests")
        ada = await console.workers.stripe.run(console.registration.register, "Ada", "ada@uni.example", "pm_card_visa")
        meter = (await console.workers.stripe.run(console.meter.inspect)).meter

        def change() -> None:
            console.stripe.gateway().deactivate_meter(meter.id)
            v1.billing.meters.create(
                {"display_name": "Shots", "event_name": "quantum_shot", "default_aggregation": {"formula": "count"}}
            )
            console.usage.record(ada.user, shots=100, backend="ionq_qpu")

        await console.workers.stripe.run(change)
        lines = await _shown(desk)
        assert "Aggregation: count" in lines
        assert page.state.text().endswith("differences")

        await desk.hand.click(page.make)
        await desk.hand.until(lambda: desk.hand.dialogs(), "the plan is shown")
        (plan,) = desk.hand.dialogs()
        assert isinstance(plan, PlanDialog)
        words = " ".join(label.text() for label in plan.findChildren(type(page.notes)))
        assert "Archive meter" in words
        assert f"Reactivate meter {meter.id}" in words, "the one that was there before counts rightly"
        await desk.hand.click(plan.accept_button)
        await desk.hand.until(lambda: page.state.text() == "as expected", "it is mended", timeout_s=15)
        assert page.make.isHidden()

        def sent() -> bool:
            with console.store.read() as work:
                return not work.outbox.waiting_for(ada.user.id)

        await desk.hand.until(sent, "the usage that waited is counted", timeout_s=15)


async def test_what_stripe_refuses_is_said_and_gone_on_with(data_dir: Path) -> None:
    async with open_window(data_dir) as desk:
        console, page = desk.console, desk.page("meter")
        report = await console.workers.stripe.run(console.meter.create_missing, "tests")
        gateway = console.stripe.gateway()
        await console.workers.stripe.run(gateway.rename_meter, report.meter.id, "Old")
        await console.workers.stripe.run(lambda: gateway.set_price_active(report.price.id, active=False))
        assert await _shown(desk) == ["Display name: Old", "State: archived"]
        await console.workers.probe.run(lambda: console.sandbox.faults(400, "/v1/prices/price_"))
        await desk.hand.click(page.make)
        await desk.hand.until(lambda: desk.hand.dialogs(), "the plan is shown")
        await desk.hand.click(desk.hand.dialogs()[0].accept_button)
        await desk.hand.until(lambda: page.notice.isVisible(), "it is said what went wrong")
        assert "1 step is done. 1 left." in page.notice.what.text()
        await desk.hand.click(page.make)
        await desk.hand.until(lambda: desk.hand.dialogs(), "the plan is shown again")
        await desk.hand.click(desk.hand.dialogs()[0].accept_button)
        await desk.hand.until(lambda: page.state.text() == "as expected", "it is mended", timeout_s=15)
