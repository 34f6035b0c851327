"""Stripe takes usage and refuses it later: shown with its money and why, sent again, and the total is right."""

from functools import partial
from pathlib import Path

from bioql_console.domain.meter import EVENT_NAME
from tests.stories.windows import Desk, open_window


def counted(desk: Desk, customer: str) -> int:
    gateway, now_ms = desk.console.stripe.gateway(), desk.console.now_ms()
    meter = gateway.find_meter(EVENT_NAME)
    return int(gateway.meter_total(meter.id, customer, now_ms - 3_600_000, now_ms + 3_600_000))


async def test_refused_usage_is_sent_again_and_counted_once(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        console, hand = desk.console, desk.hand
        user = (await console.workers.stripe.run(console.registration.register, "Grace", "grace@uni.example")).user
        await console.workers.stripe.run(console.sandbox.meter_errors, "archived_meter", 2)
        for shots in (3, 4, 5):
            await console.workers.database.run(partial(console.usage.record, user, shots=shots, backend="ionq_qpu"))
        await hand.open_page("meter")
        view = desk.page("meter").outbox
        rows = view.table.model()

        def states(state: str) -> int:
            return sum(row.state.value == state and row.user_id == user.id for row in rows.rows)

        await hand.until(lambda: states("sent") == 3, "Stripe took all of it")
        await console.workers.stripe.run(console.sandbox.advance_clock, 15)
        await hand.until(lambda: states("refused") == 2, "the report is joined")
        await hand.click(view.chips.chip("refused"))
        await hand.until(lambda: len(rows.rows) == 2, "only what was refused is shown")
        money = sum(row.value for row in rows.rows)
        await hand.until(lambda: f"${money / 100:.2f}" in view.chips.chip("refused").text(), "the money is shown")
        await hand.choose_row(view.table)
        await hand.until(view.all_again.isEnabled, "it can be sent again")
        await hand.click(view.all_again)
        await hand.until(hand.dialogs, "the plan is shown")
        await hand.click(hand.dialogs()[0].accept_button)
        await hand.until(lambda: not rows.rows, "nothing is refused any more")
        assert await console.workers.stripe.run(counted, desk, user.stripe_customer_id) == 2_400
