"""The pictures of usage that Stripe refused after it had taken it."""

from functools import partial
from typing import Any

REASONS = (("archived_meter", 3), ("meter_event_customer_not_found", 1))


async def take_outbox(album: Any) -> None:
    """Some usage is refused for two reasons; what Stripe reported, and the plan for sending it again."""
    console, hand = album.console, album.hand
    view = album.window.page("meter").outbox
    rows = view.table.model()
    user = (
        await console.workers.stripe.run(
            console.registration.register, "Lise Muster", "lise@uni.example", "pm_card_visa"
        )
    ).user
    for code, count in REASONS:
        await console.workers.stripe.run(console.sandbox.meter_errors, code, count)
    for shots in (120, 80, 45, 210):
        run = partial(console.usage.record, user, shots=shots, backend="ionq_qpu")
        await console.workers.database.run(run)

    def number(state: str) -> int:
        return sum(row.state.value == state and row.user_id == user.id for row in rows.rows)

    await hand.until(lambda: number("waiting") == 0 and number("sent") >= 4, "Stripe took it")
    await console.workers.stripe.run(console.sandbox.advance_clock, 15)
    await hand.until(lambda: number("refused") == 4, "the reports are joined")
    await hand.click(view.chips.chip("refused"))
    await hand.until(lambda: len(rows.rows) == 4, "only what was refused is shown")
    await hand.choose_row(view.table, 3)
    await album._picture("outbox-refused")
    await hand.click(view.all_again)
    await album._dialog_picture("send-again")
    await hand.until(view.all_again.isEnabled, "the plan is put away")
    await hand.click(view.reports)
    await hand.until(hand.dialogs, "the reports are shown")
    await album._dialog_picture("error-reports")
    await hand.click(view.chips.chip("all"))
