"""Customers, subscriptions and invoices that one side lacks, or has differently."""

import pytest

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.users import User
from tests.money.test_invoices_and_links import month_is_invoiced
from tests.reconciliation.desks import Desk


def test_a_second_empty_customer_is_deleted(desk: Desk, ada: User) -> None:
    second = desk.second_customer(ada)
    one = desk.only(Kind.CUSTOMER_DUPLICATE)
    assert (one.stripe_id, one.user_id) == (second, ada.id)
    desk.repair(Kind.CUSTOMER_DUPLICATE)
    desk.is_clean()
    assert desk.world.user(ada.id).stripe_customer_id == ada.stripe_customer_id


def test_a_second_customer_with_a_card_stays(desk: Desk, ada: User) -> None:
    second = desk.second_customer(ada, payment_method="pm_card_visa")
    with pytest.raises(OperatorError, match="is not empty"):
        desk.repair(Kind.CUSTOMER_DUPLICATE)
    assert not desk.api.customers.retrieve(second).to_dict().get("deleted")


def test_a_second_customer_that_another_program_made_is_never_touched(desk: Desk, ada: User) -> None:
    desk.api.customers.create({"email": ada.email.upper()})
    one = desk.only(Kind.CUSTOMER_DUPLICATE)
    assert not one.can_be_repaired
    assert "If another product uses it, accept it" in one.repair_words


def test_a_customer_that_was_made_but_never_stored(desk: Desk) -> None:
    user = desk.world.registration.register("eva", "eva@uni.example", None, create_stripe_account=False).user
    made = desk.world.stripe.gateway().create_customer("eva", user.email, "bioql-reference-of-eva", "made-once")
    desk.uses(user, 20_000)
    found = {one.kind: one for one in desk.find().differences}
    assert set(found) == {Kind.CUSTOMER_UNLINKED, Kind.CUSTOMER_MISSING}
    desk.repair(Kind.CUSTOMER_UNLINKED)
    desk.is_clean()
    assert desk.world.user(user.id).stripe_customer_id == made
    metered = "SELECT sum(CAST(value AS INTEGER)) FROM meter_events WHERE customer = ? AND cancelled = 0"
    counted = desk.world.sandbox._store.db.execute(metered, (made,)).fetchone()[0]
    assert counted == 20_000, "the earlier run was metered"


def test_a_customer_of_a_registration_that_failed(desk: Desk) -> None:
    desk.world.stripe.gateway().create_customer("eva", "eva@uni.example", "bioql-reference-of-eva", "made-once")
    one = desk.only(Kind.CUSTOMER_UNLINKED)
    assert not one.can_be_repaired
    assert "Register the user" in one.repair_words


def test_who_owes_and_has_no_customer_gets_one(desk: Desk) -> None:
    user = desk.world.registration.register("eva", "eva@uni.example", None, create_stripe_account=False).user
    desk.is_clean()
    desk.uses(user, 20_000)
    assert desk.only(Kind.CUSTOMER_MISSING).ledger_cents == 19_000
    desk.repair(Kind.CUSTOMER_MISSING)
    desk.is_clean()


