"""Links of which Stripe's answer was lost are found again while a console runs."""

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.users import User
from bioql_console.services.checkout_links import LONGEST_CALL_MS
from bioql_console.services.lost_links import EVERY_MS, LostLinks
from tests.money.consoles import Console, lose_answer
from tests.money.test_invoices_and_links import uses
from tests.money.test_links import links_of
from tests.money.world import BACK, World


@pytest.fixture
def ada(world: World) -> User:
    """Owes $2.00."""
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 12)
    return ada


@pytest.mark.fault(
    "Stripe",
    "Stripe's answer to a new link is lost while no console is started, and the next question about it fails too",
    "A console that runs finds the link by itself as soon as Stripe answers again; it is payable then.",
    figure="looked for once a minute, 1 page at Stripe",
)
def test_lost_links_are_looked_for_again_while_a_console_runs(world: World, other: Console, ada: User) -> None:
    lost = LostLinks(world.database, world.links, world.now_ms)
    assert lost.look_if_due() == 0
    other.way.after = lose_answer
    with pytest.raises(OperatorError):
        other.links.open(ada.id, **BACK)
    world.advance(EVERY_MS // 1000)
    assert lost.look_if_due() == 0, "its maker may be asking right now"
    world.advance(LONGEST_CALL_MS // 1000)
    world.sandbox.app._faults.add("reset", "/v1/checkout/sessions", 10)
    with pytest.raises(OperatorError):
        lost.look_if_due()
    world.sandbox.app._faults.add(None, ".*", 0)
    assert lost.look_if_due() == 0, "it was looked at a moment ago"
    world.advance(EVERY_MS // 1000)
    assert lost.look_if_due() == 1
    (found,) = links_of(world, ada)
    assert found.is_payable(world.now_ms())
    assert world.pay(found.url) == 303


def test_a_link_that_stripe_never_made_is_asked_about_no_more(world: World, other: Console, ada: User) -> None:
    lost = LostLinks(other.database, other.links, world.now_ms)
    other.way.before = lose_answer
    with pytest.raises(OperatorError):
        other.links.open(ada.id, **BACK)
    world.advance(LONGEST_CALL_MS // 1000)
    assert lost.look_if_due() == 1
    assert [link.state.value for link in links_of(world, ada)] == ["expired"]
    world.advance(EVERY_MS // 1000)
    world.sandbox.app._faults.add("reset", "/v1/checkout/sessions", 10)
    assert lost.look_if_due() == 0, "Stripe was asked again"
