"""Paying over HTTP, as deployed dashboards do, with everything that may go wrong."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.server.parts import STRIPE_THREADS
from tests.sites import JANES_ID, Site
from tests.waiting import wait_until


def test_pay_now_brings_the_balance_to_zero(site: Site) -> None:
    assert site.owed() == 350.0
    made = site.create_payment()
    assert made.status_code == 200
    assert set(made.json()) == {"session_id", "url"}
    assert made.json()["session_id"].startswith("cs_test_")
    paid = site.pay(made.json()["url"])
    assert paid.status_code == 303
    assert "/dashboard.html?payment=success" in paid.headers["location"]
    wait_until(lambda: site.owed() == 0.0)
    invoices = site.http.get("/dashboard/invoices", headers=site.jane).json()["invoices"]
    assert {invoice["status"] for invoice in invoices} == {"paid"}
    site.books_balance()


@pytest.mark.parametrize("amount", [0, -1, "abc", 1e9, None, True, [], 0.49, 350.01, 0.0000001, "350"])
def test_amounts_that_cannot_be_charged_are_refused(site: Site, amount: object) -> None:
    answer = site.create_payment(amount)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert site.owed() == 350.0
    site.books_balance()


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"amount": NaN}', b'{"amount": Infinity}', b"\xff\xfe"])
def test_bodies_that_are_no_json_object_are_refused(site: Site, body: bytes) -> None:
    answer = site.http.post("/billing/create-payment", content=body, headers=site.jane)
    assert answer.status_code == 400


@pytest.mark.parametrize("header", [None, "Bearer bioql_wrong", "Bearer", "Basic abc", "Bearer " + "x" * 5000])
def test_wrong_keys_are_refused_in_the_words_clients_know(site: Site, header: str | None) -> None:
    headers = {"Authorization": header} if header else {"X-Nothing": "1"}
    answer = site.create_payment(headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"})


def test_user_without_customer_cannot_pay(site: Site) -> None:
    key = "bioql_tests_nobody_has_this_key"
    with site.console.store.write() as work:
        user = work.users.add(NewUser("No Customer", "none@uni.example", ApiKey.of(key), site.console.now_ms()))
        work.commit()
    site.console.users.adjust(user.id, 20_000_000, "tester", "so that there is something to pay")
    answer = site.create_payment(20.0, {"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()) == (400, {"error": "No Stripe customer ID found"})
    site.books_balance()


def test_declined_card_leaves_page_open_and_debt_whole(site: Site) -> None:
    url = site.create_payment().json()["url"]
    declined = site.pay(url, card_number="4000 0000 0000 0002")
    assert declined.status_code == 402
    assert "declined" in declined.text
    assert site.owed() == 350.0
    assert site.pay(url).status_code == 303
    wait_until(lambda: site.owed() == 0.0)
    site.settled()
    site.books_balance()


def test_expired_session_says_so_and_takes_no_money(site: Site) -> None:
    url = site.create_payment().json()["url"]
    site.console.sandbox.advance_clock(25 * 3600)
    page = site.http.get(url)
    assert "expired" in page.text
    assert site.pay(url).status_code != 303
    wait_until(lambda: any(event.type == "checkout.session.expired" for event in site.events()))
    site.settled()
    assert site.owed() == 350.0
    assert _links(site)[0].state.value == "expired"
    site.books_balance()


def test_bank_debit_counts_when_it_comes_in_and_not_before(site: Site) -> None:
    url = site.create_payment().json()["url"]
    assert site.pay(url, bank_debit="succeeds").status_code == 303
    wait_until(lambda: any(event.type == "checkout.session.completed" for event in site.events()))
    site.settled()
    assert site.owed() == 350.0
    assert _links(site)[0].state.value == "processing"
    site.console.sandbox.advance_clock(4 * 86_400)
    wait_until(lambda: site.owed() == 0.0)
    site.books_balance()


def test_bank_debit_that_bounces_leaves_the_debt(site: Site) -> None:
    url = site.create_payment().json()["url"]
    site.pay(url, bank_debit="bounces")
    site.console.sandbox.advance_clock(4 * 86_400)
    wait_until(lambda: any(event.type == "checkout.session.async_payment_failed" for event in site.events()))
    site.settled()
    assert site.owed() == 350.0
    assert _links(site)[0].state.value == "failed"


def test_second_link_closes_the_first(site: Site) -> None:
    first, second = site.create_payment().json(), site.create_payment().json()
    assert "expired" in site.http.get(first["url"]).text
    assert site.pay(second["url"]).status_code == 303
    wait_until(lambda: site.owed() == 0.0)
    site.books_balance()


def test_part_of_the_balance_can_be_paid(site: Site) -> None:
    url = site.create_payment(100.55).json()["url"]
    site.pay(url)
    wait_until(lambda: site.owed() == 249.45)
    site.books_balance()


@pytest.mark.fault(
    "Stripe",
    "Stripe is down while a customer pays",
    "The customer is told with 502, and can pay as soon as Stripe is back.",
    figure="1 refusal of 502, then 1 page",
)
def test_stripe_down_is_a_502_and_recovers(site: Site) -> None:
    site.console.sandbox.faults(500, "/v1/checkout/sessions", 10)
    assert site.create_payment().status_code == 502
    site.console.sandbox.faults(None)
    assert site.create_payment().status_code == 200


@pytest.mark.fault(
    "Stripe",
    "Stripe hangs while many customers register",
    "Whoever asks only us is answered meanwhile; the customers are told with 502.",
    figure="10 who join while 8 calls hang; 2 of 2 others answered",
)
def test_a_stripe_that_hangs_holds_up_nobody_else(site: Site) -> None:
    site.console.stripe.gateway().v1._requestor._client._timeout = (1, 1)
    site.console.sandbox.faults("hang", "/v1/", 1_000)
    many = STRIPE_THREADS + 2
    with ThreadPoolExecutor(many) as crowd:
        joining = [crowd.submit(_register, site, number) for number in range(many)]
        wait_until(lambda: _threads_at_stripe() == STRIPE_THREADS)
        assert site.http.get("/health").json()["status"] == "healthy"
        assert site.http.get("/auth/user", headers=site.jane).json()["id"] == JANES_ID
        assert not any(each.done() for each in joining), "they had to wait for Stripe"
    assert {each.result() for each in joining} == {502}


def _register(site: Site, number: int) -> int:
    who = {"name": "Ada", "email": f"ada{number}@uni.example"}
    return httpx.post(f"{site.url}/auth/register", json=who, trust_env=False, timeout=60).status_code


def _threads_at_stripe() -> int:
    return sum(thread.name.startswith("api-stripe") for thread in threading.enumerate())


@pytest.mark.fault(
    "Order",
    "every event of a payment is delivered twice",
    "The payment counts once.",
    figure="each event 4 times in disorder, 1 payment",
)
def test_every_delivery_twice_counts_once(site: Site) -> None:
    site.console.sandbox.delivery(duplicate=3, shuffle=True)
    site.pay(site.create_payment().json()["url"])
    wait_until(lambda: site.owed() == 0.0)
    deliveries: Any = site.console.sandbox.deliveries
    wait_until(lambda: all(delivery["state"] == "succeeded" for delivery in deliveries()["data"]))
    site.settled()
    assert site.owed() == 0.0
    site.books_balance()


def test_payment_is_credited_at_stripe_so_that_it_is_collected_once(site: Site) -> None:
    site.pay(site.create_payment().json()["url"])
    wait_until(lambda: site.owed() == 0.0)
    with site.console.store.read() as work:
        customer = work.users.get(1).stripe_customer_id
    gateway = site.console.stripe.gateway()

    def balance() -> int:
        return int(gateway.ask(gateway.v1.customers.retrieve, customer)["balance"])

    wait_until(lambda: balance() == -35_000)
    site.console.outbox.send_due()
    assert balance() == -35_000


def test_refund_in_stripes_dashboard_reinstates_the_debt_once(site: Site) -> None:
    site.pay(site.create_payment().json()["url"])
    wait_until(lambda: site.owed() == 0.0)
    payment = _links(site)[0].payment_intent
    site.console.sandbox.refund(payment, 5_000)
    wait_until(lambda: site.owed() == 50.0)
    site.console.sandbox.refund(payment)
    wait_until(lambda: site.owed() == 350.0)
    site.settled()
    site.books_balance()


def _links(site: Site) -> list[Any]:
    from bioql_console.domain.paging import CheckoutQuery

    with site.console.store.read() as work:
        return list(work.checkouts.page(CheckoutQuery(), None, 10).rows)