def test_a_customer_that_was_deleted_at_stripe(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    desk.world.drain()
    desk.api.customers.delete(ada.stripe_customer_id)
    desk.forget_events()
    assert {one.kind for one in desk.find().differences} == {Kind.CUSTOMER_DELETED, Kind.SUBSCRIPTION_ENDED}
    desk.repair(Kind.SUBSCRIPTION_ENDED, Kind.CUSTOMER_DELETED)
    desk.is_clean()
    again = desk.world.user(ada.id)
    assert again.stripe_customer_id != ada.stripe_customer_id
    desk.uses(again, 10_000)
    desk.pays(again)
    desk.world.drain()
    desk.is_clean()


def test_a_customer_of_another_account(desk: Desk, bo: User) -> None:
    with desk.world.database.write() as work:
        work.users.set_customer(bo.id, "cus_of_another_account", None)
        work.commit()
    kinds = {one.kind for one in desk.find().differences}
    assert kinds >= {Kind.CUSTOMER_DUPLICATE, Kind.CUSTOMER_UNKNOWN}
    desk.repair(Kind.CUSTOMER_UNKNOWN)
    desk.is_clean()
    assert desk.world.user(bo.id).stripe_customer_id == bo.stripe_customer_id, "the same one was found again"


def test_a_subscription_begun_at_stripe_unheard(desk: Desk, bo: User) -> None:
    desk.api.customers.update(
        bo.stripe_customer_id,
        {"invoice_settings": {"default_payment_method": _card(desk, bo)}},
    )
    price = desk.world.objects("price")[0]["id"]
    made = desk.api.subscriptions.create({"customer": bo.stripe_customer_id, "items": [{"price": price}]}).id
    desk.keep_no_events()
    assert desk.only(Kind.SUBSCRIPTION_MISSED).stripe_id == made
    desk.repair(Kind.SUBSCRIPTION_MISSED)
    desk.is_clean()
    assert desk.world.user(bo.id).stripe_subscription_id == made


def _card(desk: Desk, user: User) -> str:
    return str(desk.api.payment_methods.attach("pm_card_visa", {"customer": user.stripe_customer_id}).id)


def test_a_subscription_cancelled_at_stripe_unheard(desk: Desk, ada: User) -> None:
    desk.api.subscriptions.cancel(ada.stripe_subscription_id)
    desk.forget_events()
    assert Kind.SUBSCRIPTION_ENDED in {one.kind for one in desk.find().differences}
    desk.repair(Kind.SUBSCRIPTION_ENDED)
    assert Kind.SUBSCRIPTION_ENDED not in {one.kind for one in desk.find().differences}
    assert desk.world.user(ada.id).stripe_subscription_id is None


def test_a_second_subscription_would_invoice_twice(desk: Desk, ada: User) -> None:
    price = desk.world.objects("price")[0]["id"]
    made = desk.api.subscriptions.create({"customer": ada.stripe_customer_id, "items": [{"price": price}]}).id
    desk.world.drain()
    one = next(one for one in desk.find().differences if one.kind is Kind.SUBSCRIPTION_SECOND)
    assert one.stripe_id == made
    assert "Cancel one of the two" in one.repair_words


def test_a_price_that_is_not_a_cent_a_unit(desk: Desk, ada: User) -> None:
    (price,) = desk.world.objects("price")
    desk.world.sandbox._store.put({**price, "unit_amount": 3, "unit_amount_decimal": "3"})
    one = desk.only(Kind.PRICE_DIFFERS)
    assert "not 1" in one.cause
    assert "Meter page" in one.repair_words


def test_an_invoice_made_by_hand_unheard(desk: Desk, ada: User) -> None:
    wanted = {"customer": ada.stripe_customer_id, "collection_method": "send_invoice", "days_until_due": 30}
    invoice = desk.api.invoices.create(wanted).id
    item = {"customer": ada.stripe_customer_id, "invoice": invoice, "amount": 2_900, "currency": "usd"}
    desk.api.invoice_items.create(item)
    desk.api.invoices.finalize_invoice(invoice)
    desk.keep_no_events()
    one = desk.only(Kind.INVOICE_MISSED)
    assert (one.stripe_id, one.ledger_cents, one.stripe_cents) == (invoice, None, 1_900)
    assert "by hand" in one.cause
    desk.repair(Kind.INVOICE_MISSED)
    desk.is_clean()


def test_an_invoice_voided_at_stripe_unheard(desk: Desk, ada: User) -> None:
    bo = desk.world.register("cy", "pm_card_chargeCustomerFail")
    desk.uses(bo, 30_000)
    month_is_invoiced(desk.world, bo)
    (invoice,) = [one for one in desk.world.objects("invoice", status="open") if one["amount_remaining"]]
    desk.api.invoices.void_invoice(invoice["id"])
    desk.forget_events()
    one = desk.only(Kind.INVOICE_DIFFERS)
    assert one.cause.startswith("Here it is open, at Stripe void")
    desk.repair(Kind.INVOICE_DIFFERS)
    desk.is_clean()
    with desk.world.database.read() as work:
        known = work.invoices.get(invoice["id"])
    assert known is not None
    assert known.state is InvoiceState.VOID


def test_an_invoice_that_stripe_does_not_have(desk: Desk, ada: User) -> None:
    month_is_invoiced(desk.world, ada)
    columns = "user_id, number, reason, total_cents, due_cents, paid_cents, created_ms, period_start_ms, period_end_ms"
    desk.sql(
        f"INSERT INTO invoices (invoice_id, state, source, subscription, url, {columns})"
        f" SELECT 'in_of_another_account', 'open', source, '', '', {columns} FROM invoices WHERE paid_cents > 0"
    )
    one = desk.only(Kind.INVOICE_UNKNOWN)
    assert (one.stripe_id, one.stripe_cents, one.can_be_repaired) == ("in_of_another_account", None, False)
