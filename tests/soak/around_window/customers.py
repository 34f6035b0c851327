"""Customers who run, pay, and send nonsense, and what they owe by their own count."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from bioql_console.services.signature import sign

CARD = {"card_number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "email": "a@uni.example"}
WRONG_SECRET = "whsec_WrongOfTheSoak"
PATIENCE_S = 120.0
HOUR_MS = 3_600_000


@dataclass
class Counted:
    """What the customers did.

    Args:
        turned_away: Requests that the server could not serve while Stripe failed.
    """

    runs: int = 0
    payments: int = 0
    turned_away: int = 0
    nonsense: int = 0
    taken_nonsense: int = 0
    answers: dict[int, int] = field(default_factory=dict)


class Customers:
    """Everybody who uses a server; what they owe is counted here apart from it."""

    def __init__(self, number: int, url: str, webhook_secret: str) -> None:
        self.counted = Counted()
        self._number = number
        self._secret = webhook_secret
        self.owed_cents: dict[int, int] = {}
        self._keys: dict[int, str] = {}
        self._turns = itertools.count(1)
        self._http = httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def register(self) -> None:
        """Everybody, before Stripe begins to fail."""
        for number in range(self._number):
            person = {"name": f"Customer {number}", "email": f"c{number}@uni.example"}
            answer = await self._http.post("/auth/register", json=person)
            answer.raise_for_status()
            user = answer.json()["user"]
            self._keys[user["id"]], self.owed_cents[user["id"]] = user["api_key"], 0

    async def go_on(self, payments_per_s: float, nonsense_per_s: float, until: Callable[[], float]) -> None:
        """Until a moment of the monotonic clock, which may be put forward meanwhile."""
        await asyncio.gather(
            self._again_and_again(payments_per_s, until, self._run_and_pay),
            self._again_and_again(nonsense_per_s, until, self._send_nonsense),
        )

    async def _again_and_again(
        self, per_s: float, until: Callable[[], float], deed: Callable[[int], Awaitable[None]]
    ) -> None:
        """As often as asked, however long each takes; never more at once than there are customers."""
        under_way: set[asyncio.Future[None]] = set()
        due = time.monotonic()
        while due < until():
            due += 1 / per_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(under_way) < self._number // 2:
                task = asyncio.ensure_future(deed(next(self._turns)))
                under_way.add(task)
            for done in [task for task in under_way if task.done()]:
                under_way.discard(done)
                done.result()
        await asyncio.gather(*under_way)

    async def _run_and_pay(self, turn: int) -> None:
        """A run, and a payment of what it cost by link; when Stripe fails, the debt stays."""
        user = sorted(self._keys)[turn % self._number]
        cents = 100 + turn % 400
        run = {"backend": "simulator", "shots_executed": cents, "usage_id": f"run-{turn}", "api_key": self._keys[user]}
        if await self._post("/billing/record-usage", run) is None:
            return
        self.counted.runs += 1
        self.owed_cents[user] += cents
        key = {"Authorization": f"Bearer {self._keys[user]}"}
        link = await self._post("/billing/create-payment", {"amount": cents / 100}, key)
        if link is None:
            return
        paid = await self._http.post(str(link["url"]), data=CARD)
        if paid.status_code == 303:
            self.counted.payments += 1
            self.owed_cents[user] -= cents

    async def _post(self, path: str, body: object, headers: dict[str, str] | None = None) -> dict[str, object] | None:
        answer = await self._http.post(path, json=body, headers=headers)
        self.counted.answers[answer.status_code] = self.counted.answers.get(answer.status_code, 0) + 1
        if answer.status_code == 200:
            return dict(answer.json())
        self.counted.turned_away += 1
        return None

    async def _send_nonsense(self, turn: int) -> None:
        """An event with a signature of somebody else, one that is an hour old, one without; none may be taken."""
        event = {"id": f"evt_nonsense{turn}", "object": "event", "type": "customer.deleted", "livemode": False}
        body = json.dumps({**event, "created": int(time.time()), "data": {"object": {}}}).encode()
        now_ms = time.time_ns() // 1_000_000
        signatures = (sign(body, WRONG_SECRET, now_ms), sign(body, self._secret, now_ms - HOUR_MS), "")
        headers = {"Stripe-Signature": signatures[turn % len(signatures)], "Content-Type": "application/json"}
        answer = await self._http.post("/webhooks/stripe", content=body, headers=headers)
        self.counted.nonsense += 1
        self.counted.taken_nonsense += answer.status_code != 400


@asynccontextmanager
async def customers_of(number: int, url: str, webhook_secret: str) -> AsyncIterator[Customers]:
    customers = Customers(number, url, webhook_secret)
    try:
        yield customers
    finally:
        await customers.close()
