"""One debt, two payments."""

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.users import User
from tests.money.world import BACK
from tests.reconciliation.desks import Desk


def test_a_link_paid_in_the_seconds_after_an_invoice_was_collected(desk: Desk, ada: User) -> None:
    world = desk.world
    ends = world.objects("subscription")[0]["items"]["data"][0]["current_period_end"]
    world.advance(ends - world.now_ms() // 1000)
    world.drain()
    link = world.links.open(ada.id, **BACK)
    world.advance(3_700)  # the card is charged for the invoice
    assert world.pay(link.url) == 303
    world.drain()
    desk.find()
    one = desk.only(Kind.PAID_TWICE)
    assert one.details["twice_cents"] == "35000"
    desk.repair(Kind.PAID_TWICE)
    desk.is_clean()
    assert (world.collected_cents(), world.net_cents(ada.id)) == (35_000, 0)


def test_paying_once_and_owing_again_is_not_twice(desk: Desk, ada: User) -> None:
    for _ in range(3):
        desk.pays(ada)
        desk.world.drain()
        desk.uses(ada, 4_000)
    desk.is_clean()


def test_credit_that_an_adjustment_left_is_not_twice(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    desk.world.admin.adjust(ada.id, -5_000 * 10_000, "ana", "as agreed")
    desk.world.drain()
    desk.is_clean()
