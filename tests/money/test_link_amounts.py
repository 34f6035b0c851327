"""What a link may ask for, and what everything at Stripe says about whose it is."""

import pytest

from bioql_console.domain.checkout import AmountRefused, CheckoutState
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.domain.users import User
from tests.money.test_invoices_and_links import uses
from tests.money.test_links import links_of
from tests.money.world import BACK, HOUR, World


@pytest.fixture
def ada(world: World) -> User:
    """Owes $350.00."""
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 360)
    world.drain()
    return ada


@pytest.mark.parametrize(
    ("owed_micros", "words", "way_out"),
    [
        (300_000, "below the smallest payment of \\$0.50", "adjust the balance"),
        (1_000_000_000_000, "above the largest single payment", "a link for a part"),
        (0, "Nothing is owed", ""),
    ],
)
def test_what_cannot_be_charged_is_said_with_a_way_out(
    world: World, owed_micros: int, words: str, way_out: str
) -> None:
    bo = world.register("bo", "pm_card_visa")
    world.admin.adjust(bo.id, owed_micros + 10_000_000, "ana", "opening")
    with pytest.raises(AmountRefused, match=words) as refused:
        world.links.open(bo.id, **BACK)
    assert way_out in refused.value.way_out


def test_a_million_is_paid_in_parts_and_a_fraction_stays_owed(world: World) -> None:
    bo = world.register("bo", None)
    world.admin.adjust(bo.id, 1_000_010_004_000 + 10_000_000, "ana", "opening")
    for asked in (999_999_990_000, None):
        link = world.links.open(bo.id, asked_micros=asked, **BACK)
        assert world.pay(link.url) == 303
        world.drain()
    assert world.user(bo.id).balance.owed_micros == 4_000, "less than half a cent stays on the ledger"
    assert world.cash_cents() == world.collected_cents() == 1_000_010_004_000 // MICROS_PER_CENT


def test_everything_at_stripe_says_whose_it_is(world: World, ada: User) -> None:
    link = world.links.open(ada.id, **BACK)
    world.pay(link.url)
    (session,) = world.objects("checkout.session")
    (intent,) = world.objects("payment_intent")
    (charge,) = world.objects("charge")
    asked = {
        "bioql_reference": link.reference,
        "bioql_user_id": str(ada.id),
        "bioql_balance_version": str(link.balance_version),
        "bioql_environment": "sandbox",
    }
    assert session["metadata"] == intent["metadata"] == charge["metadata"] == asked
    assert session["client_reference_id"].startswith(f"bioql-sandbox-{ada.id}-{link.balance_version}-")


def test_a_bank_debit_says_since_when_it_is_on_its_way(world: World, ada: User) -> None:
    link = world.links.open(ada.id, **BACK)
    world.advance(HOUR)
    world.pay(link.url, bank_debit="succeeds")
    paid_ms = world.now_ms()
    world.drain()
    (link,) = links_of(world, ada)
    assert (link.state, link.since_ms) == (CheckoutState.PROCESSING, paid_ms)
