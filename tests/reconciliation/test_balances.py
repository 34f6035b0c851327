"""Stripe's balance of a customer: never told, told twice, told otherwise, changed by hand."""

import pytest

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.users import User
from tests.money.test_invoices_and_links import agrees, month_is_invoiced
from tests.reconciliation.desks import Desk


@pytest.fixture
def paid(desk: Desk, ada: User) -> User:
    """Ada paid by link, and Stripe was told."""
    desk.pays(ada)
    desk.world.drain()
    desk.is_clean()
    return ada


def entry(desk: Desk, user: User, cents: int, key: str = "") -> str:
    """An entry in the Stripe balance, as another program would make it; negative cents are credit."""
    more = {"metadata": {"bioql_key": key}} if key else {"description": "goodwill"}
    made = desk.api.customers.balance_transactions.create(
        user.stripe_customer_id, {"amount": cents, "currency": "usd", **more}
    )
    return str(made.id)


def credit_key(desk: Desk) -> str:
    (key,) = desk.world.rows("SELECT key FROM outbox WHERE key LIKE 'credit-pi_%'")[0]
    return str(key)


def ends_well(desk: Desk, user: User) -> None:
    """Nothing differs, and a month later Stripe collected what was owed, no cent more or less."""
    desk.is_clean()
    agrees(desk.world, user)
    month_is_invoiced(desk.world, user)
    assert desk.world.net_cents(user.id) == 0
    desk.is_clean()


def test_a_payment_that_stripe_was_never_told_of(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    desk.world.deliver(desk.world.pending_events())
    desk.sql("UPDATE outbox SET state = 'sent', sent_ms = occurred_ms WHERE state = 'waiting'")
    one = desk.only(Kind.BALANCE_NOT_TOLD)
    assert (one.stripe_id, one.ledger_cents, one.stripe_cents) == (credit_key(desk), 35_000, None)
    desk.repair(Kind.BALANCE_NOT_TOLD)
    ends_well(desk, ada)


def test_a_credit_that_stripe_refused(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    desk.world.deliver(desk.world.pending_events())
    desk.sql("UPDATE outbox SET state = 'refused', error = 'No such customer' WHERE state = 'waiting'")
    assert "No such customer" in desk.only(Kind.BALANCE_NOT_TOLD).cause
    desk.repair(Kind.BALANCE_NOT_TOLD)
    ends_well(desk, ada)


def test_a_credit_that_still_waits_is_on_its_way_and_later_stuck(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    desk.world.deliver(desk.world.pending_events())
    found = desk.find()
    assert found.ok
    assert [each.why for each in found.on_its_way] == ["It waits in the outbox."]
    desk.world.advance(7_200)
    one = desk.only(Kind.BALANCE_NOT_TOLD)
    assert not one.can_be_repaired


def test_a_credit_told_twice(desk: Desk, paid: User) -> None:
    entry(desk, paid, -35_000, credit_key(desk))
    one = desk.only(Kind.BALANCE_TOLD_TWICE)
    assert (one.ledger_cents, one.stripe_cents) == (35_000, 70_000)
    desk.repair(Kind.BALANCE_TOLD_TWICE)
    ends_well(desk, paid)


def test_a_credit_of_another_amount(desk: Desk, paid: User) -> None:
    entry(desk, paid, 5_000, credit_key(desk))
    assert desk.only(Kind.BALANCE_AMOUNT).stripe_cents == 30_000
    desk.repair(Kind.BALANCE_AMOUNT)
    ends_well(desk, paid)


@pytest.mark.parametrize("cents", [-777, 777])
def test_a_balance_changed_by_hand(desk: Desk, paid: User, cents: int) -> None:
    made = entry(desk, paid, cents)
    one = desk.only(Kind.BALANCE_BY_HAND)
    assert (one.stripe_id, one.stripe_cents) == (made, -cents)
    assert "It says: goodwill." in one.cause
    for _ in range(2):
        desk.repairs.repair(one, "nobody agreed to it", "ana")
    ends_well(desk, paid)


def test_an_entry_with_a_key_of_other_books(desk: Desk, paid: User) -> None:
    entry(desk, paid, -100, "credit-pi_of_other_books")
    one = desk.only(Kind.BALANCE_BY_HAND)
    assert "these books don't know" in one.cause
    desk.repair(Kind.BALANCE_BY_HAND)
    ends_well(desk, paid)
