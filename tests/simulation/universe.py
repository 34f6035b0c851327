"""One ledger, one Stripe, the processes between them, and a time that moves when a step says so. No thread, no socket.

It stands beside `tests/money/world.py`, whose console is one process that never ends: here it is its end, at any commit
or request, that is looked for. What can be seen on either side is the same code for both.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from bioql_console.domain.environment import Environment
from bioql_console.sandbox import Sandbox
from bioql_console.sandbox.signatures import signature_header
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.storage.database import Database, sqlite_url
from tests.empty_ledger import empty_ledger
from tests.money.at_stripe import AtStripe
from tests.money.in_books import InBooks
from tests.money.world import InProcess
from tests.simulation.chance import Chance
from tests.simulation.invariants import Watch
from tests.simulation.plan import Plan, Step, Trouble
from tests.simulation.process import NOWHERE, Killed, Process

# What the sandbox calls these troubles, and whether it repeats the failure for the same idempotency key.
AT_STRIPE: dict[str, tuple[int | str, bool]] = {
    "never sent": ("hang", False),
    "answer lost": ("reset", False),
    "429": (429, False),
    "500": (500, False),
    "500 kept": (500, True),
}


@dataclass
class Fate:
    """What is to go wrong in the step in hand."""

    troubles: tuple[Trouble, ...]
    met: dict[str, int] = field(default_factory=lambda: {"commit": 0, "request": 0, "answer": 0})

    def next(self, place: str) -> Trouble | None:
        self.met[place] += 1
        here = (each for each in self.troubles if (each.place, each.nth) == (place, self.met[place]))
        return next(here, None)


class Universe(AtStripe, InBooks):
    """Plays the part of the machines: disk, network, clocks, Stripe's deliveries.

    Args:
        tell: Takes the story, line by line.
    """

    def __init__(self, folder: Path, plan: Plan, chance: Chance, tell: Callable[[str], None]) -> None:
        self.plan, self.chance, self.tell = plan, chance, tell
        self.fates: list[Fate] = []
        self.does: Callable[[Step], None] = lambda _step: None
        self.file = folder / "bioql.db"
        empty_ledger(self.file)
        self.sandbox = Sandbox(folder / "stripe.db")
        self.control("thresholds", offered=plan.thresholds)
        self.ahead_ms = [0] * plan.consoles
        self.consoles: list[Process | None] = [None] * plan.consoles
        self.database = Database(sqlite_url(self.file), self.now_ms)
        # Somebody in Stripe's dashboard, whose connection holds.
        self.stripe = StripeAccess(Environment.SANDBOX, lambda: self.sandbox.secret_key, NOWHERE)
        gateway = StripeGateway(self.sandbox.secret_key, Environment.SANDBOX, base=NOWHERE)
        door: Any = gateway.v1._requestor._client
        door._client = lambda: InProcess(self.sandbox)
        self.stripe._gateway = gateway
        self.mail: list[tuple[str, bytes]] = []
        self.delivered: list[tuple[str, bytes]] = []
        self.lost: set[str] = set()
        self.watch = Watch(self)
        self.loop = asyncio.new_event_loop()

    def close(self) -> None:
        for process in self.consoles:
            if process is not None:
                process.close()
        self.watch.close()
        self.loop.close()
        self.database.close()
        self.sandbox.close()

    # --- processes ---

    def running(self, who: int) -> Process | None:
        return self.consoles[who % len(self.consoles)]

    def start(self, who: int) -> Process:
        """The process; where none runs, one begins with what is on the disk."""
        place = who % len(self.consoles)
        process = self.consoles[place]
        if process is None:

            def now_ms() -> int:
                return self.now_ms() + self.ahead_ms[place]

            process = Process(self, self.file, self.sandbox, now_ms, self.plan.retries, self.plan.together)
            self.consoles[place] = process
            self.tell(f"      console {place + 1} starts")
        return process

    def kill(self, process: Process) -> None:
        process.dead = True
        place = self.consoles.index(process)
        self.consoles[place] = None
        self.tell(f"      console {place + 1} is killed")
        process.close()

    # --- edges of a process ---

    def commit(self, process: Process, commit: Callable[[], None]) -> None:
        trouble = self.fates[-1].next("commit") if self.fates else None
        what = trouble.what if trouble else ""
        if what == "dies before":
            self.kill_in(process)
        if what == "disk fails":
            self.tell("      the disk fails")
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))
        commit()
        self.watch.look()
        if what == "dies after":
            self.kill_in(process)

    def request(self, process: Process, send: Callable[[], Any]) -> Any:
        trouble = self.fates[-1].next("request") if self.fates else None
        what = trouble.what if trouble else ""
        if what == "dies before":
            self.kill_in(process)
        if what == "meanwhile before":
            self._meanwhile(process, trouble)
        if what in AT_STRIPE:
            status, kept = AT_STRIPE[what]
            self.tell(f"      {what}")
            self.sandbox.app._faults.add(status, ".*", 1, kept=kept)
        try:
            answer = send()
        finally:
            self.watch.look_at_stripe()
        if what == "dies after":
            self.kill_in(process)
        if what == "meanwhile after":
            self._meanwhile(process, trouble)
        return answer

    def answers(self) -> bool:
        """Whether the answer of what was done reaches who asked for it."""
        lost = bool(self.fates and self.fates[-1].next("answer"))
        if lost:
            self.tell("      it is done, and the answer is lost")
        return not lost

    def kill_in(self, process: Process) -> None:
        process.dead = True
        raise Killed

    def _meanwhile(self, process: Process, trouble: Trouble | None) -> None:
        assert trouble is not None
        assert trouble.meanwhile is not None
        self.does(trouble.meanwhile)
        if process.dead:
            raise Killed

    # --- delivery ---

    def collect_mail(self) -> None:
        """What Stripe has to deliver since the last look."""
        for body in self.pending_events():
            self.mail.append((json.loads(body)["id"], body))

    def deliver(self, process: Process, mail: list[tuple[str, bytes]]) -> None:
        """Events arrive at the same moment; what was not answered with 200 is delivered again later."""
        at = self.now_ms() // 1000
        signed = [(body, signature_header(self.sandbox.webhook_secret, at, body)) for _, body in mail]
        answers = self.loop.run_until_complete(process.receive(signed))
        for (event_id, body), status in zip(mail, answers, strict=True):
            if status == 200:
                self.watch.acknowledged(event_id)
                self.delivered.append((event_id, body))
            elif (event_id, body) not in self.mail:
                self.mail.append((event_id, body))
        if process.dead:
            raise Killed
