"""Other processes in the way, and a computer that sleeps."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from bioql_console.core import now_ms
from bioql_console.domain.event_coverage import Span
from bioql_console.domain.paging import EventQuery
from bioql_console.embedded import bound_url
from bioql_console.sandbox import Sandbox
from bioql_console.server.host import Host, Served, bind
from bioql_console.storage.database import Database
from tests.sites import JANES_ID, PAYING_CARD, open_site
from tests.waiting import wait_until

HOLDS_A_PORT = """
import socket, sys
held = socket.create_server(("127.0.0.1", 0))
print(held.getsockname()[1], flush=True)
sys.stdin.readline()
"""


@pytest.mark.fault(
    "Processes",
    "another program holds the port that `serve` is to listen on",
    "It ends with exit code 1, naming the port and the program with its process; no other port is taken silently.",
    figure="1 port taken, 0 others opened",
)
def test_the_port_is_taken(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_PORT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port = other.stdout.readline().strip()
        command = [sys.executable, "-m", "bioql_console", "serve", "--env", "sandbox", "--port", port]
        done = subprocess.run(
            [*command, "--data-dir", str(data_dir)], capture_output=True, text=True, timeout=50, check=False
        )
        other.communicate("\n", timeout=20)
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken by" in done.stderr
    assert f"(process {other.pid})" in done.stderr
    assert "[port.taken]" in done.stderr


FOLLOWS = """
import sys
from pathlib import Path
from bioql_console.core import Core, StripeSecrets, now_ms
from bioql_console.domain.environment import Environment
from bioql_console.services import missed_events, polling
from bioql_console.settings import load
from bioql_console.storage.database import Database
polling.FIRST_LOOK_S, polling.WATCH_EVERY_S, polling.LONGEST_WATCH_PAUSE_MS = 0.0, 0.2, 1_000
missed_events.POLL_GRACE_MS = 0
url, base, key, folder = sys.argv[1:]
secrets = StripeSecrets(lambda: key, lambda: [])
core = Core(Environment.SANDBOX, load(Path(folder)), Path(folder), Database(url, now_ms), secrets, base)
core.polling._every_s = 0.2  # outside the Sandbox it is half a minute
core.start()
sys.stdin.readline()
core.close()
"""


@contextmanager
def served_sandbox(path: Path) -> Iterator[str]:
    """The sandbox of a file by itself; its address."""
    sandbox, listening = Sandbox(path), bind("127.0.0.1", 0)
    base = bound_url(listening)
    sandbox.set_base_url(base)
    host = Host([Served(sandbox.app, listening)])
    host.start()
    try:
        yield base
    finally:
        host.stop()
        sandbox.close()


@pytest.mark.fault(
    "Processes",
    "the computer sleeps while a customer pays",
    "After waking the console fetches what it missed and counts it; the time it slept is marked as not watched.",
    figure="1.5 s asleep, 1 payment, counted once",
)
def test_asleep_while_somebody_pays(data_dir: Path) -> None:
    with open_site(data_dir) as site:
        page = site.create_payment().json()["url"]
        site.console.sandbox.delivery(paused=True)
        key, url = site.console.secret_key(), str(site.console.store.url)
    ledger = Database(url, now_ms)

    def watches() -> list[Span]:
        with ledger.read() as work:
            return work.coverage.watches(0)

    def owed() -> int:
        with ledger.read() as work:
            return work.ledger.balance(JANES_ID).owed_micros

    with served_sandbox(data_dir / "sandbox" / "stripe.db") as base:
        began, before = now_ms(), len(watches())
        command = [sys.executable, "-c", FOLLOWS, url, base, key, str(data_dir)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as console:
            wait_until(lambda: any(span.until_ms > began for span in watches()), 30)
            console.send_signal(signal.SIGSTOP)
            asleep = now_ms()
            assert httpx.post(base + urlsplit(page).path, data=PAYING_CARD, trust_env=False).status_code == 303
            wait_until(lambda: now_ms() - asleep > 1_500)
            assert owed() == 350_000_000
            console.send_signal(signal.SIGCONT)
            wait_until(lambda: owed() == 0, 30)
            wait_until(lambda: watches()[-1].from_ms > asleep, 30)
            console.communicate("\n", timeout=30)
    found = watches()
    assert len(found) >= before + 2
    assert found[-2].until_ms <= asleep + 1_000, "it says that it watched while it slept"
    with ledger.read() as work:
        events = work.inbox.page(EventQuery(), None, 100).rows
        assert [each.source.value for each in events if each.type == "checkout.session.completed"] == ["backfill"]
        assert work.verifier.run().ok
    ledger.close()
