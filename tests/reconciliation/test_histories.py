"""Over generated histories: a clean one has no difference; of what is planted, all and only that is found and mended.

HISTORIES=2000 in the environment plays more of them.
"""

import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.ledger import payment_fact, refund_fact
from bioql_console.domain.repairs import Repair
from bioql_console.domain.users import User
from tests.money.histories import HISTORIES, History, Life
from tests.reconciliation.desks import Desk

EXAMPLES = int(os.environ.get("HISTORIES", "16"))
MEMORY = Path("/dev/shm")
names = itertools.count()
play = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield made
    shutil.rmtree(made)


def opened(folder: Path) -> Desk:
    place = folder / str(next(names))
    place.mkdir()
    return Desk(place)


@pytest.mark.timeout(3_600)
@play
@given(history=HISTORIES)
@example(History("pm_card_visa", False, (("uses", 0), ("meter is repaired", 2), ("uses", 0)), 3))
@example(History("pm_card_visa", False, (("uses", 0), ("uses", 0), ("pays by link", 0)), 3))
def test_a_clean_history_has_no_difference(folder: Path, history: History) -> None:
    desk = opened(folder)
    try:
        life = Life(desk.world, history)
        life.play()
        found = desk.find()
        assert found.ok, [f"{one.what} {one.cause}" for one in found.differences]
        assert {each.why for each in found.on_its_way} <= {"The bank has not paid yet."}
        assert found.total.stripe_cents == desk.world.collected_cents() == desk.world.cash_cents()
    finally:
        desk.close()


# --- what is planted: each makes one difference, whatever happened before


def _by_hand(desk: Desk, user: User) -> None:
    desk.by_hand(user.stripe_customer_id, 1_234)


def _nobodys(desk: Desk, user: User) -> None:
    desk.by_hand(None, 777)


def _never_made(desk: Desk, user: User) -> None:
    with desk.world.database.write() as work:
        fact = payment_fact("pi_never_made", user.id, 5_550_000, desk.world.now_ms(), "?")
        assert work.ledger.post(fact)
        work.commit()


def _never_refunded(desk: Desk, user: User) -> None:
    with desk.world.database.write() as work:
        assert work.ledger.post(refund_fact("pi_never_refunded:5", user.id, 50_000, desk.world.now_ms(), "?"))
        work.commit()


def _balance(desk: Desk, user: User) -> None:
    entry = {"amount": -321, "currency": "usd", "description": "by hand"}
    desk.api.customers.balance_transactions.create(user.stripe_customer_id, entry)


def _unmetered(desk: Desk, user: User) -> None:
    desk.world.usage.record(desk.world.user(user.id), shots=3, backend="ionq_qpu", usage_id="unmetered")
    desk.sql("DELETE FROM outbox WHERE key LIKE '%:unmetered'")
    desk.world.drain()


def _second_customer(desk: Desk, user: User) -> None:
    desk.second_customer(user)


PLANTS: dict[Kind, Callable[[Desk, User], None]] = {
    Kind.USAGE_NOT_METERED: _unmetered,
    Kind.PAYMENT_BY_HAND: _by_hand,
    Kind.PAYMENT_FOREIGN: _nobodys,
    Kind.PAYMENT_UNKNOWN: _never_made,
    Kind.REFUND_NOT_MADE: _never_refunded,
    Kind.BALANCE_BY_HAND: _balance,
    Kind.CUSTOMER_DUPLICATE: _second_customer,
}


@pytest.mark.timeout(3_600)
@play
@given(history=HISTORIES, planted=st.sets(st.sampled_from(list(PLANTS)), min_size=1), seed=st.integers(0, 2**32))
def test_all_and_only_what_is_planted_is_found_and_mended(
    folder: Path, history: History, planted: set[Kind], seed: int
) -> None:
    desk = opened(folder)
    try:
        life = Life(desk.world, history)
        life.play()
        for kind, plant in PLANTS.items():
            if kind in planted:
                plant(desk, desk.world.user(life.user.id))
        desk.forget_events()
        found = desk.find()
        assert {one.kind for one in found.differences} == planted, [one.what for one in found.differences]
        assert found.total.stripe_cents == desk.world.collected_cents()
        mending = list(found.differences)
        random.Random(seed).shuffle(mending)
        for one in mending:
            if one.repair is Repair.NONE:
                desk.repairs.accept(one, "known", "ana")
            else:
                desk.repairs.repair(one, "mended", "ana")
        desk.world.drain()
        again = desk.find_accepting()
        assert again.ok, [f"{one.what} {one.cause}" for one in again.differences]
        assert {one.kind for one, _ in again.accepted} <= {Kind.PAYMENT_FOREIGN}
    finally:
        desk.close()
