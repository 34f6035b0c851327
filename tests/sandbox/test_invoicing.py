"""Metered subscriptions, thresholds, invoices and their collection, as Stripe does them."""

from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Running

HOUR, DAY = 3_600, 86_400


class Metered:
    """A customer whose usage is metered at one cent a unit."""

    def __init__(self, running: Running, card: str = "pm_card_visa", **subscription: Any) -> None:
        self.running, self.api = running, running.api
        meter = self.api.billing.meters.create(
            {"display_name": "Shots", "event_name": "quantum_shot", "default_aggregation": {"formula": "sum"}}
        )
        recurring = {"interval": "month", "usage_type": "metered", "meter": meter.id}
        price = {"currency": "usd", "unit_amount": 1, "recurring": recurring, "product_data": {"name": "BioQL"}}
        self.price = self.api.prices.create(price).id
        self.id = self.api.customers.create({"name": "Ada", "email": "ada@uni.example"}).id
        method = self.api.payment_methods.attach(card, {"customer": self.id}).id
        self.api.customers.update(self.id, {"invoice_settings": {"default_payment_method": method}})
        asked = {"customer": self.id, "items": [{"price": self.price}], **subscription}
        self.subscription = self.api.subscriptions.create(asked).id

    def uses(self, cents: int, **more: Any) -> None:
        payload = {"stripe_customer_id": self.id, "value": str(cents)}
        self.api.billing.meter_events.create({"event_name": "quantum_shot", "payload": payload, **more})

    def later(self, seconds: int) -> None:
        self.running.control("clock", advance_s=seconds)

    def month_ends(self) -> None:
        item = self.api.subscriptions.retrieve(self.subscription)["items"].data[0]
        self.later(item.current_period_end - self.running.control_get("clock")["now"])

    def month_is_invoiced(self) -> None:
        self.month_ends()
        self.later(HOUR)

    def credit(self, cents: int) -> None:
        self.api.customers.balance_transactions.create(self.id, {"amount": -cents, "currency": "usd"})

    @property
    def balance(self) -> int:
        return int(self.api.customers.retrieve(self.id).balance)

    def invoices(self) -> list[Any]:
        """Newest first, without the empty one that every subscription begins with."""
        found = self.api.invoices.list({"customer": self.id}).data
        return [each for each in found if each.billing_reason != "subscription_create"]

    def collected(self) -> int:
        return sum(charge.amount_captured for charge in self.api.charges.list({"customer": self.id}).data)


THRESHOLD = {"billing_thresholds": {"amount_gte": 300_000}}


def test_a_month_of_usage_is_invoiced_and_collected(running: Running) -> None:
    ada = Metered(running)
    ada.uses(12_345)
    ada.month_is_invoiced()
    (invoice,) = ada.invoices()
    assert (invoice.billing_reason, invoice.status, invoice.amount_paid) == ("subscription_cycle", "paid", 12_345)
    assert invoice.lines.data[0].quantity == 12_345
    assert ada.collected() == 12_345


def test_the_threshold_makes_an_invoice_before_the_month_ends(running: Running) -> None:
    ada = Metered(running, **THRESHOLD)
    ada.uses(299_999)
    ada.later(60)
    assert ada.invoices() == []
    ada.uses(1)
    ada.later(60)
    (draft,) = ada.invoices()
    assert (draft.billing_reason, draft.status) == ("subscription_threshold", "draft")
    assert draft.threshold_reason.amount_gte == 300_000
    ada.later(HOUR)
    assert [(each.status, each.amount_paid) for each in ada.invoices()] == [("paid", 300_000)]


def test_what_a_threshold_invoice_billed_the_months_own_does_not(running: Running) -> None:
    ada = Metered(running, **THRESHOLD)
    ada.uses(310_000)
    ada.later(2 * HOUR)
    ada.uses(5_000)
    ada.month_is_invoiced()
    assert [each.amount_paid for each in ada.invoices()] == [5_000, 310_000]
    assert ada.collected() == 315_000


def test_usage_on_its_way_joins_the_draft(running: Running) -> None:
    ada = Metered(running)
    used_at = running.control_get("clock")["now"] + 60
    ada.month_ends()
    ada.uses(777, timestamp=used_at)
    ada.later(2 * HOUR)
    assert [each.total for each in ada.invoices()] == [777]


def test_credit_is_used_before_the_card(running: Running) -> None:
    ada = Metered(running)
    ada.credit(35_000)
    ada.uses(36_000)
    ada.month_is_invoiced()
    (invoice,) = ada.invoices()
    assert (invoice.total, invoice.amount_due, invoice.amount_paid) == (36_000, 1_000, 1_000)
    assert (invoice.starting_balance, invoice.ending_balance, ada.balance) == (-35_000, 0, 0)


def test_credit_that_covers_everything_leaves_nothing_to_collect(running: Running) -> None:
    ada = Metered(running)
    ada.credit(50_000)
    ada.uses(36_000)
    ada.month_is_invoiced()
    assert [(each.status, each.amount_paid) for each in ada.invoices()] == [("paid", 0)]
    assert (ada.collected(), ada.balance) == (0, -14_000)


