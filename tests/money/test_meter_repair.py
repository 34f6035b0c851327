"""Meter and price that somebody changed at Stripe: seen, said, repaired; and no dollar is lost or doubled by it."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME, PRICE_LOOKUP_KEY
from bioql_console.domain.meter_repair import Step, StepKind
from bioql_console.services.changes import Changes
from bioql_console.services.meter_repair import MeterRepair
from bioql_console.services.meter_setup import MeterReport, MeterSetup
from tests.money.drifts import DRIFTS, NEVER_RIGHT, wrong_from_the_start
from tests.money.test_invoices_and_links import agrees, month_is_invoiced, pays_by_link, uses
from tests.money.world import HOUR, World

GOOD = "pm_card_visa"
names = itertools.count()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "w")
    yield made
    made.close()


def inspect(world: World) -> MeterReport:
    return MeterSetup(world.stripe, world.database, world.now_ms).inspect()


def differing(report: MeterReport) -> set[str]:
    return {check.what for check in (*report.meter_checks, *report.price_checks) if not check.agrees}


def is_clean(world: World) -> None:
    report = inspect(world)
    assert differing(report) == set()
    assert report.steps == ()
    assert len(world.objects("billing.meter", event_name=EVENT_NAME, status="active")) == 1
    assert len(world.objects("price", lookup_key=PRICE_LOOKUP_KEY, active=True)) == 1


@pytest.mark.parametrize("drift", DRIFTS)
def test_each_drift_is_named_repaired_and_costs_nobody_a_cent(world: World, drift: str) -> None:
    ada = world.register("ada", GOOD)
    uses(world, ada, 360)
    pays_by_link(world, ada, 100)
    plant, lines = DRIFTS[drift]
    plant(world)
    uses(world, ada, 40)

    report = inspect(world)
    assert differing(report) - {"Subscriptions"} == lines
    assert all(check.consequence for check in (*report.meter_checks, *report.price_checks) if not check.agrees)
    assert report.steps, "what can be said can be repaired"

    repaired = world.meter_repair.repair("ana")
    assert repaired.problem is None
    assert repaired.left == ()
    is_clean(world)
    uses(world, ada, 20)
    month_is_invoiced(world, ada)
    agrees(world, ada)
    assert world.collected_cents() == 41_000, "100 by link, 310 by invoice; 10 were a present"
    assert world.net_cents(ada.id) == 0


@pytest.mark.parametrize("wrong", NEVER_RIGHT)
def test_what_was_never_right_is_replaced_and_subscriptions_move_over(world: World, wrong: str) -> None:
    wrong_from_the_start(world, **NEVER_RIGHT[wrong])
    ada, ben = world.register("ada", GOOD), world.register("ben", None)
    uses(world, ada, 360)
    uses(world, ben, 50)
    old = world.user(ada.id).stripe_subscription_id

    repaired = world.meter_repair.repair("ana")
    assert repaired.problem is None
    assert StepKind.MAKE_PRICE in {step.kind for step in repaired.done}
    is_clean(world)
    assert world.user(ada.id).stripe_subscription_id not in (None, old)
    uses(world, ada, 20)
    month_is_invoiced(world, ada)
    agrees(world, ada)
    assert world.collected_cents() == 37_000, "380 were used; 10 were a present"
    assert (world.net_cents(ada.id), world.net_cents(ben.id)) == (0, 4_000)


def test_what_is_as_it_must_be_is_left_alone(world: World) -> None:
    before = world.rows("SELECT count(*) FROM activity")
    assert world.meter_repair.repair("ana").done == ()
    assert world.rows("SELECT count(*) FROM activity") == before


@pytest.mark.timeout(300)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(drifts=st.lists(st.sampled_from(sorted(DRIFTS)), min_size=1, max_size=4), stops=st.integers(0, 8))
def test_drifts_on_top_of_each_other_are_repaired_also_after_a_crash(
    tmp_path_factory: pytest.TempPathFactory, drifts: list[str], stops: int
) -> None:
    world = World(tmp_path_factory.mktemp("drifts"), f"w{next(names)}")
    try:
        ada, ben = world.register("ada", GOOD), world.register("ben", None)
        uses(world, ada, 200)
        world.drain()
        for drift in drifts:
            try:
                DRIFTS[drift][0](world)
            except (IndexError, OperatorError):
                continue  # what it would change is gone by the drift before it
        uses(world, ada, 30)
        uses(world, ben, 30)
        asked = itertools.count()
        world.meter_repair.repair("ana", cancelled=lambda: next(asked) >= stops)
        assert world.meter_repair.repair("ana").problem is None
        is_clean(world)
        month_is_invoiced(world, ada)
        agrees(world, ada)
        assert world.net_cents(ada.id) == 0
    finally:
        world.close()


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("lost_at", range(1, 12))
def test_a_cut_over_that_dies_anywhere_is_gone_on_with(
    world: World, lost_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong_from_the_start(world, default_aggregation={"formula": "count"})
    ada = world.register("ada", GOOD)
    uses(world, ada, 360)
    world.drain()
    api = world.sandbox.app._api
    writes = itertools.count(1)
    answer = api.answer

    def dies(request):  # type: ignore[no-untyped-def]
        done = answer(request)
        if request.method != "GET" and next(writes) == lost_at:
            raise Crash
        return done

    with monkeypatch.context() as patch:
        patch.setattr(api, "answer", dies)
        with suppress(Crash):
            world.meter_repair.repair("ana")
    world.deliver(world.pending_events())
    assert world.meter_repair.repair("ana").problem is None
    is_clean(world)
    assert len(world.objects("subscription", status="active")) == 1
    uses(world, ada, 40)
    month_is_invoiced(world, ada)
    agrees(world, ada)
    assert world.net_cents(ada.id) == 0


def test_two_consoles_make_one_meter_and_one_price(world: World) -> None:
    """Both find nothing, and both make it at the same time."""
    wrong_from_the_start(world)
    with world.sandbox._store.transaction():
        world.sandbox._store.db.execute("DELETE FROM objects WHERE kind IN ('billing.meter', 'price', 'product')")
        world.sandbox._store.db.execute("DELETE FROM idempotency")
    both = threading.Barrier(2)
    problems: list[object] = []

    def console() -> None:
        repair = MeterRepair(world.stripe, world.database, Changes(), 300_000)
        both.wait()
        problems.append(repair.repair("ana").problem)

    lock, answer = threading.Lock(), world.sandbox.app._api.answer

    def one_at_a_time(request):  # type: ignore[no-untyped-def]
        with lock:  # as its event loop does
            return answer(request)

    world.sandbox.app._api.answer = one_at_a_time  # type: ignore[method-assign]
    threads = [threading.Thread(target=console) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [None, None]
    is_clean(world)
    assert [len(world.objects(kind)) for kind in ("billing.meter", "price", "product")] == [1, 1, 1]


def test_usage_waits_while_the_meter_is_archived_and_is_counted_afterwards(world: World) -> None:
    ada = world.register("ada", GOOD)
    DRIFTS["meter archived"][0](world)
    uses(world, ada, 50)
    world.send()
    assert world.waiting() >= 1
    (state,) = [check for check in inspect(world).meter_checks if check.what == "State"]
    assert "UTC goes to no meter" in state.consequence
    world.meter_repair.repair("ana")
    world.drain()
    agrees(world, ada)


def test_a_subscription_moves_once_its_draft_invoice_is_open(world: World) -> None:
    wrong_from_the_start(world, product="Something else")
    ada = world.register("ada", GOOD)
    uses(world, ada, 100)
    world.drain()
    (subscription,) = world.objects("subscription")
    world.advance(subscription["items"]["data"][0]["current_period_end"] - world.now_ms() // 1000)
    world.drain()
    first = world.meter_repair.repair("ana")
    assert first.problem is not None
    assert first.problem.code == "meter.draft"
    assert [step.kind for step in first.left] == [StepKind.MOVE_SUBSCRIPTION, StepKind.ARCHIVE_PRICE]
    world.advance(HOUR)
    world.drain()
    assert world.meter_repair.repair("ana").problem is None
    is_clean(world)
    agrees(world, ada)


def test_each_step_is_told_before_and_noted_after(world: World) -> None:
    wrong_from_the_start(world, unit_amount=5)
    ada = world.register("ada", GOOD)
    old = world.user(ada.id).stripe_subscription_id
    told: list[tuple[Step, int, int]] = []
    planned = inspect(world).steps
    done = world.meter_repair.repair("ana", lambda *now: told.append(now)).done
    assert [step.kind for step, _, _ in told] == [step.kind for step in done] == [step.kind for step in planned]
    assert [(number, total) for _, number, total in told] == [(0, 3), (1, 3), (2, 3)]
    noted = world.rows("SELECT action, before FROM activity WHERE operator = 'ana' ORDER BY id")
    assert [tuple(row) for row in noted] == [
        ("created metered price", done[0].subject),
        ("moved subscription", old),
        ("archived price", done[2].subject),
    ]
