"""A console's process: all that works without a window, on the ledger's file, without a thread of its own.

It may end at any commit and any request; what it knew is gone then, and another one begins with what is on the disk.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from bioql_console.domain.environment import Environment
from bioql_console.domain.webhooks import ReceivedEvent
from bioql_console.sandbox import Sandbox
from bioql_console.server.webhook_endpoint import WebhookEndpoint
from bioql_console.services.changes import Changes
from bioql_console.services.checkout_links import CheckoutLinks
from bioql_console.services.error_reports import ErrorReportFeed, ErrorReports
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_feed import SnapshotFeed
from bioql_console.services.event_intake import InboxWriter
from bioql_console.services.listener import ListenerStatus
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.missed_events import MissedEvents
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.ports import Work
from bioql_console.services.refunds import Refunds
from bioql_console.services.registration import Registration
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.services.stripe_transport import Limits
from bioql_console.services.usage_corrections import UsageCorrections
from bioql_console.services.usage_meter import StripeUsageMeter
from bioql_console.services.usage_recording import UsageRecording
from bioql_console.services.user_admin import UserAdmin
from bioql_console.storage.database import Database, sqlite_url
from tests.money.world import THRESHOLD_CENTS, InProcess

NOWHERE = "http://127.0.0.1:1"
WELCOME_CENTS = 1_000


class Killed(BaseException):
    """A process ends here, without a word."""


class Surroundings(Protocol):
    """What a process meets at its edges. Both raise what goes wrong there."""

    def commit(self, process: "Process", commit: Callable[[], None]) -> None: ...

    def request(self, process: "Process", send: Callable[[], Any]) -> Any: ...


class Network(InProcess):
    """A process's way to the sandbox."""

    process: "Process"

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        def send() -> Any:
            return InProcess.request(self, method, url, headers, post_data)

        answer: tuple[str, int, Mapping[str, str]] = self.process.around.request(self.process, send)
        return answer


class Disk:
    """The ledger as a process writes it."""

    words = "SQLite"

    def __init__(self, process: "Process") -> None:
        self._process = process

    def read(self) -> AbstractContextManager[Work]:
        return self._process.database.read()  # type: ignore[return-value]

    @contextmanager
    def write(self) -> Iterator[Work]:
        with self._process.database.write() as work:
            commit = work.commit
            work.commit = lambda: self._process.around.commit(self._process, commit)  # type: ignore[method-assign]
            yield work  # type: ignore[misc]


class Writer(InboxWriter):
    """The inbox's writer without its thread: who waits shares a commit when `flush` is called."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._on_commit = lambda: None
        self._waiting: list[tuple[ReceivedEvent, Future[None]]] = []

    def submit(self, event: ReceivedEvent) -> Future[None]:
        future: Future[None] = Future()
        self._waiting.append((event, future))
        return future

    def flush(self) -> None:
        batch, self._waiting = [each for each in self._waiting if each[1].set_running_or_notify_cancel()], []
        if batch:
            self._store_batch(batch)


class Process:
    """Services on one ledger and one way to Stripe.

    Args:
        together: How many events share a transaction at most.
    """

    def __init__(
        self, around: Surroundings, file: Path, sandbox: Sandbox, now_ms: Callable[[], int], retries: int, together: int
    ) -> None:
        self.around, self.dead = around, False
        self.busy: set[str] = set()
        self.database = Database(sqlite_url(file), now_ms)
        network = Network(sandbox)
        object.__setattr__(network, "process", self)
        limits = Limits(network_retries=retries, rate_limit_retries=0)
        gateway = StripeGateway(sandbox.secret_key, Environment.SANDBOX, base=NOWHERE, limits=limits, now_ms=now_ms)
        door: Any = gateway.v1._requestor._client
        door._client = lambda: network
        door._sleep_time_seconds = lambda *_: 0
        self.stripe = StripeAccess(Environment.SANDBOX, lambda: sandbox.secret_key, NOWHERE)
        self.stripe._gateway = gateway
        store: Any = Disk(self)
        changes = Changes()
        make = (store, self.stripe, changes, now_ms)
        self.meter = MeterSetup(self.stripe, store, now_ms)
        welcome_micros = WELCOME_CENTS * 10_000
        self.registration = Registration(
            store, self.stripe, self.meter, changes, now_ms, welcome_micros, THRESHOLD_CENTS
        )
        self.usage = UsageRecording(store, changes, now_ms, THRESHOLD_CENTS)
        self.links = CheckoutLinks(*make, Environment.SANDBOX)
        self.users = UserAdmin(*make)
        self.refunds = Refunds(store, self.stripe, self.users, changes, now_ms)
        counter = StripeUsageMeter(self.stripe.gateway)
        self.outbox = OutboxSender(*make, meter=counter, width=1)
        self.outbox._lane._pace._apart_s = 0  # its pause would be a real one
        self.reports = ErrorReports(store, self.stripe, counter, changes, now_ms)
        self.corrections = UsageCorrections(store, changes, now_ms)
        self.applier = EventApplier(store, Environment.SANDBOX, changes, now_ms, lambda: together)
        feeds = (SnapshotFeed(self.stripe), ErrorReportFeed(self.stripe))
        self.missed = MissedEvents(store, self.stripe, changes, now_ms, feeds=feeds)
        self.writer = Writer(store)
        listener = ListenerStatus()
        listener.turn_on(NOWHERE)
        self.endpoint = WebhookEndpoint(self.writer, lambda: [sandbox.webhook_secret], listener, now_ms)

    def close(self) -> None:
        """Let go of the file. A killed process does so too, as the kernel sees to it."""
        self.database.close()

    async def receive(self, deliveries: Sequence[tuple[bytes, str]]) -> list[int | None]:
        """What Stripe is answered when it delivers these bodies with these signatures at the same moment.

        Answers that were decided before the process ended have left it; None: no answer.
        """
        answers: list[int | None] = [None] * len(deliveries)

        async def deliver(number: int) -> None:
            body, signature = deliveries[number]

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": body}

            async def send(message: Mapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    answers[number] = message["status"]

            headers = [(b"stripe-signature", signature.encode())]
            scope = {"type": "http", "method": "POST", "headers": headers, "client": None}
            await self.endpoint(scope, receive, send)

        tasks = [asyncio.ensure_future(deliver(number)) for number in range(len(deliveries))]
        await asyncio.sleep(0)
        with suppress(Killed):
            self.writer.flush()
        for _ in range(4):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        for raised in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(raised, BaseException) and not isinstance(raised, asyncio.CancelledError):
                raise raised
        return answers
