"""The whole console without its window: sandbox, server, ledger and workers, on real sockets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from bioql_console.app import Launcher
from bioql_console.demo_data import fill_data_dir
from bioql_console.domain.environment import Environment
from bioql_console.services.demo import demo_api_key
from bioql_console.services.signature import sign
from bioql_console.settings import Settings, environment_directory, save
from tests.empty_ledger import empty_ledger
from tests.waiting import wait_until

JANES_KEY = demo_api_key(1, 1)
JANES_ID = 1
PAYING_CARD = {"card_number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "email": "jane@uni.example"}


class Site:
    """A running console and a client that talks to its server."""

    def __init__(self, console: Any) -> None:
        self.console = console
        self.url: str = console.server.url
        self.http = httpx.Client(base_url=self.url, timeout=10, trust_env=False)
        self.jane = {"Authorization": f"Bearer {JANES_KEY}"}

    def owed(self) -> float:
        return float(self.http.get("/dashboard/invoices", headers=self.jane).json()["current_balance"])

    def create_payment(self, amount: object = 350.0, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.http.post("/billing/create-payment", json={"amount": amount}, headers=headers or self.jane)

    def pay(self, url: str, **form: str) -> httpx.Response:
        """Send the Checkout page's form."""
        return httpx.post(url, data={**PAYING_CARD, **form}, trust_env=False)

    def deliver(self, body: bytes, secret: str | None = None, at_ms: int | None = None) -> httpx.Response:
        """Post an event to the listener, signed with the sandbox's secret unless another is given."""
        secret = secret or self.console.webhook_secrets()[0]
        header = sign(body, secret, at_ms or self.console.now_ms())
        return self.http.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": header})

    def events(self) -> list[Any]:
        from bioql_console.domain.paging import EventQuery

        with self.console.store.read() as work:
            return list(work.inbox.page(EventQuery(), None, 100).rows)

    def settled(self) -> None:
        """Wait until every event that arrived is decided."""
        wait_until(lambda: all(event.state.value != "received" for event in self.events()))

    def books_balance(self) -> None:
        with self.console.store.read() as work:
            found = work.verifier.run()
        assert found.ok, found.differences


@contextmanager
def open_site(data_dir: Path, *, users: int = 3, **settings: Any) -> Iterator[Site]:
    """A site on fresh demo data, closed in order afterwards."""
    if not (data_dir / "settings.json").exists():
        # Tests that wait for something ask more often than a client may.
        save(replace(Settings(), **{"port": 0, "requests_per_second": 1_000, **settings}), data_dir)
        empty_ledger(environment_directory(data_dir, Environment.SANDBOX) / "bioql.db")
        if users:
            fill_data_dir(data_dir, users, seed=1)
    launcher = Launcher(data_dir)
    console = launcher.open(Environment.SANDBOX)
    try:
        site = Site(console)
        with site.http:
            yield site
    finally:
        console.close()
        launcher.close()
