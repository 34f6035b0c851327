"""Events come in the account's API version, not in ours: what an old account delivers means the same money."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.invoices import InvoiceSource, InvoiceState
from tests.money.test_invoices_and_links import GOOD, agrees, month_is_invoiced, pays_by_link, uses
from tests.money.world import World


class OldAccount(World):
    """Its events have the shape from before 2025-03-31."""

    def pending_events(self) -> list[bytes]:
        events = [json.loads(body) for body in super().pending_events()]
        older = [self._older(each) for each in events if not each["type"].startswith("invoice_payment.")]
        return [json.dumps(each).encode() for each in older]

    def _older(self, event: Any) -> Any:
        event["api_version"] = "2024-06-20"
        found = event.get("data", {}).get("object", {})
        if found.get("object") == "invoice":
            details = (found.pop("parent", None) or {}).get("subscription_details") or {}
            payments = self.objects("invoice_payment", invoice=found["id"], status="paid")
            outside = found.pop("amount_paid_off_stripe", 0)
            found |= {"subscription": details.get("subscription"), "paid_out_of_band": bool(outside)}
            found["payment_intent"] = payments[0]["payment"].get("payment_intent") if payments else None
        return event


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = OldAccount(tmp_path, "w")
    yield made
    made.close()


def test_a_metered_invoice_is_no_invoice_made_by_hand(world: World) -> None:
    """Else what it collected would be credited once more, and never be collected again."""
    ada = world.register("ada", GOOD)
    uses(world, ada, 360)
    pays_by_link(world, ada)
    uses(world, ada, 40)
    month_is_invoiced(world, ada)
    with world.database.read() as work:
        (invoice,) = work.invoices.of_user(ada.id, InvoiceState.PAID)
    assert invoice.source is InvoiceSource.SUBSCRIPTION
    assert (world.collected_cents(), world.net_cents(ada.id)) == (39_000, 0)
    agrees(world, ada)


def test_a_refund_of_a_metered_invoice_finds_its_user(world: World) -> None:
    ada = world.register("ada", GOOD)
    uses(world, ada, 60)
    month_is_invoiced(world, ada)
    (payment,) = world.objects("invoice_payment", status="paid")
    world.control("refunds", payment_intent=payment["payment"]["payment_intent"], amount=2_000)
    world.drain()
    assert world.net_cents(ada.id) == 2_000
    agrees(world, ada)


def test_what_was_paid_outside_of_stripe_is_no_cash_there(world: World) -> None:
    ada = world.register("ada", None)
    uses(world, ada, 3_100)
    world.drain()
    (invoice,) = world.objects("invoice", status="open")
    gateway = world.stripe.gateway()
    gateway.ask(gateway.v1.invoices.pay, invoice["id"], {"paid_out_of_band": True})
    world.drain()
    assert (world.cash_cents(), world.net_cents(ada.id)) == (0, 0)
    world.check_books()
