"""Customers who run and pay, whatever happens to the server: what they were told is counted in the end."""

import http.client
import itertools
import json
import queue
import random
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.paging import UserQuery
from bioql_console.services.demo import demo_api_key
from bioql_console.services.signature import sign
from bioql_console.storage.database import Database

USERS = 12
CENTS = 100
SHOTS = 10
THREADS = 8
LINKS_AT_ONCE = 500
ANSWERS_WITHIN_S = 15
# A part of what was acknowledged is sent again, as Stripe does when it did not hear the answer.
TWICE_SHARE = 0.2
RUN_SHARE = 0.3


class Payer(NamedTuple):
    user_id: int
    customer: str
    key: str


class Job(NamedTuple):
    """One payment's event, or one run."""

    number: int
    payer: Payer
    is_run: bool


class Load:
    """Sends until it is told to finish; what was not acknowledged is sent again.

    Attributes:
        events, runs: The numbers of what was acknowledged.
        refused: What was answered otherwise than with "yes" or "come again".
    """

    def __init__(self, url: str, database: Database, seed: int) -> None:
        self._host = str(urlsplit(url).netloc)
        self._database, self._chance = database, random.Random(seed)
        self._payers = _payers(database)
        self._secret = ""
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._again: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._finishing = threading.Event()
        self._linked = 0
        self._threads = [threading.Thread(target=self._run, name=f"load {number}") for number in range(THREADS)]
        self.events: set[int] = set()
        self.runs: set[int] = set()
        self.refused: list[str] = []

    def __enter__(self) -> "Load":
        self._secret = _webhook_secret(Path(str(self._database.path)).with_name("stripe.db"))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finishing.set()

    def wait_for(self, more: int, longest_s: float) -> None:
        """Return once so many more were acknowledged, or after this time."""
        pause, until_s = threading.Event(), time.monotonic() + longest_s
        enough = len(self.events) + len(self.runs) + more
        while len(self.events) + len(self.runs) < enough and time.monotonic() < until_s:
            pause.wait(0.005)

    def finish(self) -> None:
        """Make nothing new, and return once everything is acknowledged."""
        self._finishing.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), "the server answers no more"

    # --- sending

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=ANSWERS_WITHIN_S)
        pause = threading.Event()
        while (job := self._next()) is not None:
            try:
                status, words = self._send(connection, job)
            except (OSError, http.client.HTTPException):
                connection.close()
                self._again.put(job)
                pause.wait(0.01)
                continue
            if status == 200:
                (self.runs if job.is_run else self.events).add(job.number)
                if self._chance.random() < TWICE_SHARE and not self._finishing.is_set():
                    self._again.put(job)
            else:
                self._again.put(job)
                if status not in (502, 503):
                    self.refused.append(f"{job} was answered {status}: {words}")
        connection.close()

    def _next(self) -> Job | None:
        try:
            return self._again.get_nowait()
        except queue.Empty:
            pass
        if self._finishing.is_set() or len(self.refused) > THREADS:
            return None
        with self._lock:
            number, is_run = next(self._numbers), self._chance.random() < RUN_SHARE
            if number > self._linked:
                self._add_links()
            return Job(number, self._payers[number % len(self._payers)], is_run)

    def _send(self, connection: http.client.HTTPConnection, job: Job) -> tuple[int, str]:
        if job.is_run:
            run = {
                "api_key": job.payer.key,
                "shots_executed": SHOTS,
                "backend": "simulator",
                "usage_id": f"r{job.number}",
            }
            connection.request("POST", "/billing/record-usage", json.dumps(run), {"Content-Type": "application/json"})
        else:
            body = _paid(job)
            headers = {"Stripe-Signature": sign(body, self._secret, time.time_ns() // 1_000_000)}
            connection.request("POST", "/webhooks/stripe", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def _add_links(self) -> None:
        """The links whose payment is told next; their pages are over, so that one user may have many."""
        at_ms = time.time_ns() // 1_000_000
        with self._database.write() as work:
            for number in range(self._linked + 1, self._linked + LINKS_AT_ONCE + 1):
                payer = self._payers[number % len(self._payers)]
                work.checkouts.add(
                    CheckoutLink(
                        f"kill-{number}", payer.user_id, CENTS, 1, CheckoutState.EXPIRED, at_ms, at_ms, f"cs_{number}"
                    )
                )
            work.commit()
        self._linked += LINKS_AT_ONCE

    # --- counting

    def wrong(self, stripe_db: Path) -> list[str]:
        """Each violation of what was acknowledged, one sentence; the server has come to rest and ended."""
        lines = list(self.refused)
        with closing(sqlite3.connect(str(self._database.path))) as books, closing(sqlite3.connect(stripe_db)) as stripe:
            stored = {row[0] for row in books.execute("SELECT event_id FROM inbox WHERE state = 'applied'")}
            lost = {number for number in self.events if f"evt_kill_{number}" not in stored}
            lines += [f"{len(lost)} acknowledged events are lost: {sorted(lost)[:5]}"] if lost else []
            lines += _each_once("payment", books, CASH, {f"pi_kill_{n}" for n in self.events}, CENTS * 10_000)
            lines += _each_once("run", books, RUN, {f"r{n}" for n in self.runs}, SHOTS * 10_000)
            told = [row[0] for row in books.execute("SELECT state FROM outbox WHERE state NOT IN ('sent', 'closed')")]
            lines += [f"{len(told)} messages to Stripe are {set(told)}"] if told else []
            counted = stripe.execute("SELECT count(*), count(DISTINCT identifier) FROM meter_events").fetchone()
            lines += [f"Stripe's meter counted {counted[0]} events of {counted[1]}"] if len(set(counted)) > 1 else []
        return lines


CASH = """
    SELECT e.source_id, count(*), sum(p.micros) FROM journal_entries e JOIN postings p ON p.entry_id = e.id
    WHERE e.kind = 'payment' AND p.account = 'stripe_clearing' AND e.source_id LIKE 'pi_kill_%' GROUP BY e.source_id"""
RUN = """
    SELECT substr(e.source_id, instr(e.source_id, ':') + 1), count(*), -sum(p.micros)
    FROM journal_entries e JOIN postings p ON p.entry_id = e.id
    WHERE e.kind = 'usage' AND p.account = 'usage_revenue' AND e.source_id LIKE '%:r%' GROUP BY e.source_id"""


def _each_once(word: str, books: sqlite3.Connection, query: str, told: set[str], micros: int) -> list[str]:
    """What is not there exactly once with its amount. More than was acknowledged may be there, never less."""
    found = {source: (times, posted) for source, times, posted in books.execute(query)}
    lost = told - set(found)
    odd = {source: each for source, each in found.items() if each != (1, micros)}
    lines = [f"{len(lost)} acknowledged {word}s are not in the books: {sorted(lost)[:5]}"] if lost else []
    return lines + ([f"{len(odd)} {word}s are not there once: {dict(itertools.islice(odd.items(), 5))}"] if odd else [])


def _payers(database: Database) -> list[Payer]:
    with database.read() as work:
        users = work.users.page(UserQuery(), None, 1_000).rows
    return [
        Payer(user.id, user.stripe_customer_id, demo_api_key(1, user.id))
        for user in users
        if user.stripe_customer_id and not user.disabled
    ]


def _webhook_secret(stripe_db: Path) -> str:
    with closing(sqlite3.connect(stripe_db)) as stripe:
        return str(stripe.execute("SELECT value FROM settings WHERE name = 'webhook_secret'").fetchone()[0])


def _paid(job: Job) -> bytes:
    session: dict[str, Any] = {
        "id": f"cs_{job.number}",
        "object": "checkout.session",
        "mode": "payment",
        "customer": job.payer.customer,
        "payment_intent": f"pi_kill_{job.number}",
        "currency": "usd",
        "client_reference_id": f"kill-{job.number}",
        "payment_status": "paid",
        "status": "complete",
        "amount_total": CENTS,
        "livemode": False,
    }
    event = {
        "id": f"evt_kill_{job.number}",
        "object": "event",
        "type": "checkout.session.completed",
        "created": time.time_ns() // 1_000_000_000,
        "livemode": False,
        "data": {"object": session},
    }
    return json.dumps(event).encode()
