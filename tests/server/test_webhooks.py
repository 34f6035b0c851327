"""What reaches the listener: only Stripe's own events count, each once, and none is lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sites import Site, open_site
from tests.waiting import wait_until


def event(site: Site, kind: str = "customer.updated", **changes: Any) -> bytes:
    content = {
        "id": "evt_test1",
        "object": "event",
        "type": kind,
        "api_version": "2026-10-28.endive",
        "created": site.console.now_ms() // 1000,
        "livemode": False,
        "data": {"object": {"id": "cus_demo0000001", "object": "customer"}},
    }
    return json.dumps(content | changes).encode()


def test_signed_event_is_stored_before_it_is_acknowledged(site: Site) -> None:
    answer = site.deliver(event(site))
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert [each.id for each in site.events()] == ["evt_test1"]


@pytest.mark.fault(
    "Order",
    "an event is delivered twice",
    "Both are acknowledged, and it is stored once.",
    figure="2 deliveries, 1 event",
)
def test_the_same_event_twice_is_one(site: Site) -> None:
    assert site.deliver(event(site)).status_code == 200
    assert site.deliver(event(site)).status_code == 200
    assert len(site.events()) == 1


@pytest.mark.fault(
    "Signature",
    "a signature by another secret, an hour old, or an hour ahead",
    "It is refused with 400, nothing is stored, and the Webhooks page says why.",
    figure="3 signatures, 0 stored",
)
@pytest.mark.parametrize(
    ("secret", "age_s", "why"),
    [
        ("whsec_another", 0, "No known secret"),
        (None, 3600, "too old"),
        (None, -3600, "future"),
    ],
)
def test_bad_signatures_store_nothing(site: Site, secret: str | None, age_s: int, why: str) -> None:
    answer = site.deliver(event(site), secret, site.console.now_ms() - age_s * 1000)
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert site.events() == []
    assert why in site.console.listener.rejections()[0].reason


@pytest.mark.fault(
    "Signature",
    "no signature at all",
    "It is refused with 400, and nothing is stored.",
    figure="1 event, 0 stored",
)
def test_unsigned_events_store_nothing(site: Site) -> None:
    answer = site.http.post("/webhooks/stripe", content=event(site))
    assert answer.status_code == 400
    assert site.events() == []


@pytest.mark.fault(
    "Signature",
    "a signed body that was changed on its way",
    "It is refused with 400, and nothing is stored.",
    figure="1 word changed, 0 stored",
)
def test_changed_body_stores_nothing(site: Site) -> None:
    from bioql_console.services.signature import sign

    header = sign(event(site), site.console.webhook_secrets()[0], site.console.now_ms())
    changed = event(site).replace(b"customer.updated", b"customer.deleted")
    answer = site.http.post("/webhooks/stripe", content=changed, headers={"Stripe-Signature": header})
    assert answer.status_code == 400
    assert site.events() == []


@pytest.mark.fault(
    "Events",
    "a signed body that is no event",
    "It is refused with 400, and nothing is stored.",
    figure="5 bodies, 0 stored",
)
@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"id": 5}', b'{"object": "event"}', b"null"])
def test_signed_nonsense_is_refused(site: Site, body: bytes) -> None:
    assert site.deliver(body).status_code == 400
    assert site.events() == []


@pytest.mark.fault(
    "Requests",
    "an event of 300 kB, a compressed one, another method",
    "413, 415 and 405; nothing is read further, nothing stored.",
    figure="3 requests, 0 stored",
)
def test_large_compressed_and_other_methods_are_refused(site: Site) -> None:
    assert site.deliver(b"x" * 300_000).status_code == 413
    assert site.http.get("/webhooks/stripe").status_code == 405
    headers = {"Content-Encoding": "gzip"}
    assert site.http.post("/webhooks/stripe", content=b"x", headers=headers).status_code == 415


@pytest.mark.fault(
    "Requests",
    "a page in the operator's browser calls the server under another host name",
    "It is refused with 421.",
    figure="2 routes, 0 answered",
)
def test_another_host_name_is_refused(site: Site) -> None:
    for path in ("/health", "/webhooks/stripe"):
        assert site.http.get(path, headers={"Host": "evil.example"}).status_code == 421
    assert site.http.get("/health", headers={"Host": "localhost:99"}).status_code == 200


@pytest.mark.fault(
    "Events",
    "a live event arrives in the Sandbox",
    "It is acknowledged and kept in quarantine with the reason; no money moves.",
    figure="1 event, 0 cents moved",
)
def test_live_event_in_the_sandbox_is_quarantined(site: Site) -> None:
    completed = {"data": {"object": {"id": "cs_1", "object": "checkout.session", "payment_status": "paid"}}}
    site.deliver(event(site, "checkout.session.completed", livemode=True, **completed))
    site.settled()
    assert site.events()[0].state.value == "quarantined"
    assert site.owed() == 350.0
    site.books_balance()


@pytest.mark.fault(
    "Events",
    "a payment of a customer whom the ledger does not know",
    "It is acknowledged and kept in quarantine with the reason; no money moves.",
    figure="1 payment of $50.00, 0 cents moved",
)
def test_payment_of_an_unknown_customer_is_quarantined_never_guessed(site: Site) -> None:
    session = {
        "id": "cs_test_unknown",
        "object": "checkout.session",
        "customer": "cus_nobody",
        "payment_status": "paid",
        "payment_intent": "pi_unknown",
        "amount_total": 5_000,
        "currency": "usd",
        "metadata": {},
        "livemode": False,
    }
    site.deliver(event(site, "checkout.session.completed", data={"object": session}))
    site.settled()
    stored = site.events()[0]
    assert stored.state.value == "quarantined"
    assert stored.reason
    site.books_balance()


def test_listener_that_is_off_asks_stripe_to_come_back(site: Site) -> None:
    site.console.listener.turn_off()
    assert site.deliver(event(site)).status_code == 503
    site.console.listener.turn_on(site.url)
    assert site.deliver(event(site)).status_code == 200


def test_heartbeat_is_heard_and_not_stored(site: Site) -> None:
    site.console.heartbeat()
    assert site.console.listener.last_heard_ms is not None
    assert site.events() == []


def test_what_arrived_before_a_crash_is_applied_at_the_next_start(data_dir: Path) -> None:
    with open_site(data_dir) as site:
        made = site.create_payment().json()
        site.console.sandbox.delivery(paused=True)
        site.pay(made["url"])
        stripe = site.console.stripe.gateway()
        bodies = [each.body for each in stripe.list_events(types=["checkout.session.completed"])]
    with open_site(data_dir) as site, site.console.store.write() as work:
        from bioql_console.domain.webhooks import EventSource
        from bioql_console.services.event_intake import parse

        work.inbox.add([parse(bodies[0], "", EventSource.HTTP, site.console.now_ms())])
        work.commit()
    with open_site(data_dir) as site:
        wait_until(lambda: site.owed() == 0.0)
        site.books_balance()
