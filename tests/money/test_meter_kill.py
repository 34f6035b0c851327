"""kill -9 at any moment while usage is sent: in the end each run is counted once, to the cent."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.outbox import MessageKind, MessageState
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.sandbox import Sandbox
from bioql_console.server.host import Host, Served, bind
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.storage.database import Database

RUNS, KILLS, KILLS_ON_POSTGRESQL = 400, 12, 3
SENDER = """
import sys, threading
from bioql_console.domain.environment import Environment
from bioql_console.services import outbox_sender
from bioql_console.services.changes import Changes
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.storage.database import Database
outbox_sender.LEASE_MS = 0
url, key, base, offset = sys.argv[1:]
clock = lambda: int(__import__("time").time() * 1000) + int(offset)
database = Database(url, clock)
database.open_existing()
stripe = StripeAccess(Environment.SANDBOX, lambda: key, base)
sender = outbox_sender.OutboxSender(database, stripe, Changes(), clock)
stripe.gateway()
print("ready", flush=True)
while sender.send_due(20):
    pass
print("done", flush=True)
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[tuple[Sandbox, str]]:
    made = Sandbox(tmp_path / "stripe.db")
    listening = bind("127.0.0.1", 0)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    made.set_base_url(base)
    host = Host([Served(made.app, listening)])
    host.start()
    yield made, base
    host.stop()
    made.close()


@pytest.mark.both_databases
@pytest.mark.fault(
    "Crash",
    "kill -9 while usage is sent to Stripe's meter",
    "Each run is counted once, to the cent, however often the sender is killed.",
    figure="12 kills, 400 runs; 3 kills on PostgreSQL",
)
def test_every_run_is_counted_once_however_often_the_sender_is_killed(
    sandbox: tuple[Sandbox, str], ledger_url: str, tmp_path: Path
) -> None:
    stripe_side, base = sandbox
    url = ledger_url
    kills = KILLS if url.startswith("sqlite") else KILLS_ON_POSTGRESQL
    now_ms = time.time_ns() // 1_000_000
    database = Database(url, lambda: now_ms)
    database.open(tmp_path / "backups")
    stripe = StripeAccess(Environment.SANDBOX, lambda: stripe_side.secret_key, base)
    MeterSetup(stripe, database, lambda: now_ms).create_missing("tests")
    stripe_side.put_many([{"id": "cus_1", "object": "customer"}])
    with database.write() as work:
        user = work.users.add(NewUser("A", "a@uni.example", ApiKey.of("k"), 1, stripe_customer_id="cus_1"))
        assert user is not None
        for number in range(RUNS):
            work.outbox.add(
                MessageKind.METER_EVENT,
                f"run-{number}",
                user_id=user.id,
                stripe_customer_id="cus_1",
                value=number + 1,
                occurred_ms=now_ms,
            )
        work.commit()
    chance = random.Random(1)
    for turn in range(kills + 1):
        command = [sys.executable, "-c", SENDER, url, stripe_side.secret_key, base, str(turn)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if turn < kills:
            try:
                child.wait(chance.uniform(0.0, 0.15))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        child.stdout.read()
        child.stdout.close()
        child.wait(60)
    with database.read() as work:
        counts = work.outbox.counts()
    database.close()
    rows = stripe_side._store.db.execute("SELECT identifier, value FROM meter_events WHERE cancelled = 0").fetchall()
    assert counts == {(MessageKind.METER_EVENT, MessageState.SENT): RUNS}
    assert len(rows) == len({identifier for identifier, _ in rows}) == RUNS
    assert sum(int(value) for _, value in rows) == RUNS * (RUNS + 1) // 2
