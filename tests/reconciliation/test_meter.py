"""The meter's totals by customer and day: never metered, refused, lost, counted twice, not ours."""

import pytest

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.reconciliation import utc_day
from bioql_console.domain.users import User
from tests.money.test_invoices_and_links import agrees, month_is_invoiced
from tests.reconciliation.desks import Desk


def counted(desk: Desk, user: User) -> int:
    found = desk.world.sandbox._store.db.execute(
        "SELECT sum(CAST(value AS INTEGER)) FROM meter_events WHERE customer = ? AND cancelled = 0",
        (user.stripe_customer_id,),
    )
    return int(found.fetchone()[0] or 0)


def report(desk: Desk, user: User, cents: int, identifier: str) -> None:
    """Usage, as another program would report it."""
    now_ms = desk.world.now_ms()
    desk.world.stripe.gateway().send_meter_event(
        identifier, EVENT_NAME, user.stripe_customer_id or "", cents, now_ms, {}
    )


def ends_well(desk: Desk, user: User) -> None:
    desk.is_clean()
    agrees(desk.world, user)
    month_is_invoiced(desk.world, user)
    assert desk.world.net_cents(user.id) == 0


def test_usage_that_was_never_queued(desk: Desk, ada: User) -> None:
    desk.world.usage.record(ada, shots=40, backend="ionq_qpu")
    desk.sql("DELETE FROM outbox WHERE state = 'waiting'")
    one = desk.only(Kind.USAGE_NOT_METERED)
    day = utc_day(desk.world.now_ms())
    assert (one.stripe_id, one.ledger_cents) == (f"{ada.stripe_customer_id}/{day}", 8_000)
    desk.repair(Kind.USAGE_NOT_METERED)
    assert counted(desk, ada) == 44_000
    ends_well(desk, ada)


def test_usage_that_was_never_queued_and_is_too_old_now(desk: Desk, ada: User) -> None:
    desk.world.usage.record(ada, shots=40, backend="ionq_qpu")
    desk.sql("DELETE FROM outbox WHERE state = 'waiting'")
    desk.world.drain()
    desk.world.advance(36 * 86_400)
    desk.world.drain()
    one = next(one for one in desk.find().differences if one.kind is Kind.USAGE_NOT_METERED)
    assert not one.can_be_repaired
    assert "35 days" in one.repair_words


def test_usage_that_stripe_refused(desk: Desk, ada: User) -> None:
    desk.world.usage.record(ada, shots=40, backend="ionq_qpu")
    desk.sql("UPDATE outbox SET state = 'refused', error = 'No active meter' WHERE state = 'waiting'")
    assert desk.only(Kind.USAGE_REFUSED).cause == "Stripe refused it: No active meter"
    desk.repair(Kind.USAGE_REFUSED)
    ends_well(desk, ada)


def test_usage_taken_back_here_is_none_of_the_meters(desk: Desk, ada: User) -> None:
    desk.world.usage.record(ada, shots=40, backend="ionq_qpu")
    desk.sql("UPDATE outbox SET state = 'closed', error = 'Recorded by mistake' WHERE state = 'waiting'")
    desk.is_clean()


def test_usage_that_stripe_took_and_did_not_count(desk: Desk, ada: User) -> None:
    desk.uses(ada, 8_000)
    desk.world.sandbox._store.db.execute("UPDATE meter_events SET cancelled = 1 WHERE value = '8000'")
    one = desk.only(Kind.METER_LACKS)
    assert (one.ledger_cents, one.stripe_cents) == (44_000, 36_000)
    desk.repair(Kind.METER_LACKS)
    ends_well(desk, ada)


def test_what_is_counted_late_is_not_reported_twice(desk: Desk, ada: User) -> None:
    desk.world.sandbox._store.db.execute("UPDATE meter_events SET cancelled = 1")
    one = desk.only(Kind.METER_LACKS)
    desk.world.sandbox._store.db.execute("UPDATE meter_events SET cancelled = 0")
    with pytest.raises(OperatorError, match="something else"):
        desk.repairs.repair(one, "too late", "ana")
    desk.is_clean()


