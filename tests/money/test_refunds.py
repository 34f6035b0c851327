"""Money goes back: started here or at Stripe, whole or in parts, forgiven or owed again."""

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.refunds import RefundReason
from bioql_console.domain.users import User
from bioql_console.services.changes import Changes
from bioql_console.services.refunds import Refunds
from tests.money.test_invoices_and_links import agrees, month_is_invoiced, pays_by_link, uses
from tests.money.world import World

ASKED = RefundReason.REQUESTED


@pytest.fixture
def refunds(world: World) -> Refunds:
    return Refunds(world.database, world.stripe, world.admin, Changes(), world.now_ms)


@pytest.fixture
def ada(world: World) -> User:
    """Paid $350.00 by link."""
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 360)
    pays_by_link(world, ada)
    return ada


def payment(world: World) -> str:
    (charge,) = [each for each in world.objects("charge") if each["paid"]]
    return str(charge["payment_intent"])


@pytest.mark.both_databases
def test_a_part_goes_back_and_is_owed_again(world: World, refunds: Refunds, ada: User) -> None:
    seen = refunds.look(payment(world))
    assert (seen.user.id, seen.paid_cents, seen.left_cents) == (ada.id, 35_000, 35_000)
    refunds.refund(seen, 5_000, ASKED, "Run failed on our side", "ana", forgive=False)
    world.drain()
    assert (world.collected_cents(), world.net_cents(ada.id)) == (30_000, 5_000)
    again = refunds.look(payment(world))
    assert (again.refunded_cents, again.left_cents) == (5_000, 30_000)
    refunds.refund(again, 30_000, ASKED, "All of it", "ana", forgive=False)
    world.drain()
    assert (world.collected_cents(), world.net_cents(ada.id)) == (0, 35_000)
    agrees(world, ada)


def test_a_goodwill_refund_forgives_the_debt(world: World, refunds: Refunds, ada: User) -> None:
    refunds.refund(refunds.look(payment(world)), 5_000, ASKED, "Goodwill", "ana", forgive=True)
    world.drain()
    assert (world.collected_cents(), world.net_cents(ada.id)) == (30_000, 0)
    month_is_invoiced(world, ada)
    assert world.net_cents(ada.id) == 0
    agrees(world, ada)


@pytest.mark.both_databases
def test_a_double_click_refunds_once(world: World, refunds: Refunds, ada: User) -> None:
    seen = refunds.look(payment(world))
    first = refunds.refund(seen, 5_000, ASKED, "Once", "ana", forgive=True)
    assert refunds.refund(seen, 5_000, ASKED, "Once", "ana", forgive=True) == first
    world.drain()
    assert (world.collected_cents(), world.net_cents(ada.id)) == (30_000, 0)
    with pytest.raises(OperatorError, match="meanwhile"):
        refunds.refund(seen, 5_000, ASKED, "Once more", "ana", forgive=False)


def test_a_refund_whose_answer_was_lost_is_gone_on_with(world: World, refunds: Refunds, ada: User) -> None:
    """Its event came before the second click: it is the same refund, and what it leaves is forgiven after all."""
    seen = refunds.look(payment(world))
    world.control("faults", status="reset", path="/v1/refunds", method="POST", count=3)
    with pytest.raises(OperatorError, match="can't be reached"):
        refunds.refund(seen, 5_000, ASKED, "Once", "ana", forgive=True)
    world.drain()
    assert (world.collected_cents(), world.net_cents(ada.id)) == (30_000, 5_000)
    refunds.refund(seen, 5_000, ASKED, "Once", "ana", forgive=True)
    world.drain()
    assert (world.collected_cents(), world.net_cents(ada.id)) == (30_000, 0)


@pytest.mark.parametrize("cents", [0, -1, 35_001])
def test_no_more_than_was_paid_goes_back(world: World, refunds: Refunds, ada: User, cents: int) -> None:
    with pytest.raises(OperatorError, match=r"\$350.00 of this payment"):
        refunds.refund(refunds.look(payment(world)), cents, ASKED, "Why", "ana", forgive=False)
    assert world.collected_cents() == 35_000


def test_without_a_reason_nothing_goes_back(world: World, refunds: Refunds, ada: User) -> None:
    with pytest.raises(OperatorError, match="needs a reason"):
        refunds.refund(refunds.look(payment(world)), 100, ASKED, " ", "ana", forgive=False)


def test_what_an_invoice_collected_goes_back_too(world: World, refunds: Refunds) -> None:
    bo = world.register("bo", "pm_card_visa")
    uses(world, bo, 200)
    month_is_invoiced(world, bo)
    with world.database.read() as work:
        (invoice,) = work.invoices.of_user(bo.id, *InvoiceState)
    seen = refunds.of_invoice(invoice.id)
    assert (seen.paid_for, seen.left_cents) == (f"Invoice {invoice.number}", 19_000)
    refunds.refund(seen, 19_000, RefundReason.DUPLICATE, "Paid by bank as well", "ana", forgive=True)
    world.drain()
    assert (world.collected_cents(), world.net_cents(bo.id)) == (0, 0)
    agrees(world, bo)


@pytest.mark.both_databases
def test_a_disputed_payment_is_held_and_can_be_given_up(world: World, refunds: Refunds, ada: User) -> None:
    dispute = world.control("disputes", payment_intent=payment(world))["id"]
    world.drain()
    seen = refunds.look(payment(world))
    assert (seen.held_cents, seen.left_cents) == (35_000, 0)
    with pytest.raises(OperatorError, match=r"A bank holds \$350.00"):
        refunds.refund(seen, 100, ASKED, "Why", "ana", forgive=False)
    refunds.accept_dispute(dispute, "ana", "The card was stolen")
    world.drain()
    assert refunds.look(payment(world)).held_cents == 0
    assert (world.collected_cents(), world.net_cents(ada.id)) == (0, 35_000)
    with pytest.raises(OperatorError, match="decided, or there is none"):
        refunds.accept_dispute(dispute, "ana", "Again")
    with pytest.raises(OperatorError, match="of this payment can be refunded"):
        refunds.refund(refunds.look(payment(world)), 100, ASKED, "Stripe would refuse", "ana", forgive=False)
    agrees(world, ada)


@pytest.mark.both_databases
def test_a_dispute_that_is_won_brings_the_money_back(world: World, refunds: Refunds, ada: User) -> None:
    dispute = world.control("disputes", payment_intent=payment(world))
    world.drain()
    assert world.cash_cents() == world.collected_cents() == 0
    api = world.stripe.gateway().v1
    api.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": "winning_evidence"}})
    world.drain()
    assert (world.collected_cents(), world.net_cents(ada.id)) == (35_000, 0)
    agrees(world, ada)


def test_a_payment_of_nobody_is_refused(refunds: Refunds) -> None:
    with pytest.raises(OperatorError, match="not in our books"):
        refunds.look("pi_of_nobody")
