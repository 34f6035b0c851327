"""Where the console could notice, the sandbox does as Stripe does."""

import uuid
from pathlib import Path
from typing import Any

import pytest
import stripe

from bioql_console.sandbox import Sandbox
from tests.sandbox.conftest import Running

CARD = {"card_number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "email": "j@uni.example"}


def session(running: Running, cents: int = 35_000, **more: Any) -> Any:
    price = {"currency": "usd", "unit_amount": cents, "product_data": {"name": "BioQL <b>usage</b>"}}
    params = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": "http://127.0.0.1:9/back?id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/cancel",
    }
    return running.api.checkout.sessions.create({**params, **more})


def refused(call: Any, *args: Any) -> Any:
    with pytest.raises(stripe.StripeError) as error:
        call(*args)
    return error.value


def test_keys_are_checked_and_never_repeated(running: Running) -> None:
    answer = running.raw.get("/v1/customers", headers={"Authorization": "Bearer sk_test_WrongKeyOfTests"}, auth=None)
    assert answer.status_code == 401
    assert "WrongKeyOfTests" not in answer.text
    assert running.raw.get("/v1/customers", auth=None).status_code == 401


def test_the_same_idempotency_key_gives_the_same_answer(running: Running) -> None:
    key = {"idempotency_key": uuid.uuid4().hex}
    first = running.api.customers.create({"name": "Ada"}, key)
    again = running.api.customers.create({"name": "Ada"}, key)
    assert first.id == again.id
    error = refused(running.api.customers.create, {"name": "Bob"}, key)
    assert isinstance(error, stripe.IdempotencyError)
    assert len(running.api.customers.list().data) == 1


def test_unknown_and_missing_parameters_are_named(running: Running) -> None:
    unknown = refused(running.api.customers.create, {"nickname": "A"})
    assert (unknown.code, unknown.param, unknown.http_status) == ("parameter_unknown", "nickname", 400)
    missing = refused(running.api.billing.meters.create, {"display_name": "x"})
    assert missing.code == "parameter_missing"
    nothing = refused(running.api.customers.retrieve, "cus_nobody")
    assert (nothing.code, nothing.http_status) == ("resource_missing", 404)
    assert running.raw.get("/v1/nonsense").status_code == 404


def test_lists_are_paged_newest_first(running: Running) -> None:
    made = [running.api.customers.create({"name": f"c{number}"}).id for number in range(25)]
    found = [one.id for one in running.api.customers.list({"limit": 10}).auto_paging_iter()]
    assert found == made[::-1]
    page = running.api.customers.list({"limit": 5, "ending_before": found[10]})
    assert [one.id for one in page.data] == found[5:10]
    assert page.has_more


def test_nothing_is_ever_live(running: Running) -> None:
    customer = running.api.customers.create({"name": "A"})
    made = session(running, customer=customer.id)
    running.raw.post(made.url, data=CARD)
    assert customer.livemode is False
    assert made.livemode is False
    assert all(event.livemode is False for event in running.api.events.list({"limit": 100}).data)


def test_paying_brings_session_payment_charge_and_events(running: Running) -> None:
    customer = running.api.customers.create({"name": "A"})
    data = {"metadata": {"bioql": "1"}}
    made = session(running, customer=customer.id, client_reference_id="ref", payment_intent_data=data)
    assert (made.status, made.payment_status, made.payment_intent) == ("open", "unpaid", None)
    answer = running.raw.post(made.url, data=CARD)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://127.0.0.1:9/back?id={made.id}"
    done = running.api.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent.latest_charge", "line_items"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    intent = done.payment_intent
    assert (intent.status, intent.amount_received, intent.metadata["bioql"]) == ("succeeded", 35_000, "1")
    assert intent.latest_charge.paid
    assert done.line_items.data[0].amount_total == 35_000
    kinds = [event.type for event in running.api.events.list({"limit": 100}).data]
    order = ["checkout.session.completed", "payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]
    assert kinds[:4] == order
    assert "paid" in running.raw.get(made.url).text
    assert running.raw.post(made.url, data=CARD).status_code == 409


def test_the_page_escapes_what_it_shows(running: Running) -> None:
    page = running.raw.get(session(running).url)
    assert "<b>usage</b>" not in page.text
    assert "&lt;b&gt;usage&lt;/b&gt;" in page.text
    assert "$350.00" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("4000 0000 0000 0002", "declined"),
        ("4000000000009995", "insufficient funds"),
        ("4000000000000069", "expired"),
        ("1234", "incorrect"),
        ("", "incorrect"),
    ],
)
def test_cards_that_are_refused_say_why(running: Running, number: str, words: str) -> None:
    made = session(running)
    answer = running.raw.post(made.url, data={**CARD, "card_number": number})
    assert answer.status_code == 402
    assert words in answer.text
    assert running.api.checkout.sessions.retrieve(made.id).status == "open"


def test_a_bank_that_asks_may_be_refused_and_confirmed(running: Running) -> None:
    made = session(running)
    card = {**CARD, "card_number": "4000 0025 0000 3155"}
    asks = running.raw.post(made.url, data=card)
    assert asks.status_code == 200
    assert "confirm" in asks.text.lower()
    assert running.raw.post(made.url, data={**card, "challenge": "refused"}).status_code == 402
    assert running.raw.post(made.url, data={**card, "challenge": "confirmed"}).status_code == 303


