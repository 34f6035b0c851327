"""kill -9 of a real `serve`, a thousand times, at random moments while customers run and pay.

    scripts/soak kills --kills 1000 --seed 1

Each start is the whole server: lock, ledger, sandbox, webhook endpoint, API, applier and outbox. At the end nothing
that was acknowledged is lost, nothing is counted twice, the books balance and the file is sound.
"""

import argparse
import multiprocessing
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bioql_console.demo_data import fill_data_dir
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.webhooks import EventState
from bioql_console.settings import Settings, save
from bioql_console.storage.database import Database, sqlite_url
from tests.soak.around_kills.load import USERS, Load
from tests.waiting import wait_until

# What a start imports, so that a child that is forked off begins where `bioql-console serve` begins to work.
WARM = [
    "bioql_console.serve",
    "bioql_console.services.signature",
    "bioql_console.services.stripe_gateway",
    "anyio._backends._asyncio",
    "httpx",
    "keyring.backends.SecretService",
    "stripe._customer_balance_transaction_service",
    "stripe._stripe_client",
    "stripe.billing._meter_event_service",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
]
# How often it is killed before it answers. Else it is killed at a moment after so many acknowledgements, or when it
# took too long over them.
EARLY_SHARE = 0.15
MOST_ACKNOWLEDGED = 12
LONGEST_LIFE_S = 2.0
MOMENT_S = 0.05
STARTS_WITHIN_S = 60.0
# How long nothing may move while something waits for Stripe or the applier.
MOVES_WITHIN_S = 60.0
LOOK_EVERY = 50


@dataclass(frozen=True)
class Found:
    """What a run came to."""

    kills: int
    killed_while_starting: int
    events: int
    usage: int
    seconds: float
    wrong: tuple[str, ...]

    @property
    def words(self) -> str:
        return (
            f"{self.kills:,} kills ({self.killed_while_starting:,} of them while starting) in {self.seconds:,.0f} s: "
            f"{self.events:,} events and {self.usage:,} runs acknowledged, {len(self.wrong)} violations"
        )


def serve(data_dir: Path, port: int, ready: Path) -> None:
    """What the child does, until it is killed."""
    from bioql_console.domain.environment import Environment
    from bioql_console.serve import ServeOptions, run
    from bioql_console.services import outbox_sender

    # No other process lives that could have them, so what a dead one had claimed is free at once.
    outbox_sender.LEASE_MS = 0
    # What failed because the sandbox died with us is not put off for a quarter of an hour.
    outbox_sender.LONGEST_PAUSE_MS = 2_000
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(data_dir / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    run(ServeOptions(Environment.SANDBOX, "127.0.0.1", port, None, data_dir, ready, False))


class Victim:
    """The server that is started and killed."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir, self._ready = data_dir, data_dir / "ready.json"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(WARM)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        self._process: Any = None

    def start(self) -> None:
        self._ready.unlink(missing_ok=True)
        self._process = self._context.Process(target=serve, args=(self._data_dir, self.port, self._ready))
        self._process.start()

    @property
    def is_ready(self) -> bool:
        return self._ready.exists()

    def wait_until_ready(self) -> float:
        """How long it took, in seconds."""
        began = time.monotonic()
        wait_until(lambda: self.is_ready or not self._process.is_alive(), STARTS_WITHIN_S)
        assert self.is_ready, f"it does not start: exit code {self._process.exitcode}"
        return time.monotonic() - began

    def kill(self) -> None:
        """kill -9. What the child said of itself stays in `stderr.txt`."""
        self._process.kill()
        self._process.join(30)
        assert self._process.exitcode == -9, f"it had ended by itself: {self._process.exitcode}"


def soak(folder: Path, kills: int, seed: int, say: Callable[[str], None] = lambda _words: None) -> Found:
    """Run it in an empty folder."""
    began, chance = time.monotonic(), random.Random(seed)
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    save(replace(Settings(), port=0, requests_per_second=10_000), data_dir)
    fill_data_dir(data_dir, USERS, seed=1)
    database = Database(sqlite_url(data_dir / "sandbox" / "bioql.db"), lambda: time.time_ns() // 1_000_000)
    victim, wrong, early = Victim(data_dir), [], 0
    load = Load(f"http://127.0.0.1:{victim.port}", database, seed)
    pause, start_s = threading.Event(), 1.0
    with load:
        for number in range(1, kills + 1):
            victim.start()
            if chance.random() < EARLY_SHARE:
                pause.wait(chance.uniform(0, start_s))
            else:
                start_s = victim.wait_until_ready()
                load.wait_for(chance.randint(0, MOST_ACKNOWLEDGED), LONGEST_LIFE_S)
                pause.wait(chance.uniform(0, MOMENT_S))
            early += not victim.is_ready
            victim.kill()
            if number % LOOK_EVERY == 0:
                wrong += _differences(database)
                say(f"{number:,} kills, {len(load.events):,} events and {len(load.runs):,} runs acknowledged")
                if wrong:
                    break
        victim.start()
        victim.wait_until_ready()
        load.finish()
        if not _comes_to_rest(database):
            wrong.append("what waits in the inbox or outbox does not come to rest")
    victim.kill()
    wrong += [*_differences(database), *load.wrong(data_dir / "sandbox" / "stripe.db")]
    database.close()
    return Found(number, early, len(load.events), len(load.runs), time.monotonic() - began, tuple(wrong))


def _comes_to_rest(database: Database) -> bool:
    pause, left, since_s = threading.Event(), _waiting(database), time.monotonic()
    while left and time.monotonic() - since_s < MOVES_WITHIN_S:
        pause.wait(0.5)
        if (now := _waiting(database)) < left:
            left, since_s = now, time.monotonic()
    return not left


def _waiting(database: Database) -> int:
    with database.read() as work:
        unsent = sum(count for (_, state), count in work.outbox.counts().items() if state is MessageState.WAITING)
        return unsent + work.inbox.counts().get(EventState.RECEIVED, 0)


def _differences(database: Database) -> list[str]:
    """What `verify` finds: the ledger's invariants and the file's integrity."""
    with database.read() as work:
        return [difference.what for difference in work.verifier.run().differences]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)  # the desktop's keychain is none of a soak's business
    with tempfile.TemporaryDirectory(prefix="soak-kills-") as folder:
        found = soak(Path(folder), options.kills, options.seed, lambda words: print(words, flush=True))
    print(found.words)
    for line in found.wrong:
        print(f"WRONG  {line}")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
