"""A console on a world whose events nobody delivers, and ways in which fetching them goes wrong."""

import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stripe

from bioql_console.domain.environment import Environment
from bioql_console.services.changes import Changes
from bioql_console.services.event_decisions import DECISIONS
from bioql_console.services.missed_events import Fetched, MissedEvents
from bioql_console.services.ports import Work
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.services.stripe_transport import Limits
from tests.money.test_invoices_and_links import uses
from tests.money.world import BACK, DAY, InProcess, World

names = itertools.count()


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Mortal:
    """The world's ledger, in a process that is killed before one of its transactions."""

    world: World
    writes: int = 10**9
    words: str = "SQLite"

    def read(self) -> AbstractContextManager[Work]:
        return self.world.database.read()  # type: ignore[return-value]

    def write(self) -> AbstractContextManager[Work]:
        self.writes -= 1
        if self.writes < 0:
            raise Killed
        return self.world.database.write()  # type: ignore[return-value]


@dataclass
class Shaky:
    """A way to the sandbox on which some answers to questions about events go wrong."""

    through: InProcess
    faults: dict[int, int | str] = field(default_factory=dict)
    asked: int = 0

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        fault = None
        if "/v1/events" in url:
            self.asked += 1
            fault = self.faults.pop(self.asked, None)
        if fault == "reset":
            raise stripe.APIConnectionError("connection reset by peer")
        if fault is not None:
            error = {"type": "api_error", "message": "Something went wrong."}
            return json.dumps({"error": error}), int(fault), {"retry-after": "3600"}
        return self.through.request(method, url, headers, post_data)


class Desk:
    """A console on a world whose events nobody delivers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = Mortal(world)
        self.way = Shaky(InProcess(world.sandbox))
        limits = Limits(network_retries=0, rate_limit_retries=0)
        gateway = StripeGateway(world.sandbox.secret_key, Environment.SANDBOX, base="http://127.0.0.1:1", limits=limits)
        gateway.v1._requestor._client._client = lambda: self.way
        world.stripe._gateway = gateway
        self.start()

    def start(self) -> None:
        """A process begins: it remembers nothing."""
        self.store.writes = 10**9
        self.missed = MissedEvents(
            self.store, self.world.stripe, Changes(), self.world.now_ms, self.world.applier.apply_waiting
        )

    def fetch(self, **options: Any) -> Fetched:
        return self.missed.fetch("ana", **options)

    def here(self) -> list[str]:
        """Ids in order of arrival."""
        return [row[0] for row in self.world.rows("SELECT event_id FROM inbox ORDER BY sequence")]

    def at_stripe(self) -> list[dict[str, Any]]:
        """What the ledger cares about, in Stripe's order."""
        return [event for event in self.world.objects("event") if event["type"] in DECISIONS]


def opened(folder: Path) -> Iterator[Desk]:
    place = folder / str(next(names))
    place.mkdir()
    world = World(place, "w")
    yield Desk(world)
    world.close()
    shutil.rmtree(place)


def month(world: World) -> int:
    """A link is paid, some of it refunded, more is used, and a month ends, without a word to us; the user's id."""
    ada = world.register("ada", "pm_card_visa")
    world.deliver(world.pending_events())
    world.advance(20 * DAY)
    uses(world, ada, 360)
    world.send()
    assert world.pay(world.links.open(ada.id, **BACK).url) == 303  # type: ignore[arg-type]
    world.advance(3_600)
    payment = world.objects("payment_intent")[-1]["id"]
    world.control("refunds", payment_intent=payment, amount=5_000)
    uses(world, ada, 20)
    world.send()
    world.advance(12 * DAY)
    return ada.id


def many(world: World, number: int, first_s: int, *, apart_s: int = 1) -> None:
    """Customers whom nobody here knows are deleted at Stripe, one after another."""
    with world.sandbox._store.transaction():
        for count in range(number):
            event = {
                "id": f"evt_many{count:05d}",
                "object": "event",
                "api_version": "2026-10-28.endive",
                "created": first_s + count * apart_s,
                "livemode": False,
                "type": "customer.deleted",
                "pending_webhooks": 0,
                "request": None,
                "data": {"object": {"id": f"cus_many{count}", "object": "customer", "deleted": True}},
            }
            world.sandbox._store.put(event)
