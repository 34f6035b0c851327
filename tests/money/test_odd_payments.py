"""Payments that differ from what was asked: quarantined with both figures, then counted or given back."""

import itertools
from typing import Any

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventState
from bioql_console.services.changes import Changes
from bioql_console.services.odd_payments import OddPayment, OddPayments, waiting
from tests.money.test_invoices_and_links import agrees, month_is_invoiced, uses
from tests.money.world import BACK, World

names = itertools.count()


@pytest.fixture
def decisions(world: World) -> OddPayments:
    return OddPayments(world.database, world.stripe, Changes(), world.now_ms, world.applier.apply_waiting)


@pytest.fixture
def ada(world: World) -> User:
    """Owes $350.00."""
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 360)
    world.drain()
    return ada


def page(world: World, customer: str, cents: int, reference: str) -> str:
    """A page that somebody made past the console."""
    price = {"currency": "usd", "unit_amount": cents, "product_data": {"name": "Shots"}}
    params: Any = {
        "mode": "payment",
        "customer": customer,
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": BACK["success_url"],
        "client_reference_id": reference,
    }
    return str(world.stripe.gateway().v1.checkout.sessions.create(params).url)


def odd(world: World) -> OddPayment:
    with world.database.read() as work:
        (found,) = waiting(work)
    return found


@pytest.fixture
def paid_less(world: World, ada: User) -> OddPayment:
    """$200.00 on a page with the reference of a link over $350.00."""
    link = world.links.open(ada.id, **BACK)
    assert world.pay(page(world, ada.stripe_customer_id or "", 20_000, link.reference)) == 303
    world.drain()
    return odd(world)


def quarantined(world: World) -> int:
    with world.database.read() as work:
        return work.inbox.counts().get(EventState.QUARANTINED, 0)


def test_both_figures_are_said(world: World, ada: User, paid_less: OddPayment) -> None:
    assert paid_less.why == "$200.00 were paid, but the link asked for $350.00."
    assert (paid_less.paid, paid_less.asked_cents, paid_less.countable) == ("$200.00", 35_000, True)
    assert paid_less.user is not None
    assert paid_less.user.id == ada.id
    assert (world.cash_cents(), world.net_cents(ada.id)) == (0, 35_000), "nothing counts until somebody decides"


def test_what_was_paid_is_counted_once(world: World, decisions: OddPayments, ada: User, paid_less: OddPayment) -> None:
    with pytest.raises(OperatorError, match="needs a reason"):
        decisions.count(paid_less, " ", "ana")
    decisions.count(paid_less, "Agreed by phone", "ana")
    with pytest.raises(OperatorError, match="decided meanwhile"):
        decisions.count(paid_less, "Again", "ana")
    world.drain()
    assert (world.cash_cents(), world.net_cents(ada.id)) == (20_000, 15_000)
    agrees(world, ada)
    month_is_invoiced(world, ada)
    assert world.collected_cents() == 35_000, "the invoice collects the rest"
    agrees(world, ada)


@pytest.mark.both_databases
def test_what_was_paid_is_given_back(world: World, decisions: OddPayments, ada: User, paid_less: OddPayment) -> None:
    refund = decisions.give_back(paid_less, "Not what we asked for", "ana")
    world.drain()
    assert (world.collected_cents(), world.cash_cents(), world.net_cents(ada.id)) == (0, 0, 35_000)
    with world.database.read() as work:
        known = work.money_back.get(refund)
    assert known is not None
    assert known.cents == 20_000
    agrees(world, ada)


def test_a_stranger_s_payment_can_only_be_given_back(world: World, decisions: OddPayments, ada: User) -> None:
    stranger = world.stripe.gateway().v1.customers.create({"email": "who@else.example"}).id
    world.pay(page(world, stranger, 20_000, "somebody-else-s"))
    world.drain()
    found = odd(world)
    assert (found.user, found.asked_cents, found.countable) == (None, None, False)
    with pytest.raises(OperatorError, match="about known customers"):
        decisions.count(found, "Why not", "ana")
    decisions.give_back(found, "Not ours", "ana")
    world.drain()
    assert (quarantined(world), world.collected_cents(), world.cash_cents()) == (0, 0, 0)
    assert world.net_cents(ada.id) == 35_000


def test_its_refund_in_stripe_s_dashboard_waits_for_the_decision(
    world: World, decisions: OddPayments, ada: User, paid_less: OddPayment
) -> None:
    world.control("refunds", payment_intent=paid_less.payment_intent, amount=5_000)
    world.drain()
    assert quarantined(world) > 1
    decisions.count(paid_less, "The rest is ours", "ana")
    world.drain()
    assert (world.collected_cents(), world.cash_cents(), world.net_cents(ada.id)) == (15_000, 15_000, 20_000)
    agrees(world, ada)
