"""Payments, refunds and disputes that one side lacks: found, named, mended, and gone."""

import pytest

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import (
    Account,
    EntryKind,
    JournalEntry,
    Posting,
    payment_fact,
    refund_fact,
)
from bioql_console.domain.users import User
from tests.money.test_invoices_and_links import month_is_invoiced
from tests.reconciliation.desks import Desk


def test_what_is_in_order_is_not_reported(desk: Desk, ada: User, bo: User) -> None:
    desk.pays(ada)
    desk.world.drain()
    found = desk.find()
    desk.is_clean()
    assert found.checked["payments"] == found.checked["entries"] == 1
    assert [(day.ledger_cents, day.stripe_cents) for day in found.days] == [(35_000, 35_000)]


@pytest.mark.parametrize("gone", [False, True], ids=["event kept", "event gone"])
def test_a_paid_link_whose_event_was_missed(desk: Desk, ada: User, gone: bool) -> None:
    payment = desk.pays(ada)
    if gone:
        desk.keep_no_events()
    else:
        desk.forget_events()
    one = desk.only(Kind.PAYMENT_MISSED)
    assert (one.stripe_id, one.user_id, one.ledger_cents, one.stripe_cents) == (payment, ada.id, None, 35_000)
    assert "event never reached" in one.cause
    desk.repair(Kind.PAYMENT_MISSED)
    desk.is_clean()
    (event,) = desk.world.rows("SELECT event_id FROM inbox WHERE object_id = :payment", payment=payment)[0]
    assert event.startswith("reconciled_" if gone else "evt_")
    assert desk.world.net_cents(ada.id) == 0
    month_is_invoiced(desk.world, ada)
    desk.is_clean()


