"""Webhooks are signed as Stripe signs them, and come again until they are accepted."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Running
from tests.waiting import wait_until


class Receiver(ThreadingHTTPServer):
    """Takes webhooks; refuses the first `refusals` of them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Take)
        self.taken: list[tuple[bytes, str]] = []
        self.refusals = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Take(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            refuse = self.server.refusals > 0
            self.server.refusals -= refuse
            if not refuse:
                self.server.taken.append((body, self.headers["Stripe-Signature"]))
        self.send_response(500 if refuse else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(5)


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
    wait_until(lambda: receiver.taken, 10)
    found = running.raw.get("/_sandbox/deliveries").json()["data"][0]
    assert found["status_codes"] == [500, 200]


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
