"""A webhook listener that remembers what came."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import stripe


class Receiver(ThreadingHTTPServer):
    """Takes webhooks; refuses the first `refusals` of them. Whoever holds `lock` makes it wait; `begun` tells."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Take)
        self.taken: list[tuple[bytes, str]] = []
        self.refusals = 0
        self.begun = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def verified(self, secret: str) -> list[Any]:
        """The events taken so far, every one checked by Stripe's own code."""
        with self.lock:
            taken = list(self.taken)
        for body, signature in taken:
            stripe.WebhookSignature.verify_header(body.decode(), signature, secret, 300)
        return [json.loads(body) for body, _ in taken]


class Take(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.begun.set()
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


@contextmanager
def receiving() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
        thread.join(5)