def test_a_repair_done_twice_posts_once(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    desk.forget_events()
    one = desk.only(Kind.PAYMENT_MISSED)
    for _ in range(2):
        desk.repairs.repair(one, "once more", "ana")
    desk.world.drain()
    desk.is_clean()
    assert desk.world.cash_cents() == 35_000


def test_a_payment_whose_entry_was_lost_from_the_books(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    desk.world.drain()
    for table in ("journal_entries", "postings"):
        desk.sql(f"DROP TRIGGER {table}_no_delete")
    paid = "(SELECT id FROM journal_entries WHERE kind = 'payment')"
    desk.sql(f"DELETE FROM postings WHERE entry_id IN {paid}")
    desk.sql("DELETE FROM journal_entries WHERE kind = 'payment'")
    desk.sql("UPDATE balances SET receivable_micros = receivable_micros + 350000000")
    desk.only(Kind.PAYMENT_MISSED)
    desk.repair(Kind.PAYMENT_MISSED)
    desk.is_clean()


def test_an_invoice_that_was_collected_unheard(desk: Desk, ada: User) -> None:
    start = desk.world.objects("subscription")[0]["items"]["data"][0]["current_period_end"]
    desk.world.advance(start - desk.world.now_ms() // 1000)
    desk.world.drain()
    desk.world.advance(3_700)
    desk.forget_events()
    kinds = {one.kind for one in desk.find().differences}
    assert kinds == {Kind.PAYMENT_MISSED, Kind.INVOICE_DIFFERS}
    desk.repair(Kind.PAYMENT_MISSED)
    desk.is_clean()
    assert desk.world.cash_cents() == desk.world.collected_cents() == 35_000


def test_a_payment_taken_by_hand(desk: Desk, ada: User) -> None:
    payment = desk.by_hand(ada.stripe_customer_id)
    desk.forget_events()
    assert desk.only(Kind.PAYMENT_BY_HAND).stripe_id == payment
    desk.repair(Kind.PAYMENT_BY_HAND)
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 35_000 - 4_200
    month_is_invoiced(desk.world, ada)
    assert desk.world.net_cents(ada.id) == 0
    desk.is_clean()


def test_a_payment_that_is_not_ours_is_accepted_until_it_changes(desk: Desk, ada: User) -> None:
    payment = desk.by_hand(None)
    one = desk.only(Kind.PAYMENT_FOREIGN)
    with pytest.raises(OperatorError, match="can't mend"):
        desk.repairs.repair(one, "mend it", "ana")
    desk.repairs.accept(one, "the web shop", "ana")
    found = desk.find_accepting()
    assert (found.ok, found.accepted[0][1]) == (True, "the web shop (ana)")
    assert (found.total.off_cents, found.total.named_cents) == (4_200, 4_200)
    desk.api.refunds.create({"payment_intent": payment, "amount": 200})
    assert [one.stripe_cents for one in desk.find_accepting().differences] == [-200]


def test_a_payment_by_a_second_customer_of_the_same_person(desk: Desk, ada: User) -> None:
    second = desk.second_customer(ada, name="Ada again")
    payment = desk.by_hand(second)
    found = {one.kind: one for one in desk.find().differences}
    assert set(found) == {Kind.CUSTOMER_DUPLICATE, Kind.PAYMENT_OF_DUPLICATE}
    assert (found[Kind.PAYMENT_OF_DUPLICATE].stripe_id, found[Kind.PAYMENT_OF_DUPLICATE].user_id) == (payment, ada.id)
    desk.repair(Kind.PAYMENT_OF_DUPLICATE)
    assert desk.world.net_cents(ada.id) == 35_000 - 4_200
    with pytest.raises(OperatorError, match="is not empty"):
        desk.repair(Kind.CUSTOMER_DUPLICATE)
    desk.only(Kind.CUSTOMER_DUPLICATE)


def test_currencies_are_never_added_up(desk: Desk, ada: User) -> None:
    euros = {"amount": 777, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    desk.api.payment_intents.create(euros)
    made = desk.api.payment_intents.create({**euros, "customer": ada.stripe_customer_id})
    desk.api.refunds.create({"payment_intent": made.id, "amount": 77})
    one = desk.only(Kind.PAYMENT_CURRENCY)
    assert (one.stripe_id, one.user_id, one.stripe_cents) == (made.id, ada.id, None)
    assert one.cause == "Stripe collected 777 in the smallest unit of EUR."
    found = desk.find()
    assert (found.total.stripe_cents, found.checked["other_currency"]) == (0, 1)


def test_a_payment_that_nobody_made(desk: Desk, ada: User) -> None:
    post(desk, payment_fact("pi_of_another_account", ada.id, 10_000 * 10_000, desk.world.now_ms(), "?"))
    one = desk.only(Kind.PAYMENT_UNKNOWN)
    assert (one.ledger_cents, one.stripe_cents) == (10_000, None)
    assert "no such payment" in one.cause
    desk.repair(Kind.PAYMENT_UNKNOWN)
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 35_000


def test_a_payment_that_was_begun_but_not_collected(desk: Desk, ada: User) -> None:
    intent = desk.api.payment_intents.create({"amount": 500, "currency": "usd", "customer": ada.stripe_customer_id})
    post(desk, payment_fact(intent.id, ada.id, 500 * 10_000, desk.world.now_ms(), "?"))
    assert "requires_payment_method" in desk.only(Kind.PAYMENT_UNKNOWN).cause


def test_a_payment_of_another_amount(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    post(desk, payment_fact(payment, ada.id, 34_999 * 10_000, desk.world.now_ms(), "typed in"))
    desk.forget_events()
    one = desk.only(Kind.PAYMENT_AMOUNT)
    assert (one.ledger_cents, one.stripe_cents, one.off_cents) == (34_999, 35_000, 1)
    desk.repair(Kind.PAYMENT_AMOUNT)
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 0


def test_a_payment_posted_to_somebody_else(desk: Desk, ada: User, bo: User) -> None:
    payment = desk.pays(ada)
    post(desk, payment_fact(payment, bo.id, 35_000 * 10_000, desk.world.now_ms(), "typed in"))
    desk.forget_events()
    one = desk.only(Kind.PAYER_DIFFERS)
    assert (one.user_id, one.details["posted_to"]) == (ada.id, str(bo.id))
    customers = {each.user_id: each.off_cents for each in desk.find().customers}
    assert customers == {ada.id: 35_000, bo.id: -35_000}
    assert one.cause == "ada paid, but it was posted to bo."


def test_a_refund_made_in_stripes_dashboard_unheard(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    desk.world.control("refunds", payment_intent=payment, amount=5_000)
    desk.world.control("refunds", payment_intent=payment, amount=1_000)
    desk.keep_no_events()
    one = desk.only(Kind.REFUND_MISSED)
    assert (one.ledger_cents, one.stripe_cents) == (None, -6_000)
    desk.repair(Kind.REFUND_MISSED)
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 6_000


def test_a_refund_that_never_went_out(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    post(desk, refund_fact(f"{payment}:700", ada.id, 700 * 10_000, desk.world.now_ms(), "?"))
    one = desk.only(Kind.REFUND_NOT_MADE)
    assert (one.ledger_cents, one.stripe_cents) == (-700, None)
    desk.repair(Kind.REFUND_NOT_MADE)
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 0


def test_a_refund_that_the_bank_sent_back_unheard(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    refund = desk.world.control("refunds", payment_intent=payment, amount=5_000)
    desk.world.drain()
    desk.world.control("refund_fails", refund=refund["id"])
    desk.keep_no_events()
    one = desk.only(Kind.REFUND_FAILED)
    assert (one.ledger_cents, one.stripe_cents) == (-5_000, None)
    desk.repair(Kind.REFUND_FAILED)
    desk.is_clean()
    desk.world.control("refunds", payment_intent=payment, amount=5_000)
    desk.world.drain()
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 5_000


def test_a_payment_and_its_refund_were_both_missed(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.control("refunds", payment_intent=payment, amount=5_000)
    desk.keep_no_events()
    found = {one.kind: one for one in desk.find().differences}
    assert set(found) == {Kind.PAYMENT_MISSED, Kind.REFUND_MISSED}
    assert "mend that first" in found[Kind.REFUND_MISSED].cause
    with pytest.raises(OperatorError, match="not in our ledger yet"):
        desk.repairs.repair(found[Kind.REFUND_MISSED], "too early", "ana")
    desk.repair(Kind.PAYMENT_MISSED)
    if not desk.find().ok:
        desk.repair(Kind.REFUND_MISSED)
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 5_000


def test_an_entry_that_names_nothing_of_stripes(desk: Desk, ada: User) -> None:
    sides = (Posting(Account.STRIPE_CLEARING, 123_450_000), Posting(Account.ADJUSTMENTS, -123_450_000))
    entry = JournalEntry(EntryKind.ADJUSTMENT, "typed", "by hand", desk.world.now_ms(), sides)
    with desk.world.database.write() as work:
        work.ledger.post_entry(entry)
        work.commit()
    assert desk.only(Kind.CASH_UNKNOWN).ledger_cents == 12_345


def test_a_fraction_of_a_cent_is_never_hidden(desk: Desk, ada: User) -> None:
    post(desk, payment_fact("pi_of_dust", ada.id, 7, desk.world.now_ms(), "?"))
    assert desk.only(Kind.UNEXPLAINED).cause.endswith("no whole number of cents.")


def post(desk: Desk, fact: object) -> None:
    """As somebody with access to the database would."""
    with desk.world.database.write() as work:
        assert work.ledger.post(fact)  # type: ignore[arg-type]
        work.commit()
