"""A subscription moves while usage, invoices and reports about the old one are still on their way."""

from decimal import Decimal

import pytest

from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.outbox import Message, MessageKind
from bioql_console.domain.users import User
from bioql_console.services.usage_meter import StripeUsageMeter
from tests.money.drifts import COUNTS, wrong_from_the_start
from tests.money.test_invoices_and_links import agrees, month_is_invoiced, pays_by_link, uses
from tests.money.world import HOUR, World

COUNTING = {
    "default_aggregation": {"formula": "sum"},
    "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
    "value_settings": {"event_payload_key": "value"},
}


@pytest.fixture
def ada(world: World) -> User:
    """Subscribed to a price that has to be replaced."""
    wrong_from_the_start(world, product="Something else")
    ada = world.register("ada", "pm_card_visa")
    world.drain()
    return ada


def runs(world: World, user: User) -> list[Message]:
    """Oldest first."""
    with world.database.read() as work:
        known = [work.outbox.get(row[0]) for row in world.rows("SELECT id FROM outbox ORDER BY id")]
    return [each for each in known if each and each.kind is MessageKind.METER_EVENT and each.user_id == user.id]


@pytest.mark.parametrize("paid_before", [0, 100, 350])
def test_a_run_from_before_the_move_is_taken_back_from_the_balance_too(
    world: World, ada: User, paid_before: int
) -> None:
    uses(world, ada, 60)
    uses(world, ada, 300)
    world.drain()
    if paid_before:
        pays_by_link(world, ada, paid_before)
    world.advance(60)
    assert world.meter_repair.repair("ana").problem is None
    world.drain()
    world.corrections.take_back(runs(world, ada)[0].id, "ana", "A test")
    world.drain()
    agrees(world, ada)
    uses(world, ada, 400)
    month_is_invoiced(world, ada)
    agrees(world, ada)
    assert world.net_cents(ada.id) == 0
    assert world.collected_cents() == 69_000, "700 were used, 10 were a present"


def test_refused_usage_from_before_the_move_is_in_the_balance_already(world: World, ada: User) -> None:
    uses(world, ada, 360)
    world.drain()
    world.advance(60)
    assert world.meter_repair.repair("ana").problem is None
    (run,) = runs(world, ada)
    with world.database.write() as work:
        work.outbox.refused_by_report(run.id, "Reported late", "meter_event_invalid_value", "evt_late")
        work.commit()
    assert world.corrections.collect_otherwise([run.id], "ana") == 1
    month_is_invoiced(world, ada)
    agrees(world, ada)
    assert world.collected_cents() == 35_000


@pytest.mark.parametrize("hours", [0, 2])
def test_an_invoice_that_was_not_heard_of_yet_is_waited_for(world: World, ada: User, hours: int) -> None:
    """At the threshold Stripe makes one by itself; its events are on their way while the meter is repaired."""
    uses(world, ada, 3_200)
    world.advance(3)
    world.send()
    world.advance(60)
    if hours:
        world.advance(hours * HOUR)
    assert world.objects("invoice", customer=ada.stripe_customer_id)
    first = world.meter_repair.repair("ana")
    assert first.problem is not None
    world.drain()
    world.advance(2 * HOUR)
    world.drain()
    assert world.meter_repair.repair("ana").problem is None
    uses(world, ada, 40)
    month_is_invoiced(world, ada)
    agrees(world, ada)
    assert world.net_cents(ada.id) == 0
    assert world.collected_cents() == 323_000, "3,240 were used, 10 were a present"


def total(world: World, user: User) -> Decimal | None:
    until_ms = world.now_ms() // 60_000 * 60_000 + 60_000
    return StripeUsageMeter(world.stripe.gateway).total(user.stripe_customer_id or "", 0, until_ms)


def test_what_a_replaced_meter_counted_is_not_missing(world: World) -> None:
    """Error reports are narrowed down by the totals of all meters that counted, not of the newest alone."""
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 200)
    world.drain()
    assert total(world, ada) == 20_000
    gateway = world.stripe.gateway()
    (meter,) = gateway.meters_of(EVENT_NAME)
    gateway.deactivate_meter(meter.id)
    gateway.ask(gateway.v1.billing.meters.create, {**COUNTING, "display_name": "Another", "event_name": EVENT_NAME})
    assert len(gateway.meters_of(EVENT_NAME)) == 2
    assert total(world, ada) == 20_000


def test_a_meter_that_counted_something_else_says_nothing_of_cents(world: World) -> None:
    wrong_from_the_start(world, **COUNTS)
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 200)
    world.drain()
    assert world.meter_repair.repair("ana").problem is None
    assert total(world, ada) is None
