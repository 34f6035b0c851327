"""Webhooks are signed as Stripe signs them, and come again until they are accepted."""

from pathlib import Path

import stripe

from tests.sandbox.conftest import Running, serving
from tests.sandbox.receivers import Receiver
from tests.waiting import wait_until


def test_events_are_signed_so_that_stripes_own_check_accepts_them(running: Running, receiver: Receiver) -> None:
    running.sandbox.set_webhook_url(receiver.url)
    customer = running.api.customers.create({"name": "Ädä"})
    wait_until(lambda: receiver.taken)
    body, signature = receiver.taken[0]
    event = stripe.Webhook.construct_event(body, signature, running.sandbox.webhook_secret)
    assert (event.type, event.data.object.id) == ("customer.created", customer.id)


def test_a_refused_delivery_comes_again(running: Running, receiver: Receiver) -> None:
    receiver.refusals = 1
    running.sandbox.set_webhook_url(receiver.url)
    running.api.customers.create({"name": "A"})
    deliveries = lambda: running.control_get("deliveries")["data"]  # noqa: E731
    wait_until(lambda: deliveries()[0]["state"] == "succeeded", 10)
    assert deliveries()[0]["status_codes"] == [500, 200]


def test_what_is_asked_for_while_it_is_on_its_way_comes_again(running: Running, receiver: Receiver) -> None:
    running.sandbox.set_webhook_url(receiver.url)
    with receiver.lock:
        running.api.customers.create({"name": "A"})
        assert receiver.begun.wait(10)
        event = running.events(delivery_success=False)[0]["id"]
        assert running.raw.post(f"/v1/events/{event}/retry", data={"for_stripecli": "true"}).status_code == 200
    wait_until(lambda: len(receiver.taken) == 2)


def test_what_happened_while_paused_is_delivered_afterwards(running: Running, receiver: Receiver) -> None:
    running.sandbox.set_webhook_url(receiver.url)
    running.control("delivery", paused=True)
    for number in range(3):
        running.api.customers.create({"name": str(number)})
    assert receiver.taken == []
    running.control("delivery", paused=False, duplicate=1)
    wait_until(lambda: len(receiver.taken) == 6)


def test_endpoints_get_their_own_secret_and_only_what_they_want(running: Running, receiver: Receiver) -> None:
    asked = {"url": receiver.url, "enabled_events": ["product.created"]}
    endpoint = running.api.webhook_endpoints.create(asked)
    running.api.customers.create({"name": "A"})
    running.api.products.create({"name": "P"})
    wait_until(lambda: receiver.taken)
    body, signature = receiver.taken[0]
    assert stripe.Webhook.construct_event(body, signature, endpoint.secret).type == "product.created"
    assert "secret" not in running.api.webhook_endpoints.retrieve(endpoint.id)
    running.api.webhook_endpoints.delete(endpoint.id)
    away = running.raw.post("/v1/webhook_endpoints", data={"url": "https://elsewhere.example", "enabled_events[]": "*"})
    assert away.status_code == 400


def test_duplicates_are_the_same_event_signed_again(running: Running, receiver: Receiver) -> None:
    running.sandbox.set_webhook_url(receiver.url)
    running.control("delivery", duplicate=2)
    running.api.customers.create({"name": "A"})
    wait_until(lambda: len(receiver.taken) == 3)
    assert len({event["id"] for event in receiver.verified(running.sandbox.webhook_secret)}) == 1


def test_what_was_not_delivered_comes_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    with serving(tmp_path / "stripe.db") as before:
        before.sandbox.set_webhook_url("http://127.0.0.1:9/nobody-listens")
        customer = before.api.customers.create({"name": "A"}).id
        wait_until(lambda: before.control_get("deliveries")["data"][0]["tries"])
    with serving(tmp_path / "stripe.db") as after:
        after.sandbox.set_webhook_url(receiver.url)
        wait_until(lambda: receiver.taken, 10)
        event = receiver.verified(after.sandbox.webhook_secret)[0]
    assert (event["type"], event["data"]["object"]["id"]) == ("customer.created", customer)


def test_missed_events_can_be_found_and_sent_again(running: Running, receiver: Receiver) -> None:
    running.sandbox.set_webhook_url(receiver.url)
    running.api.products.create({"name": "delivered"})
    wait_until(lambda: not running.events(delivery_success=False))
    running.control("delivery", paused=True)
    running.api.customers.create({"name": "missed"})
    missed = running.events(delivery_success=False)
    assert [(event["type"], event["pending_webhooks"]) for event in missed] == [("customer.created", 1)]
    assert [event["type"] for event in running.events(delivery_success=True)] == ["product.created"]
    running.control("delivery", paused=False)
    wait_until(lambda: len(receiver.taken) == 2)
    again = running.raw.post(f"/v1/events/{missed[0]['id']}/retry", data={"for_stripecli": "true"})
    assert again.status_code == 200
    wait_until(lambda: len(receiver.taken) == 3)
    ids = [event["id"] for event in receiver.verified(running.sandbox.webhook_secret)]
    assert ids[1] == ids[2] == missed[0]["id"]
