"""The pictures of a meter that differs, and of the plan that repairs it."""

from typing import Any


async def take_meter_repair(album: Any) -> None:
    """Somebody archived our meter in Stripe's dashboard and made one that counts otherwise."""
    console, hand = album.console, album.hand
    report = await console.workers.stripe.run(console.meter.inspect)

    def meddle() -> None:
        gateway = console.stripe.gateway()
        gateway.deactivate_meter(report.meter.id)
        params = {"display_name": "Shots", "event_name": "quantum_shot", "default_aggregation": {"formula": "count"}}
        gateway.v1.billing.meters.create(params)

    await console.workers.stripe.run(meddle)
    await hand.open_page("meter")
    page = album.window.page("meter")
    await hand.until(lambda: "difference" in page.state.text() and page.make.isEnabled(), "the difference is seen")
    await album._picture("meter-differs")
    await hand.click(page.make)
    await album._dialog_picture("meter-repair")
