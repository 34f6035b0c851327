"""From a payment link to the money, or to the reason why there is none."""

from typing import Any

import pytest

from tests.sandbox.conftest import Running
from tests.sandbox.pages import console_session, opened
from tests.sandbox.receivers import Receiver
from tests.sandbox.test_like_stripe import refused
from tests.waiting import wait_until

PAY = "Pay $350.00"
GOOD, DECLINED, ASKS = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0025 0000 3155"
TYPED = {"exp": "12 / 34", "cvc": "123", "email": "ada@uni.example"}
BY_DEBIT, BY_BOUNCING_DEBIT = "Pay by bank debit", "Pay by bank debit that bounces"


def intent_of(running: Running, session: Any) -> Any:
    return running.api.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]}).payment_intent


def test_a_customer_pays_and_the_webhooks_tell_it(running: Running, receiver: Receiver) -> None:
    running.sandbox.set_webhook_url(receiver.url)
    customer = running.api.customers.create({"name": "Ada", "email": "ada@uni.example"})
    session = console_session(running, customer=customer.id)
    page = opened(running, session.url)
    assert page.status == 200
    assert "$350.00" in page.words
    assert "BioQL Quantum Computing Usage" in page.words
    assert page.links["Cancel and go back"] == session.cancel_url
    assert page.fields == {"email": "ada@uni.example", "card_number": "", "exp": "", "cvc": ""}

    paid = page.press(PAY, card_number=GOOD, exp="12 / 34", cvc="123")
    assert paid.status == 303
    assert paid.target == f"http://127.0.0.1:9/?payment=success&session={session.id}"

    wait_until(lambda: "checkout.session.completed" in [each["type"] for each in verified(running, receiver)])
    told = {each["type"]: each["data"]["object"] for each in verified(running, receiver)}
    done = told["checkout.session.completed"]
    assert (done["status"], done["payment_status"], done["amount_total"]) == ("complete", "paid", 35_000)
    assert (done["customer"], done["client_reference_id"]) == (customer.id, "link-1")
    wait_until(lambda: len(verified(running, receiver)) == len(running.event_types()))
    intent, charge = intent_of(running, session), running.api.charges.list({"customer": customer.id}).data[0]
    assert (intent.status, intent.latest_charge, intent.metadata["bioql_user"]) == ("succeeded", charge.id, "7")
    assert (charge.paid, charge.amount, charge.payment_intent) == (True, 35_000, intent.id)


def verified(running: Running, receiver: Receiver) -> list[Any]:
    return receiver.verified(running.sandbox.webhook_secret)


def test_a_declined_card_leaves_the_page_open_for_another(running: Running) -> None:
    session = console_session(running)
    declined = opened(running, session.url).press(PAY, card_number=DECLINED, **TYPED)
    assert declined.status == 402
    assert "Your card was declined." in declined.words
    assert declined.fields["email"] == "ada@uni.example"
    assert declined.fields["card_number"] == ""
    tried = intent_of(running, session)
    assert (tried.status, tried.last_payment_error.code) == ("requires_payment_method", "card_declined")

    assert declined.press(PAY, card_number=GOOD).status == 303
    paid = intent_of(running, session)
    assert (paid.id, paid.status, paid.last_payment_error) == (tried.id, "succeeded", None)
    charges = running.api.charges.list({"payment_intent": paid.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]
    assert running.event_types()[-6:] == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_a_bank_asks_once_more_and_the_holder_decides(running: Running) -> None:
    session = console_session(running)
    question = opened(running, session.url).press(PAY, card_number=ASKS, **TYPED)
    assert "Your bank asks you to confirm" in question.words
    assert intent_of(running, session).status == "requires_action"
    refused_page = question.press("Refuse")
    assert refused_page.status == 402
    assert "unable to authenticate" in refused_page.words
    assert running.api.checkout.sessions.retrieve(session.id).status == "open"
    again = refused_page.press(PAY, card_number=ASKS)
    assert again.press("Confirm payment").status == 303
    assert intent_of(running, session).status == "succeeded"
    assert "payment_intent.requires_action" in running.event_types()


@pytest.mark.parametrize(
    ("button", "payment_status", "intent_status", "event", "words"),
    [
        (BY_DEBIT, "paid", "succeeded", "checkout.session.async_payment_succeeded", "Already paid"),
        (
            BY_BOUNCING_DEBIT,
            "unpaid",
            "requires_payment_method",
            "checkout.session.async_payment_failed",
            "sent the debit back",
        ),
    ],
)
def test_a_bank_debit_is_decided_later(
    running: Running, button: str, payment_status: str, intent_status: str, event: str, words: str
) -> None:
    session = console_session(running)
    assert opened(running, session.url).press(button, email="ada@uni.example").status == 303
    done = running.api.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status) == ("complete", "unpaid")
    assert intent_of(running, session).status == "processing"
    assert "on its way" in opened(running, session.url).words
    assert running.event_types()[-1] == "checkout.session.completed"

    began = running.control_get("clock")["now"]
    running.control("clock", advance_s=86_400)
    settled = running.api.checkout.sessions.retrieve(session.id)
    assert (settled.status, settled.payment_status) == ("complete", payment_status)
    assert intent_of(running, session).status == intent_status
    assert words in opened(running, session.url).words
    last = running.events()[-1]
    assert last["type"] == event
    assert began < last["created"] < began + 86_400, "it happened when it was due, not when the clock was looked at"


