"""A backup from before twenty payments is restored: Stripe tells what happened since, and nothing is done twice."""

from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.services.changes import Changes
from bioql_console.services.missed_events import MissedEvents
from bioql_console.services.reconciliation.reconcile import reconciliation_of
from bioql_console.storage.backup_content import content_of
from bioql_console.storage.reconciliation_scratch import open_scratch
from bioql_console.storage.restoring import restore_file
from tests.money.world import World

PAYMENTS = 20
CENTS = 1_700
A_DAY_AND_MORE_S = 26 * 3_600


def run(world: World, user_id: int, name: str) -> None:
    world.usage.record(world.user(user_id), shots=CENTS, backend="simulator", succeeded=True, usage_id=name)


@pytest.mark.deadline(60)
@pytest.mark.fault(
    "Backup",
    "A backup from before twenty payments by links made since is restored",
    "The payments are fetched from Stripe's list and counted once, credits and usage that Stripe has already are not "
    "sent again, and books and Stripe say the same.",
    figure="20 payments, a minute and 26 hours after the backup, 0 lost, 0 doubled",
)
@pytest.mark.parametrize("later_s", [60, A_DAY_AND_MORE_S])
def test_the_gap_is_closed(tmp_path: Path, later_s: int) -> None:
    world = World(tmp_path, "gap")
    try:
        users = [world.register(f"u{number}", None).id for number in range(PAYMENTS)]
        for user in users:
            run(world, user, f"before-{user}")
        world.drain()
        for user in users[:5]:
            run(world, user, f"waiting-{user}")  # on its way to Stripe when the backup is made
        file = world.database.back_up(tmp_path / "copies").backup.path
        world.drain()
        for user in users:
            link = world.links.open(
                user, success_url="http://127.0.0.1:9/", cancel_url="http://127.0.0.1:9/", operator="a"
            )
            assert world.pay(link.url) == 303
        world.drain()
        before = owed(world, users)
        credited = balances_at_stripe(world)
        world.advance(later_s)

        world.database.close()
        assert world.database.path is not None
        restore_file(content_of(file), world.database.path, world.now_ms, operator="ada", kept=None)
        assert owed(world, users) != before, "the payments are gone"
        changes = Changes()
        found = MissedEvents(world.database, world.stripe, changes, world.now_ms).fetch("ada")
        assert found.problem is None
        world.applier.apply_waiting()
        for _ in range(10):
            world.advance(90)
            world.send()
        assert owed(world, users) == before
        assert balances_at_stripe(world) == credited, "a credit was given twice"
        with world.database.read() as work:
            assert work.verifier.run().differences == ()
        reconciliation = reconciliation_of(
            Environment.SANDBOX, world.database, world.stripe, open_scratch, world.now_ms
        )
        assert [each.what for each in reconciliation.run().differences] == []
    finally:
        world.close()


def owed(world: World, users: list[int]) -> list[int]:
    with world.database.read() as work:
        return [work.ledger.balance(user).owed_micros for user in users]


def balances_at_stripe(world: World) -> list[int]:
    return sorted(int(each["balance"]) for each in world.sandbox._store.select("customer"))