def test_too_little_to_charge_goes_on_the_next_invoice(running: Running) -> None:
    ada = Metered(running)
    ada.uses(49)
    ada.month_is_invoiced()
    assert [(each.status, each.amount_due) for each in ada.invoices()] == [("paid", 0)]
    assert ada.balance == 49
    ada.uses(100)
    ada.month_is_invoiced()
    assert ada.collected() == 149


def test_a_card_that_fails_is_tried_again_and_then_left_open(running: Running) -> None:
    ada = Metered(running, card="pm_card_chargeCustomerFail")
    ada.uses(10_000)
    ada.month_is_invoiced()
    (invoice,) = ada.invoices()
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    assert ada.api.subscriptions.retrieve(ada.subscription).status == "past_due"
    ada.later(20 * DAY)
    (invoice,) = ada.invoices()
    assert (invoice.status, invoice.attempt_count, invoice.next_payment_attempt) == ("open", 4, None)
    good = ada.api.payment_methods.attach("pm_card_visa", {"customer": ada.id}).id
    ada.api.invoices.pay(invoice.id, {"payment_method": good})
    assert ada.api.subscriptions.retrieve(ada.subscription).status == "active"
    assert ada.collected() == 10_000


def test_a_credit_note_lowers_what_an_open_invoice_asks_for(running: Running) -> None:
    ada = Metered(running, card="pm_card_chargeCustomerFail")
    ada.uses(10_000)
    ada.month_is_invoiced()
    (invoice,) = ada.invoices()
    note = ada.api.credit_notes.create({"invoice": invoice.id, "amount": 4_000})
    assert ada.api.invoices.retrieve(invoice.id).amount_remaining == 6_000
    ada.api.credit_notes.void_credit_note(note.id)
    assert ada.api.invoices.retrieve(invoice.id).amount_remaining == 10_000
    ada.api.credit_notes.create({"invoice": invoice.id, "amount": 10_000})
    assert ada.api.invoices.retrieve(invoice.id).status == "paid"
    assert ada.collected() == 0
    with pytest.raises(stripe.InvalidRequestError, match="more than what was invoiced"):
        ada.api.credit_notes.create({"invoice": invoice.id, "amount": 1})


def test_a_void_invoice_gives_the_credit_back(running: Running) -> None:
    ada = Metered(running, card="pm_card_chargeCustomerFail")
    ada.credit(3_000)
    ada.uses(10_000)
    ada.month_is_invoiced()
    (invoice,) = ada.invoices()
    assert ada.balance == 0
    ada.api.invoices.void_invoice(invoice.id)
    assert ada.balance == -3_000
    with pytest.raises(stripe.InvalidRequestError, match="void"):
        ada.api.invoices.pay(invoice.id)


def test_a_new_anchor_invoices_at_once(running: Running) -> None:
    ada = Metered(running)
    ada.uses(300_000)
    ada.later(60)
    ada.api.subscriptions.update(ada.subscription, {"billing_cycle_anchor": {"type": "now"}})
    assert [(each.billing_reason, each.status) for each in ada.invoices()] == [("subscription_update", "paid")]
    assert ada.collected() == 300_000


def test_an_invoice_of_our_own(running: Running) -> None:
    api = running.api
    customer = api.customers.create({"name": "Bo"}).id
    api.invoice_items.create({"customer": customer, "amount": 300_000, "currency": "usd", "description": "Usage"})
    asked = {"collection_method": "send_invoice", "days_until_due": 30, "pending_invoice_items_behavior": "include"}
    invoice = api.invoices.finalize_invoice(api.invoices.create({"customer": customer, **asked}).id)
    assert (invoice.status, invoice.amount_due, invoice.number[-4:]) == ("open", 300_000, "0001")
    paid = api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert (paid.status, paid.amount_paid, paid.amount_paid_off_stripe) == ("paid", 300_000, 300_000)


def test_an_account_without_thresholds_refuses_them(running: Running) -> None:
    running.control("thresholds", offered=False)
    with pytest.raises(stripe.InvalidRequestError, match="billing_thresholds") as refused:
        Metered(running, **THRESHOLD)
    assert refused.value.param == "billing_thresholds"


def test_charging_automatically_needs_a_card(running: Running) -> None:
    ada = Metered(running)
    bo = running.api.customers.create({"name": "Bo"}).id
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        running.api.subscriptions.create({"customer": bo, "items": [{"price": ada.price}]})


def test_a_cancelled_subscription_bills_nothing_more(running: Running) -> None:
    ada = Metered(running)
    ada.uses(10_000)
    ada.api.subscriptions.cancel(ada.subscription, {"invoice_now": True})
    ada.uses(5_000)
    ada.later(40 * DAY)
    assert ada.collected() == 10_000


def test_the_payment_behind_an_invoice_can_be_found(running: Running) -> None:
    ada = Metered(running)
    ada.uses(10_000)
    ada.month_is_invoiced()
    (invoice,) = ada.invoices()
    (payment,) = ada.api.invoice_payments.list({"invoice": invoice.id}).data
    intent = ada.api.payment_intents.retrieve(payment.payment.payment_intent)
    assert (payment.status, payment.amount_paid, intent.status) == ("paid", 10_000, "succeeded")
    types = running.event_types()
    assert [name for name in types if name.startswith("invoice")][-5:] == [
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
    ]