def test_time_closes_a_page_and_what_was_tried_on_it(running: Running) -> None:
    now = running.control_get("clock")["now"]
    session = console_session(running, expires_at=now + 3_600)
    page = opened(running, session.url)
    page.press(PAY, card_number=DECLINED, **TYPED)
    running.control("clock", advance_s=3_700)
    assert "This page has expired" in opened(running, session.url).words
    late = page.press(PAY, card_number=GOOD, **TYPED)
    assert late.status == 409
    expired = running.api.checkout.sessions.retrieve(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert intent_of(running, session).status == "canceled"
    assert not [each for each in running.api.charges.list().data if each.paid]
    assert running.events()[-1]["created"] == session.expires_at


@pytest.mark.parametrize("after_s", [60, 25 * 3_600])
def test_a_page_lives_half_an_hour_to_a_day(running: Running, after_s: int) -> None:
    now = running.control_get("clock")["now"]
    assert refused(lambda: console_session(running, expires_at=now + after_s)).param == "expires_at"


def test_a_page_offers_what_the_session_allows(running: Running) -> None:
    session = console_session(running, allowed_payment_method_types=["us_bank_account"])
    page = opened(running, session.url)
    assert list(page.buttons) == [BY_DEBIT, BY_BOUNCING_DEBIT]
    assert running.raw.post(session.url, data={"card_number": GOOD}).status_code == 402
    only_card = console_session(running, excluded_payment_method_types=["us_bank_account"])
    assert list(opened(running, only_card.url).buttons) == [PAY]
    old = refused(lambda: console_session(running, payment_method_types=["card"]))
    assert (old.code, old.param) == ("parameter_unknown", "payment_method_types")


def test_nobody_pays_behind_the_back_of_a_page(running: Running) -> None:
    session = console_session(running)
    opened(running, session.url).press(PAY, card_number=DECLINED, **TYPED)
    intent = intent_of(running, session)
    for call in (running.api.payment_intents.confirm, running.api.payment_intents.cancel):
        assert refused(call, intent.id).code == "payment_intent_unexpected_state"
    assert opened(running, session.url).press(PAY, card_number=GOOD, **TYPED).status == 303


def test_pages_are_closed_to_everything_foreign(running: Running) -> None:
    product = {"name": '"><img src=x onerror=alert(1)>'}
    line = {"quantity": 2, "price_data": {"currency": "usd", "unit_amount": 17_500, "product_data": product}}
    session = console_session(running, line_items=[line], customer_email='"><b>@uni.example')
    page = opened(running, session.url)
    assert "<img" not in page.answer.text
    assert "<b>@" not in page.answer.text
    policy = page.answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "form-action 'self' http://127.0.0.1:9" in policy
    assert "prefers-color-scheme: dark" in page.answer.text


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "javascript:alert(1)",
        "http://[::1",
        "http://a\r\nX-Evil: 1",
        "http:///nowhere",
        "http://a b/",
        "http://a;script-src",
    ],
)
def test_links_back_must_be_addresses(running: Running, url: str) -> None:
    for name in ("success_url", "cancel_url"):
        error = refused(lambda name=name: console_session(running, 35_000, **{name: url}))
        assert (error.code, error.param) == ("url_invalid", name)
