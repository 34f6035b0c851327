"""What goes wrong on this side of Stripe while the outbox sends says nothing of a message: it is sent later, once."""

from contextlib import suppress

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.outbox import Message, MessageState
from bioql_console.services.stripe_gateway import StripeGateway, _Door
from bioql_console.services.stripe_transport import LockedInLive, WhileSound
from tests.money.test_invoices_and_links import uses
from tests.money.world import BACK, HOUR, InProcess, World


@pytest.mark.fault(
    "PostgreSQL",
    "the connection to the database breaks, or the key or the books turn out wrong, as a message is about to be sent",
    "The message waits and is sent later, once; before, usage was given up as if Stripe had refused it.",
    figure="3 causes, usage and money: 0 messages given up",
)
@pytest.mark.parametrize("code", ["db.unreachable", "ledger.unsafe", "key.other_account"])
def test_a_failure_of_our_own_gives_up_no_message(world: World, code: str) -> None:
    trouble = [OperatorError("Something broke.", fix="Retry.", code=code)]

    def before_write() -> None:
        if trouble:
            raise trouble[0]

    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 360)
    link = world.links.open(ada.id, **BACK)
    world.pay(link.url)
    world.deliver(world.pending_events())
    guard = WhileSound(LockedInLive(Environment.SANDBOX), before_write)
    gateway = StripeGateway(world.sandbox.secret_key, Environment.SANDBOX, base="http://127.0.0.1:1", guard=guard)
    door: _Door = gateway.v1._requestor._client
    door._client = lambda: InProcess(world.sandbox)  # type: ignore[method-assign, return-value, assignment]
    world.stripe._gateway = gateway
    waiting = len(messages(world, MessageState.WAITING))
    assert waiting >= 2, "usage and money are on their way"
    for _ in range(3):
        with suppress(OperatorError):  # as the sender's thread does
            world.send()
        world.advance(HOUR)
    assert not messages(world, MessageState.REFUSED)
    assert len(messages(world, MessageState.WAITING)) == waiting
    trouble.clear()
    world.drain()
    assert not messages(world, MessageState.REFUSED)
    assert not messages(world, MessageState.WAITING)
    assert world.net_cents(ada.id) == 0


def messages(world: World, state: MessageState) -> list[Message]:
    with world.database.read() as work:
        return list(work.outbox.recent(50, state))
