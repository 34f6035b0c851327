"""Customers, cards and months in a sandbox without sockets, with the real gateway, ledger and outbox around it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import stripe

from bioql_console.domain.environment import Environment
from bioql_console.domain.users import User
from bioql_console.domain.webhooks import EventSource
from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.messages import Request
from bioql_console.services.changes import Changes
from bioql_console.services.checkout_links import CheckoutLinks
from bioql_console.services.error_reports import ErrorReports
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_intake import parse
from bioql_console.services.meter_repair import MeterRepair
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.registration import Registration
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_gateway import StripeGateway, _Door
from bioql_console.services.usage_corrections import UsageCorrections
from bioql_console.services.usage_meter import StripeUsageMeter
from bioql_console.services.usage_recording import UsageRecording
from bioql_console.services.user_admin import UserAdmin
from bioql_console.storage.database import Database, sqlite_url
from tests.empty_ledger import empty_ledger
from tests.money.at_stripe import AtStripe
from tests.money.in_books import InBooks

HOUR, DAY = 3_600, 86_400
BACK: dict[str, Any] = {
    "success_url": "http://127.0.0.1/ok",
    "cancel_url": "http://127.0.0.1/no",
    "operator": "customer",
}
THRESHOLD_CENTS = 300_000


@dataclass(frozen=True)
class InProcess:
    """Stands in for the network between stripe-python and the sandbox; everything else is real.

    Faults that the sandbox was told to have happen here too.
    """

    sandbox: Sandbox

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        given = {name.lower(): value for name, value in (headers or {}).items()}
        body = (post_data or "").encode() if isinstance(post_data, str) else post_data or b""
        asked = Request(method.upper(), parts.path, parts.query, {"host": "127.0.0.1", **given}, body)
        app = self.sandbox.app
        fault = app._faults.take(method.upper(), parts.path)
        if fault is None or fault.status != "hang":
            answer = app.answer(asked, fault)
        if fault is not None and isinstance(fault.status, str):
            raise stripe.APIConnectionError(fault.status, should_retry=True)  # type: ignore[no-untyped-call]
        # Asked to wait, the transport would.
        pause = {"retry-after": "0"} if answer.status == 429 else {}
        return answer.body.decode(), answer.status, {**answer.headers, **pause}


class World(AtStripe, InBooks):
    """One ledger, one sandbox, and time that only moves when told to."""

    def __init__(self, folder: Path, name: str, url: str | None = None) -> None:
        """`url` is of an empty ledger, where it is not to be a file in the folder."""
        if url is None:
            url = sqlite_url(empty_ledger(folder / f"{name}.db"))
        self._fill(Sandbox(folder / f"{name}-stripe.db"), url)

    def elsewhere(self, url: str) -> "World":
        """The same customers and the same Stripe around another ledger."""
        world = World.__new__(World)
        world.seen = self.seen
        world._fill(self.sandbox, url)
        return world

    def _fill(self, sandbox: Sandbox, url: str) -> None:
        self.sandbox = sandbox
        self.database = Database(url, self.now_ms)
        self.stripe = StripeAccess(Environment.SANDBOX, lambda: self.sandbox.secret_key, "http://127.0.0.1:1")
        self.stripe._gateway = StripeGateway(self.sandbox.secret_key, Environment.SANDBOX, base="http://127.0.0.1:1")
        door: _Door = self.stripe._gateway.v1._requestor._client
        # For every thread: events are fetched side by side.
        door._client = lambda: InProcess(self.sandbox)  # type: ignore[method-assign, return-value, assignment]
        changes = Changes()
        meter = MeterSetup(self.stripe, self.database, self.now_ms)
        make = (self.database, self.stripe, changes, self.now_ms)
        self.registration = Registration(
            self.database, self.stripe, meter, changes, self.now_ms, 10_000_000, THRESHOLD_CENTS
        )
        self.usage = UsageRecording(self.database, changes, self.now_ms, THRESHOLD_CENTS)
        self.links = CheckoutLinks(*make, Environment.SANDBOX)
        self.admin = UserAdmin(*make)
        counter = StripeUsageMeter(self.stripe.gateway)
        self.outbox = OutboxSender(*make, meter=counter, width=1)
        self.reports = ErrorReports(self.database, self.stripe, counter, changes, self.now_ms)
        self.corrections = UsageCorrections(self.database, changes, self.now_ms)
        self.meter_repair = MeterRepair(
            self.stripe,
            self.database,
            changes,
            THRESHOLD_CENTS,
            hold=self.outbox.hold_usage,
            go_on=self.outbox.go_on_with_usage,
        )
        self.applier = EventApplier(self.database, Environment.SANDBOX, changes, self.now_ms)
        meter.create_missing("tests")

    def close(self) -> None:
        self.database.close()
        self.sandbox.close()

    # --- delivery ---

    def deliver(self, bodies: list[bytes]) -> None:
        with self.database.write() as work:
            work.inbox.add([parse(body, "", EventSource.HTTP, self.now_ms()) for body in bodies])
            work.commit()
        self.applier.apply_waiting()

    def send(self) -> int:
        sent = self.outbox.send_due()
        return sent + self.reports.run_due()

    def drain(self, shuffle: random.Random | None = None) -> None:
        """Everything that is on its way arrives, on both sides; in another order and twice if asked to."""
        for _ in range(20):
            self.advance(3)
            events, sent = self.pending_events(), self.send()
            if shuffle:
                events += shuffle.sample(events, len(events) // 3)
                shuffle.shuffle(events)
            if events:
                self.deliver(events)
            if not events and not sent and not self.waiting():
                return
        raise AssertionError("it never comes to rest")

    # --- people ---

    def register(self, name: str, card: str | None) -> User:
        return self.registration.register(name, f"{name}@uni.example", card).user
