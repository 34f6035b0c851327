"""An invoice is written off while a link asks for what it asks for, or a payment by link is on its way."""

from bioql_console.domain.users import User
from tests.money.test_invoices_and_links import FAILS, agrees, uses
from tests.money.world import BACK, World


def paid_and_written_off(world: World, **how: str) -> tuple[User, str]:
    """A user who paid $500 of an open invoice by link at the moment in which it was written off; and the invoice."""
    ada = world.register("ada", FAILS)
    uses(world, ada, 3_400)
    world.drain()
    world.advance(2 * 3_600)
    world.drain()
    (invoice,) = world.objects("invoice", status="open")
    link = world.links.open(ada.id, asked_micros=500_000_000, **BACK)
    assert world.pay(link.url, **how) == 303
    world.deliver(world.pending_events())  # the credit note is queued, and comes too late
    world.stripe.gateway().v1.invoices.mark_uncollectible(invoice["id"])
    world.deliver(world.pending_events())
    world.drain()
    return ada, invoice["id"]


def test_what_the_link_paid_is_no_credit_besides(world: World) -> None:
    ada, _ = paid_and_written_off(world)
    assert world.written_off_cents() == 339_000 - 50_000
    assert world.net_cents(ada.id) == 0
    agrees(world, ada)


def test_what_a_bounced_debit_leaves_is_collected_later(world: World) -> None:
    ada, _ = paid_and_written_off(world, bank_debit="bounces")
    world.advance(10 * 86_400)
    world.drain()
    assert world.net_cents(ada.id) == 50_000
    agrees(world, ada)


def test_paid_after_all_it_collected_more_than_was_owed_which_is_credit(world: World) -> None:
    ada, invoice = paid_and_written_off(world)
    api = world.stripe.gateway().v1
    method = api.payment_methods.attach("pm_card_visa", {"customer": ada.stripe_customer_id}).id
    api.invoices.pay(invoice, {"payment_method": method})
    world.drain()
    assert world.written_off_cents() == 0
    assert world.net_cents(ada.id) == -50_000
    agrees(world, ada)


def test_a_page_that_asks_for_what_was_written_off_is_closed(world: World) -> None:
    ada = world.register("ada", FAILS)
    uses(world, ada, 3_400)
    world.drain()
    world.advance(2 * 3_600)
    world.drain()
    (invoice,) = world.objects("invoice", status="open")
    link = world.links.open(ada.id, **BACK)
    world.stripe.gateway().v1.invoices.mark_uncollectible(invoice["id"])
    world.drain()
    assert world.net_cents(ada.id) == 0
    assert world.pay(link.url) != 303, "nothing is owed, so nobody may pay"
    assert not world.objects("checkout.session", status="open")
    agrees(world, ada)