def test_usage_counted_twice(desk: Desk, ada: User) -> None:
    desk.uses(ada, 8_000)
    report(desk, ada, 8_000, "the-same-run-again")
    one = desk.only(Kind.METERED_TWICE)
    assert (one.ledger_cents, one.stripe_cents) == (44_000, 52_000)
    for _ in range(2):
        desk.repairs.repair(one, "found in the logs", "ana")
    ends_well_credited(desk, ada)


def test_usage_that_is_not_ours(desk: Desk, bo: User) -> None:
    ada = desk.world.register("ada", "pm_card_visa")
    desk.uses(ada, 36_000)
    report(desk, ada, 123, "another-program")
    one = desk.only(Kind.METERED_FOREIGN)
    assert one.off_cents == 123
    desk.repair(Kind.METERED_FOREIGN)
    ends_well_credited(desk, ada)


def ends_well_credited(desk: Desk, user: User) -> None:
    """The meter keeps its count, the balance makes up for it, and the invoice is right."""
    found = desk.find_accepting()
    assert found.ok, found.differences
    assert "credited" in found.accepted[0][1]
    agrees(desk.world, user)
    month_is_invoiced(desk.world, user)
    assert (desk.world.net_cents(user.id), desk.world.collected_cents()) == (0, sum_of_use(desk, user) - 1_000)
    assert desk.find_accepting().ok


def sum_of_use(desk: Desk, user: User) -> int:
    return (
        int(desk.world.rows("SELECT sum(cost_micros) FROM usage WHERE user_id = :user", user=user.id)[0][0]) // 10_000
    )


def test_test_usage_is_cancelled_within_a_day(desk: Desk, ada: User) -> None:
    desk.send_test_usage(ada)
    desk.only(Kind.METERED_TEST)
    desk.repair(Kind.METERED_TEST)
    ends_well(desk, ada)


def test_test_usage_of_yesterday_is_credited(desk: Desk, ada: User) -> None:
    desk.send_test_usage(ada)
    desk.world.advance(2 * 86_400)
    desk.world.drain()
    one = desk.only(Kind.METERED_FOREIGN)
    assert "test usage" in one.cause
    desk.repair(Kind.METERED_FOREIGN)
    assert desk.find_accepting().ok


def test_usage_stays_with_the_meter_it_came_to(desk: Desk, ada: User) -> None:
    (meter,) = desk.world.objects("billing.meter")
    desk.api.billing.meters.deactivate(meter["id"])
    desk.world.stripe.gateway().v1.billing.meters.create(
        {
            "display_name": "Another", "event_name": EVENT_NAME, "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
    )  # fmt: skip
    desk.uses(ada, 2_000)
    kinds = {one.kind for one in desk.find().differences}
    assert kinds == {Kind.PRICE_DIFFERS}, "what both meters counted is what was used"


def test_days_are_utc_days(desk: Desk, ada: User) -> None:
    now_ms = desk.world.now_ms()
    desk.world.advance((DAY_MS - now_ms % DAY_MS) // 1000 + 60)
    desk.uses(ada, 2_000)
    desk.is_clean()
    desk.world.sandbox._store.db.execute("UPDATE meter_events SET cancelled = 1 WHERE value = '2000'")
    assert desk.only(Kind.METER_LACKS).day == utc_day(now_ms + DAY_MS)


def test_fractions_of_cents_add_up_to_the_same(desk: Desk, ada: User) -> None:
    for shots in (1, 7, 13, 3, 1, 29):
        desk.world.usage.record(desk.world.user(ada.id), shots=shots, backend="simulator")
        desk.world.advance(40_000)
    desk.world.drain()
    desk.is_clean()
