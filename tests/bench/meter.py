"""Sending usage from the outbox beside a raw loop of one client that posts the same meter events."""

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bioql_console.domain.environment import Environment
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.services.changes import Changes
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.storage.database import Database, sqlite_url
from tests.bench.figures import Figure, interleaved

EVENTS, ROUNDS = 400, 5
CUSTOMER = "cus_1"
FLOOR = (
    "the outbox sends 500 a second at most, by decision: Stripe takes 1,000 from all programs on an account. Where the "
    "loop manages less than 600 it is met."
)
# In a process of its own, so that neither side shares its time with what it asks.
SANDBOX = """
import sys
from pathlib import Path
from bioql_console.sandbox import Sandbox
from bioql_console.server.host import Host, Served, bind
sandbox, listening = Sandbox(Path(sys.argv[1])), bind("127.0.0.1", 0)
base = f"http://127.0.0.1:{listening.getsockname()[1]}"
sandbox.set_base_url(base)
host = Host([Served(sandbox.app, listening)])
host.start()
sandbox.put_many([{"id": "cus_1", "object": "customer"}])
print(base, sandbox.secret_key, flush=True)
sys.stdin.read()
host.stop()
sandbox.close()
"""


def run() -> list[Figure]:
    """Events a second, claimed from the outbox, sent, and marked; the loop only sends."""
    with tempfile.TemporaryDirectory() as name, _sandbox(Path(name)) as (base, key):
        database = Database(sqlite_url(Path(name) / "bioql.db"), _now_ms)
        database.open(Path(name) / "backups")
        stripe = StripeAccess(Environment.SANDBOX, lambda: key, base)
        MeterSetup(stripe, database, _now_ms).create_missing("bench")
        with database.write() as work:
            user = work.users.add(NewUser("A", "a@uni.example", ApiKey.of("k"), 1, stripe_customer_id=CUSTOMER))
            work.commit()
        assert user is not None
        numbers, sender = itertools.count(), OutboxSender(database, stripe, Changes(), _now_ms)
        client = httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, trust_env=False)

        def ours() -> float:
            with database.write() as work:
                for number in itertools.islice(numbers, EVENTS):
                    work.outbox.add(
                        MessageKind.METER_EVENT,
                        f"run-{number}",
                        user_id=user.id,
                        stripe_customer_id=CUSTOMER,
                        value=1,
                        occurred_ms=_now_ms(),
                    )
                work.commit()
            started = time.perf_counter()
            assert sender.send_due() == EVENTS
            return EVENTS / (time.perf_counter() - started)

        def loop() -> float:
            started = time.perf_counter()
            for number in itertools.islice(numbers, EVENTS):
                form = {
                    "event_name": EVENT_NAME,
                    "identifier": f"raw-{number}",
                    "payload[stripe_customer_id]": CUSTOMER,
                    "payload[value]": "1",
                }
                headers = {"Idempotency-Key": f"raw-{number}"}
                client.post("/v1/billing/meter_events", data=form, headers=headers).raise_for_status()
            return EVENTS / (time.perf_counter() - started)

        try:
            sent, raw = interleaved(ours, loop, ROUNDS)
        finally:
            sender.close()
            client.close()
            database.close()
    figure = Figure("against a raw httpx loop", sent, raw, goal=0.8, unit="/s", more_is_better=True, floor=FLOOR)
    return [figure]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _sandbox(folder: Path) -> Iterator[tuple[str, str]]:
    """Its address and its secret key."""
    command = [sys.executable, "-c", SANDBOX, str(folder / "stripe.db")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        base, key = process.stdout.readline().split()
        yield base, key
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()
