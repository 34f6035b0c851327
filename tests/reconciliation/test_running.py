"""A run that is stopped, meets trouble, or looks while things are under way: it reads only, and never cries wolf."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.difference_kinds import BY_CODE, Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.reconciliation import Period, day_start_ms, utc_day
from bioql_console.domain.repairs import Repair
from bioql_console.domain.users import User
from bioql_console.services.reconciliation.export import HEADER, export_reconciliation
from bioql_console.services.reconciliation.reconcile import STEPS, Reconciliation
from bioql_console.services.reconciliation.repairs import WAYS
from bioql_console.storage.reconciliation_scratch import open_scratch
from tests.reconciliation.desks import EVER, Desk


class Door:
    """Looks at what leaves for Stripe, and may break it off."""

    def __init__(self, desk: Desk) -> None:
        door = desk.world.stripe.gateway()._client._requestor._client
        self._inner = door._client()  # type: ignore[attr-defined]
        door._client = lambda: self  # type: ignore[attr-defined]
        self.asked: list[tuple[str, str]] = []
        self.broken_at = -1

    def request(self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None) -> Any:
        self.asked.append((method.upper(), url))
        if len(self.asked) == self.broken_at:
            return '{"error": {"type": "api_error", "message": "down"}}', 503, {"stripe-should-retry": "false"}
        return self._inner.request(method, url, headers, post_data)


def ledger(desk: Desk) -> list[Any]:
    tables = ("journal_entries", "postings", "inbox", "outbox", "activity", "users", "invoices")
    return [desk.world.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def busy(desk: Desk, ada: User) -> None:
    """A little of everything that is compared."""
    desk.pays(ada)
    desk.world.drain()
    desk.by_hand(ada.stripe_customer_id)
    desk.by_hand(None)
    desk.api.customers.create({"email": ada.email})
    desk.forget_events()


def test_it_only_reads(desk: Desk, ada: User) -> None:
    busy(desk, ada)
    before, door = ledger(desk), Door(desk)
    assert not desk.find().ok
    assert {method for method, _ in door.asked} == {"GET"}
    assert ledger(desk) == before


def test_whatever_breaks_the_next_run_is_whole(desk: Desk, ada: User) -> None:
    busy(desk, ada)
    door = Door(desk)
    whole = desk.find()
    requests = len(door.asked)
    for number in range(1, requests + 1, 3):
        door.asked, door.broken_at = [], number
        with pytest.raises(OperatorError, match="Stripe has a problem"):
            desk.find()
    door.broken_at = -1
    again = desk.find()
    assert [one.key for one in again.differences] == [one.key for one in whole.differences]
    assert again.days == whole.days


def test_it_can_be_stopped_at_every_step(desk: Desk, ada: User) -> None:
    busy(desk, ada)
    said: list[tuple[int, int, str]] = []
    desk.reconciliation.run(EVER, lambda *progress: said.append(progress))
    assert {steps for _, steps, _ in said} == {STEPS}
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said)
    assert said[-1][0] == STEPS - 1
    for stop_at in range(1, len(said) + 1, 2):
        looks = iter(range(1, len(said) + 2))
        with pytest.raises(OperatorError) as stopped:
            desk.reconciliation.run(EVER, cancelled=lambda looks=looks, at=stop_at: next(looks) >= at)  # type: ignore[misc]
        assert stopped.value.code == "reconcile.cancelled"


def test_a_second_run_at_the_same_time_is_refused(desk: Desk, ada: User) -> None:
    def again(*_: object) -> None:
        with pytest.raises(OperatorError, match="running already"):
            desk.reconciliation.run(EVER)

    assert desk.reconciliation.run(EVER, again).ok


def test_what_is_minutes_old_is_on_its_way(desk: Desk, ada: User) -> None:
    patient = Reconciliation(desk.world.database, desk.world.stripe, open_scratch, desk.world.now_ms)
    desk.pays(ada)
    found = patient.run(EVER)
    assert (found.ok, [each.cents for each in found.on_its_way]) == (True, [35_000])
    assert (found.total.off_cents, found.total.on_its_way_cents) == (35_000, 35_000)
    desk.world.advance(600)
    assert Kind.PAYMENT_MISSED in patient.run(EVER).counts
    desk.world.drain()
    assert desk.find().ok


def test_what_waits_in_the_inbox_is_on_its_way(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    applier, desk.world.applier = desk.world.applier, Idle()  # type: ignore[assignment]
    desk.world.deliver(desk.world.pending_events())
    desk.world.applier = applier
    found = desk.find()
    assert found.ok
    assert "Its event is in the inbox and is about to be applied." in {each.why for each in found.on_its_way}


class Idle:
    """Applies nothing yet."""

    def apply_waiting(self) -> int:
        return 0


def test_an_event_in_quarantine_is_named_as_the_cause(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    desk.sql("UPDATE checkouts SET amount_cents = amount_cents - 1")
    desk.world.deliver(desk.world.pending_events())
    one = next(one for one in desk.find().differences if one.kind is Kind.PAYMENT_MISSED)
    assert "is in quarantine: $350.00 were paid" in one.cause
    with pytest.raises(OperatorError, match="can't be applied"):
        desk.repairs.repair(one, "try", "ana")


def test_a_period_looks_across_its_edges(desk: Desk, ada: User) -> None:
    began = desk.world.now_ms()
    desk.pays(ada)
    desk.world.advance(3 * 86_400)
    desk.world.deliver(desk.world.pending_events())
    desk.world.drain()
    today = Period(day_start_ms_of(began))
    later = Period(today.from_ms + 2 * 86_400_000)
    before = Period(0, today.from_ms)
    for period, payments in ((today, 1), (later, 0), (before, 0)):
        found = desk.reconciliation.run(period)
        assert (found.ok, found.checked["payments"]) == (True, payments)


def day_start_ms_of(at_ms: int) -> int:
    from datetime import date

    return day_start_ms(date.fromisoformat(utc_day(at_ms)))


def test_the_export_ties(desk: Desk, ada: User, tmp_path: Path) -> None:
    busy(desk, ada)
    found = desk.find()
    target = tmp_path / "reconciliation.csv"
    assert export_reconciliation(found, target) == len(found.differences) == 3
    lines = list(csv.reader(target.read_text("utf-8-sig").splitlines()))
    assert {len(line) for line in lines} == {len(HEADER)}
    of_days = [line for line in lines if line[0] == "day"]
    (total,) = [line for line in lines if line[0] == "total"]
    assert cents(total[10]) == sum(cents(line[10]) for line in of_days) == 8_400
    named = sum(cents(line[10]) for line in lines if line[0].startswith("payment_"))
    assert named == 8_400
    assert lines[-1][0] == "manifest"
    assert "acct_sandbox" in lines[-1][2]


def cents(text: str) -> int:
    return int(text.replace(".", ""))


def test_every_kind_says_what_mends_it() -> None:
    for kind in Kind:
        assert kind.value.consequence.endswith(".")
        assert kind.value.repair in WAYS or kind.value.step, kind
        assert kind.value.repair is not Repair.NONE or kind.value.step
    assert len(BY_CODE) == len(Kind)
    assert set(WAYS) == set(Repair) - {Repair.NONE}


def test_without_a_remark_nothing_is_done(desk: Desk, ada: User) -> None:
    desk.by_hand(ada.stripe_customer_id)
    one = desk.only(Kind.PAYMENT_BY_HAND)
    before = ledger(desk)
    for act in (desk.repairs.repair, desk.repairs.accept):
        with pytest.raises(OperatorError, match="needs a remark"):
            act(one, " ", "ana")
    assert ledger(desk) == before
    desk.repairs.repair(one, "by phone", "ana")
    (trail,) = desk.world.rows("SELECT operator, reason FROM activity WHERE action = 'repaired difference'")
    assert tuple(trail) == ("ana", "by phone")
