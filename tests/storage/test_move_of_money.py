"""What was on its way when a ledger moved is done once: from the new database, and not a second time."""

from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.webhooks import EventSource
from bioql_console.services.event_intake import parse
from bioql_console.services.reconciliation.reconcile import reconciliation_of
from bioql_console.storage.database import Database
from bioql_console.storage.moving import move
from bioql_console.storage.reconciliation_scratch import open_scratch
from tests.money.world import BACK, World

CENTS = 1_700
LOST = 2


@pytest.mark.postgresql
@pytest.mark.deadline(60)
@pytest.mark.fault(
    "Backup",
    "A ledger moves while usage and credits wait for Stripe, answers are lost, events wait to be applied and a link is "
    "open",
    "All of it goes on from the new database, each thing once; books and Stripe say the same.",
    figure="4 customers, 3 payments and 1 link under way, 0 cents off",
)
def test_nothing_is_done_twice_after_a_move(tmp_path: Path, postgresql_url: str) -> None:
    old = World(tmp_path, "moved")
    users = [old.register(f"u{number}", "pm_card_visa").id for number in range(4)]
    use_some(old, users, "before")
    old.drain()
    links = [old.links.open(user, **BACK) for user in users[:3]]
    assert [old.pay(link.url) for link in links[:2]] == [303, 303]
    old.deliver(old.pending_events())  # the payments are in the books, their credits wait for Stripe
    use_some(old, users, "waiting")
    old.control("faults", status="reset", path="/v1/billing/meter_events", count=3 * LOST)
    old.outbox.send_due()
    old.control("faults", status=None)
    use_some(old, users, "again")
    assert old.pay(links[2].url) == 303
    waiting = old.pending_events()
    with old.database.write() as work:  # acknowledged, and not applied yet
        work.inbox.add([parse(body, "", EventSource.HTTP, old.now_ms()) for body in waiting])
        work.commit()
    with old.database.read() as work:
        assert any(state is MessageState.WAITING for _, state in work.outbox.counts())
    old.links.open(users[3], **BACK)

    old.database.close()
    team = Database(postgresql_url, old.now_ms)
    team.open(None)
    assert move(old.database, team, operator="ada").marked
    team.close()

    new = old.elsewhere(postgresql_url)
    new.database.open(None)
    try:
        new.applier.apply_waiting()
        assert new.pay(new.links.open(users[3], **BACK).url) == 303
        for _ in range(4):
            new.advance(120)
            new.drain()
        new.check_books()
        for user in users:
            position = new.stripe_position_cents(new.user(user))
            assert position == new.net_cents(user), "Stripe would collect something else than what is owed"
        assert {new.net_cents(user) for user in users[:3]} == {2 * CENTS}
        assert new.net_cents(users[3]) == 0
        found = reconciliation_of(Environment.SANDBOX, new.database, new.stripe, open_scratch, new.now_ms).run()
        assert [each.what for each in found.differences] == []
    finally:
        new.close()


def use_some(world: World, users: list[int], name: str) -> None:
    for user in users:
        world.usage.record(
            world.user(user), shots=CENTS, backend="simulator", succeeded=True, usage_id=f"{name}-{user}"
        )
