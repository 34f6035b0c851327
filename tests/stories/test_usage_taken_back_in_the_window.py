"""Usage recorded by mistake is taken back; usage that the meter does not take goes on the next invoice instead."""

from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QLineEdit

from tests.stories.test_refused_usage_in_the_window import counted
from tests.stories.windows import open_window


async def test_usage_is_taken_back_and_collected_otherwise(data_dir: Path) -> None:
    async with open_window(data_dir, users=1) as desk:
        console, hand = desk.console, desk.hand
        stripe, database = console.workers.stripe, console.workers.database
        user = (await stripe.run(console.registration.register, "Grace", "grace@uni.example", "pm_card_visa")).user
        await stripe.run(console.sandbox.meter_errors, "meter_event_invalid_value", 1)
        for shots in (3, 4):
            await database.run(partial(console.usage.record, user, shots=shots, backend="ionq_qpu"))
        await hand.open_page("meter")
        view = desk.page("meter").outbox
        rows = view.table.model()

        def usage(state: str) -> list[int]:
            """Where the user's usage in a state is shown."""
            return [
                number
                for number, row in enumerate(rows.rows)
                if (row.state.value, row.kind.value, row.user_id) == (state, "meter_event", user.id)
            ]

        await hand.until(lambda: len(usage("sent")) == 2, "Stripe took both")
        await stripe.run(console.sandbox.advance_clock, 15)
        await hand.until(lambda: len(usage("refused")) == 1, "one is refused by a report")

        await hand.choose_row(view.table, usage("sent")[0])
        money = rows.rows[usage("sent")[0]].value
        await hand.until(view.back.isEnabled, "it can be taken back")
        await hand.click(view.back)
        await hand.until(hand.dialogs, "the reason is asked")
        dialog = hand.dialogs()[0]
        await hand.click(dialog.accept_button)
        assert dialog.isVisible(), "without a reason nothing is taken back"
        (reason,) = dialog.findChildren(QLineEdit)
        await hand.write(reason, "A test")
        await hand.click(dialog.accept_button)
        await hand.until(lambda: len(usage("closed")) == 1, "it is closed")
        await hand.until(lambda: not usage("sent"), "nothing of it is left at the meter")
        assert rows.rows[usage("closed")[0]].error.endswith(": A test")
        left = await database.run(lambda: balance(console, user.id))
        refused = rows.rows[usage("refused")[0]].value

        await hand.choose_row(view.table, usage("refused")[0])
        await hand.until(view.otherwise.isEnabled, "it can be collected otherwise")
        await hand.click(view.otherwise)
        await hand.until(hand.dialogs, "the plan is shown")
        await hand.click(hand.dialogs()[0].accept_button)
        await hand.until(lambda: len(usage("closed")) == 2, "both are closed")
        await hand.until(lambda: all(row.state.value != "waiting" for row in rows.rows), "Stripe was told")
        assert await stripe.run(counted, desk, user.stripe_customer_id) == 0
        assert {money, refused} == {600, 800}
        assert await database.run(lambda: balance(console, user.id)) == left, "it is owed as before"
        customer = console.stripe.gateway().v1.customers.retrieve
        at_stripe = await stripe.run(customer, user.stripe_customer_id)
        assert at_stripe.balance == left, "what the next invoice collects is what is owed"


def balance(console: object, user_id: int) -> int:
    """Owed less credit, in cents."""
    with console.store.read() as work:  # type: ignore[attr-defined]
        found = work.users.get(user_id).balance
    return int(found.owed_micros - found.available_credit_micros) // 10_000