@pytest.mark.parametrize(("cents", "code"), [(49, "amount_too_small"), (100_000_000, None)])
def test_amounts_out_of_bounds_are_refused(running: Running, cents: int, code: str | None) -> None:
    error = refused(session, running, cents)
    assert error.http_status == 400
    assert code is None or error.code == code


def test_sessions_expire_by_call_and_by_clock(running: Running) -> None:
    first, second = session(running), session(running)
    running.api.checkout.sessions.expire(first.id)
    assert "expired" in running.raw.get(first.url).text
    assert refused(running.api.checkout.sessions.expire, first.id).http_status == 400
    running.control("clock", advance_s=24 * 3_600 + 1)
    assert running.api.checkout.sessions.retrieve(second.id).status == "expired"
    kinds = [event.type for event in running.api.events.list({"types": ["checkout.session.expired"]}).data]
    assert len(kinds) == 2


def test_refunds_in_parts_never_exceed_the_payment(running: Running) -> None:
    made = session(running)
    running.raw.post(made.url, data=CARD)
    intent = running.api.checkout.sessions.retrieve(made.id).payment_intent
    running.api.refunds.create({"payment_intent": intent, "amount": 10_000})
    assert refused(running.api.refunds.create, {"payment_intent": intent, "amount": 25_001}).param == "amount"
    running.control("refunds", payment_intent=intent)
    again = refused(running.api.refunds.create, {"payment_intent": intent})
    assert again.code == "charge_already_refunded"
    charge = running.api.charges.list({"payment_intent": intent}).data[0]
    assert (charge.amount_refunded, charge.refunded) == (35_000, True)


def test_disputes_are_opened_and_lost(running: Running) -> None:
    made = session(running)
    running.raw.post(made.url, data=CARD)
    intent = running.api.checkout.sessions.retrieve(made.id).payment_intent
    dispute = running.control("disputes", payment_intent=intent)
    assert running.api.disputes.close(dispute["id"]).status == "lost"
    kinds = {event.type for event in running.api.events.list({"limit": 100}).data}
    assert {"charge.dispute.created", "charge.dispute.closed"} <= kinds


def test_payment_methods_attach_refuse_and_fail(running: Running) -> None:
    customer = running.api.customers.create({"name": "A"}).id
    attached = running.api.payment_methods.attach("pm_card_visa", {"customer": customer})
    assert attached.customer == customer
    declined = refused(running.api.payment_methods.attach, "pm_card_visa_chargeDeclined", {"customer": customer})
    assert isinstance(declined, stripe.CardError)
    failing = running.api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    params = {"amount": 500, "currency": "usd", "customer": customer, "payment_method": failing.id, "confirm": True}
    failed = refused(running.api.payment_intents.create, params)
    assert failed.code == "card_declined"
    assert failed.error.payment_intent.status == "requires_payment_method"


def test_usage_is_counted_once_per_identifier(running: Running) -> None:
    meter = running.api.billing.meters.create(
        {
            "display_name": "Shots",
            "event_name": "quantum_shot",
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
    )
    customer = running.api.customers.create({"name": "A"}).id
    now = running.raw.get("/_sandbox/clock").json()["now"]

    def use(identifier: str, value: str, at: int = now) -> Any:
        payload = {"stripe_customer_id": customer, "value": value}
        event = {"event_name": "quantum_shot", "identifier": identifier, "timestamp": at, "payload": payload}
        return running.api.billing.meter_events.create(event)

    use("a", "7")
    use("b", "5")
    assert "already exists" in str(refused(use, "a", "7"))
    for wrong in (("c", "7", now - 40 * 86_400), ("c", "7", now + 3_600), ("c", "many", now)):
        assert refused(use, *wrong).http_status == 400
    running.api.billing.meter_event_adjustments.create(
        {"event_name": "quantum_shot", "type": "cancel", "cancel": {"identifier": "b"}}
    )
    span = {"customer": customer, "start_time": now // 60 * 60 - 60, "end_time": now // 60 * 60 + 120}
    found = running.api.billing.meters.event_summaries.list(meter.id, span).data
    assert [one.aggregated_value for one in found] == [7]
    second = refused(
        running.api.billing.meters.create,
        {"display_name": "x", "event_name": "quantum_shot", "default_aggregation": {"formula": "sum"}},
    )
    assert second.param == "event_name"


def test_faults_are_what_was_asked_for(running: Running) -> None:
    for status in (429, 500):
        running.control("faults", status=status, path="/v1/customers", count=1)
        assert running.raw.get("/v1/customers").status_code == status
        assert running.raw.get("/v1/customers").status_code == 200


def test_another_host_name_is_refused(running: Running) -> None:
    assert running.raw.get("/v1/customers", headers={"Host": "evil.example"}).status_code == 403


def test_state_and_keys_survive_a_restart(tmp_path: Path) -> None:
    first = Sandbox(tmp_path / "stripe.db")
    keys = first.secret_key, first.webhook_secret
    first.put_many([{"id": "cus_kept", "object": "customer", "name": "Kept"}])
    first.close()
    again = Sandbox(tmp_path / "stripe.db")
    assert (again.secret_key, again.webhook_secret) == keys
    found = again._store.get("customer", "cus_kept")
    assert found is not None
    assert found["name"] == "Kept"
    assert (tmp_path / "stripe.db").stat().st_mode & 0o077 == 0
    again.close()
