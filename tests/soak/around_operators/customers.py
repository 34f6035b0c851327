"""Customers of a team: they register, run shots and pay, and remember what they were told is done."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx

from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.paging import CheckoutQuery
from bioql_console.storage.database import Database

GOOD_CARD = {"card_number": "4242 4242 4242 4242", "exp": "12/34", "cvc": "123", "email": "c@uni.example"}
THREADS = 2
PAUSE_S = 0.02


class Customers:
    """Threads that act only while `work_for` lasts.

    Args:
        servers: Addresses of which any may be asked; one that does not answer is left for the other.
    """

    def __init__(self, servers: list[str], database: Database, seed: int) -> None:
        self._servers, self._database = servers, database
        self._lock = threading.Lock()
        self._keys: list[str] = []
        self._ran: dict[str, int] = {}
        self._paid = 0
        self._works, self._ended = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed * 7 + number),), daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def work_for(self, seconds: float) -> None:
        self._works.set()
        self._ended.wait(seconds)
        self._works.clear()

    def come(self, number: int) -> None:
        """So many register before anything else happens."""
        with httpx.Client(timeout=15, trust_env=False) as http:
            for _ in range(number):
                self._register(http, random.Random(number))

    def close(self) -> None:
        self._ended.set()
        self._works.set()
        for thread in self._threads:
            thread.join(30)

    def words(self) -> str:
        return f"{len(self._ran):,} runs of {len(self._keys)} customers acknowledged, {self._paid} links paid"

    def wrong(self, rows: Callable[[str], list[Any]]) -> list[str]:
        """What was acknowledged and is not in the books once."""
        found = dict(rows("SELECT split_part(usage_id, ':', 2), count(*) FROM usage GROUP BY 1"))
        lost = [run for run in self._ran if found.get(run) != 1]
        return [f"run {run} was acknowledged and is in the books {found.get(run, 0)} times" for run in lost[:5]]

    def _run(self, chance: random.Random) -> None:
        with httpx.Client(timeout=15, trust_env=False) as http:
            while not self._ended.is_set():
                self._works.wait()
                # A server that was killed does not answer; the next time another may be asked.
                with suppress(httpx.TransportError):
                    chance.choices((self._register, self._runs, self._pays), (1, 12, 3))[0](http, chance)
                self._ended.wait(PAUSE_S)

    def _register(self, http: httpx.Client, chance: random.Random) -> None:
        with self._lock:
            if len(self._keys) >= 40:
                return
        name = uuid.uuid4().hex[:10]
        asked = {"name": f"customer {name}", "email": f"{name}@uni.example"}
        answer = http.post(f"{chance.choice(self._servers)}/auth/register", json=asked)
        if answer.status_code == 201:
            with self._lock:
                self._keys.append(str(answer.json()["user"]["api_key"]))

    def _runs(self, http: httpx.Client, chance: random.Random) -> None:
        with self._lock:
            key = chance.choice(self._keys) if self._keys else None
        if key is None:
            return
        run = uuid.uuid4().hex
        asked = {"api_key": key, "shots_executed": chance.randint(1, 40), "backend": "ionq_qpu", "usage_id": run}
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                answer = http.post(
                    f"{chance.choice(self._servers)}/billing/record-usage", json={**asked, "success": True}
                )
            except httpx.TransportError:
                continue  # asked again, at whichever answers: the id makes it harmless
            if answer.status_code == 200:
                with self._lock:
                    self._ran[run] = self._ran.get(run, 0) + 1
            if answer.status_code < 500:
                return
            self._ended.wait(PAUSE_S)

    def _pays(self, http: httpx.Client, chance: random.Random) -> None:
        with self._database.read() as work:
            open_ones = work.checkouts.page(CheckoutQuery(states=(CheckoutState.OPEN.value,)), None, 30).rows
        payable = [link.url for link in open_ones if link.url]
        if payable:
            more = {"bank_debit": "succeeds"} if chance.random() < 0.1 else {}
            if http.post(chance.choice(payable), data={**GOOD_CARD, **more}).status_code == 303:
                with self._lock:
                    self._paid += 1
