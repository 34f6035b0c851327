"""A team at work: five processes, their customers, and the books and Stripe in the end."""

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from bioql_console.domain.environment import Environment
from bioql_console.domain.outbox import MessageKind, MessageState
from bioql_console.domain.webhooks import EventState
from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.delivery import RetryPolicy
from bioql_console.server.host import Host, Served, bind
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.storage.database import Database
from tests.databases import fresh_database
from tests.soak.around_operators.customers import Customers
from tests.soak.around_operators.member import Member
from tests.soak.around_operators.process import Orders

SERVERS, CONSOLES = 2, 3
FROZEN_S = 1.5
REGISTERED_FIRST = 6
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 3"
)


class Team:
    """Started when entered."""

    def __init__(self, cluster: str, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed
        self.url = fresh_database(cluster)
        self.database = Database(self.url, lambda: time.time_ns() // 1_000_000)
        self.database.open(folder / "backups")

    def __enter__(self) -> Self:
        # Whoever was killed is back in a second; no event is given up for that.
        self.sandbox = Sandbox(self._folder / "stripe.db", retries=RetryPolicy(0.2, 2.0, 100_000, 10.0, 8))
        listening = bind("127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.sandbox.set_base_url(self.base)
        self._host = Host([Served(self.sandbox.app, listening)])
        self._host.start()
        self._http = httpx.Client(base_url=self.base, timeout=30, trust_env=False)
        stripe = StripeAccess(Environment.SANDBOX, lambda: self.sandbox.secret_key, self.base)
        MeterSetup(stripe, self.database, lambda: time.time_ns() // 1_000_000).create_missing("soak")
        ports = [_free_port() for _ in range(SERVERS)]
        secrets = self._endpoints(ports)
        names = [(f"server{n}", port) for n, port in enumerate(ports)] + [(f"console{n}", 0) for n in range(CONSOLES)]
        self.members = [
            Member(
                Orders(
                    name,
                    port,
                    self.url,
                    self.base,
                    self.sandbox.secret_key,
                    secrets,
                    str(self._folder / name),
                    self._seed * 100 + number,
                ),
                self._folder,
            )
            for number, (name, port) in enumerate(names)
        ]
        self.customers = Customers([f"http://127.0.0.1:{port}" for port in ports], self.database, self._seed)
        if not self._until(lambda: all(member.said["ready"] for member in self.members), 120):
            raise TimeoutError("The team does not start.")
        self.customers.come(REGISTERED_FIRST)
        return self

    def __exit__(self, *_: object) -> None:
        self.customers.close()
        for member in self.members:
            if member.process.poll() is None:
                member.kill()
        self._http.close()
        self._host.stop()
        self.sandbox.close()
        self.database.close()

    def _endpoints(self, ports: list[int]) -> tuple[str, ...]:
        """Every event goes to both servers."""
        secrets = []
        for port in ports:
            made = self._http.post(
                "/v1/webhook_endpoints",
                data={"url": f"http://127.0.0.1:{port}/webhooks/stripe", "enabled_events[]": "*"},
                headers={"Authorization": f"Bearer {self.sandbox.secret_key}"},
            ).json()
            secrets.append(str(made["secret"]))
        return tuple(secrets)

    def control(self, name: str, **body: object) -> None:
        self._http.post(f"/_sandbox/{name}", json=body).raise_for_status()

    # --- work and trouble

    def work_for(self, seconds: float) -> None:
        self.customers.work_for(seconds)

    def trouble(self, chance: random.Random) -> str:
        """Something happens to one of the processes; what."""
        member = chance.choice(self.members)
        what = chance.choice(("kills", "kills", "freezes", "cut connections"))
        if what == "kills":
            member.kill()
            member.start()
        elif what == "freezes":
            os.kill(member.process.pid, signal.SIGSTOP)
            self.customers.work_for(FROZEN_S)
            os.kill(member.process.pid, signal.SIGCONT)
        else:
            self._rows(CUT)
        return what

    def come_to_rest(self, drain_s: float) -> list[str]:
        """Consoles end, and what waits is delivered, applied and sent; what is still under way then is wrong."""
        for member in self.members[SERVERS:]:
            member.end()
        quiet = [
            ("an event was not delivered", self._undelivered, 60.0),
            ("an event was not applied", lambda: self._inbox(EventState.RECEIVED), 60.0),
        ]
        if drain_s:
            quiet = [*quiet, ("a message was not sent", self._waiting, drain_s), *quiet]
        wrong = [f"{words}: {self._under_way()}" for words, left, seconds in quiet if not self._settles(left, seconds)]
        for member in self.members[:SERVERS]:
            member.end()
        return wrong

    def _until(self, holds: Any, seconds: float) -> bool:
        end, pause = time.monotonic() + seconds, threading.Event()
        while not holds():
            if time.monotonic() > end:
                return False
            pause.wait(0.05)
        return True

    def _settles(self, left: Callable[[], int], patience_s: float) -> bool:
        """Whether nothing is left in the end; it may take as long as it takes, while there is less and less."""
        fewest, end, pause = left(), time.monotonic() + patience_s, threading.Event()
        while now_left := left():
            if now_left < fewest:
                fewest, end = now_left, time.monotonic() + patience_s
            elif time.monotonic() > end:
                return False
            pause.wait(0.2)
        return True

    def _undelivered(self) -> int:
        with self.sandbox._store.transaction():
            (count,) = self.sandbox._store.db.execute(
                "SELECT count(*) FROM deliveries WHERE state = 'pending'"
            ).fetchone()
        return int(count)

    def _under_way(self) -> str:
        """What has not come to rest, for whoever has to find out why."""
        found = self._http.get("/_sandbox/deliveries", params={"state": "pending"}).json()["data"]
        waiting = Counter((each["url"], str(each["status_codes"][-3:])) for each in found)
        gone = [each.orders.name for each in self.members[:SERVERS] if each.process.poll() is not None]
        words = ", ".join(f"{n} to {url} after {codes}" for (url, codes), n in waiting.most_common(5))
        counted = f"{self._inbox(EventState.RECEIVED)} to apply, {self._waiting()} to send"
        return f"{words or 'nothing'} to deliver, {counted}, servers gone: {gone or 'none'}"

    def _inbox(self, state: EventState) -> int:
        with self.database.read() as work:
            return work.inbox.counts().get(state, 0)

    def _waiting(self) -> int:
        with self.database.read() as work:
            return sum(n for (_, state), n in work.outbox.counts().items() if state is MessageState.WAITING)

    # --- what came of it

    def figures(self) -> str:
        said = sum((member.said for member in self.members), Counter[str]())
        refused = {what: n for what, n in said.items() if what.startswith("refused")}
        deeds = sum(n for what, n in said.items() if what not in ("ready", "started anew")) - sum(refused.values())
        (entries,) = self._rows("SELECT count(*) FROM journal_entries")[0]
        (events,) = self._rows("SELECT count(*) FROM inbox")[0]
        words = f"{deeds:,} deeds of operators, {self.customers.words()}, {events:,} events, {entries:,} entries"
        return f"{words}; refused: {dict(sorted(refused.items()))}"

    def wrong(self, *, drained: bool) -> list[str]:
        """What is not as it should be, in sentences. All processes have ended."""
        wrong = []
        with self.database.read() as work:
            found = work.verifier.run()
            wrong += [f"verify: {difference}" for difference in found.differences]
            if (broken := work.activity.first_broken()) is not None:
                wrong.append(f"the trail breaks at {broken}")
            refused = work.outbox.recent(20, MessageState.REFUSED)
            wrong += [f"Stripe refused {message.kind.value} {message.key}: {message.error}" for message in refused]
        for member in self.members:
            if "Traceback" in (text := member.complaints()):
                wrong.append(f"{member.orders.name} stumbled: {text[-1_500:]}")
        aside = self._rows("SELECT type, reason FROM inbox WHERE state = 'quarantined'")
        wrong += [f"an event was put aside: {kind}, {reason}" for kind, reason in aside]
        wrong += self.customers.wrong(self._rows)
        wrong += self._doubled()
        if (books := self._books_cents()) != (stripe := self._stripe_cents()):
            kinds = self._rows(
                "SELECT kind, (sum(micros) / 10000)::bigint FROM postings p JOIN journal_entries e ON e.id = p.entry_id"
                " WHERE account = 'stripe_clearing' GROUP BY kind"
            )
            words = ", ".join(f"{kind} {cents}" for kind, cents in kinds)
            wrong.append(f"the books have {books} cents at Stripe ({words}), Stripe has {stripe}")
        return wrong + (self._metered_otherwise() if drained else [])

    def _doubled(self) -> list[str]:
        """What exists twice at Stripe though it was wanted once."""
        wrong = []
        for kind in ("customer_balance_transaction", "credit_note", "invoice", "refund"):
            keys = Counter(one["metadata"].get("bioql_key") for one in self.sandbox._store.select(kind, equal={}))
            wrong += [f"{kind} {key} was made {n} times" for key, n in keys.items() if key and n > 1]
        people = Counter(one["email"] for one in self.sandbox._store.select("customer", equal={}))
        wrong += [f"customer {email} was made {n} times" for email, n in people.items() if n > 1]
        edits = self._rows("SELECT subject, before, after FROM activity WHERE action = 'changed plan' ORDER BY id")
        last: dict[str, str] = {}
        for subject, before, after in edits:
            if last.setdefault(subject, before) != before:
                wrong.append(f"{subject}: an edit of the plan was written over unseen")
            last[subject] = after
        return wrong

    def _stripe_cents(self) -> int:
        charges = [one for one in self.sandbox._store.select("charge", equal={}) if one["paid"]]
        refunds = [one for one in self.sandbox._store.select("refund", equal={}) if one["status"] != "failed"]
        return int(sum(one["amount_captured"] for one in charges) - sum(one["amount"] for one in refunds))

    def _books_cents(self) -> int:
        (micros,) = self._rows("SELECT coalesce(sum(micros), 0) FROM postings WHERE account = 'stripe_clearing'")[0]
        return int(micros) // 10_000

    def _metered_otherwise(self) -> list[str]:
        rows = self._rows(
            f"SELECT stripe_customer_id, sum(value) FROM outbox WHERE kind = '{MessageKind.METER_EVENT.value}'"
            " AND state = 'sent' GROUP BY 1"
        )
        ours = {customer: int(value) for customer, value in rows}
        at_stripe = self.sandbox._store.db.execute(
            "SELECT customer, sum(CAST(value AS INTEGER)) FROM meter_events WHERE cancelled = 0 GROUP BY 1"
        )
        theirs = {customer: int(value) for customer, value in at_stripe}
        return [
            f"{customer}: the meter has {theirs.get(customer, 0)}, the books {ours.get(customer, 0)}"
            for customer in sorted({*ours, *theirs})
            if ours.get(customer, 0) != theirs.get(customer, 0)
        ]

    def _rows(self, statement: str) -> list[Any]:
        with self.database._engine.connect() as connection:
            return list(connection.exec_driver_sql(statement))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
