"""What the ledger, the stand-in for Stripe and the customers each say, side by side."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from bioql_console.core import now_ms
from bioql_console.domain.environment import Environment
from bioql_console.domain.money import MICROS_PER_CENT
from bioql_console.services.reconciliation.reconcile import reconciliation_of
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.reconciliation_scratch import open_scratch
from tests.soak.around_window.customers import Customers
from tests.soak.around_window.stage import Stage


class Books:
    """Both sides, read straight from their files."""

    def __init__(self, staged: Stage, customers: Customers) -> None:
        self._staged, self._customers = staged, customers
        self._ledger = staged.data_dir / "test" / "bioql.db"
        self._stripe = staged.data_dir.parent / "stripe.db"

    async def settle(self, within_s: float) -> list[str]:
        """Wait until nothing is on its way any more: deliveries, stored events, messages to Stripe.

        However much there is, and however slow the machine: as long as it becomes less, it is waited for.

        Args:
            within_s: How long it may take until there is less than ever before.

        Returns:
            What still is on its way, when it becomes no less.
        """
        least, deadline = None, time.monotonic() + within_s
        while left := await asyncio.to_thread(self._on_the_way):
            if least is None or sum(left.values()) < least:
                least, deadline = sum(left.values()), time.monotonic() + within_s
            if time.monotonic() > deadline:
                return [f"Still on the way, and no less of it for {within_s:g} s: {left} {self._why()}"]
            # Deliveries that wait for their next attempt are due now.
            await asyncio.to_thread(self._staged.control, "clock", advance_s=0)
            await asyncio.sleep(1)
        return []

    def _on_the_way(self) -> dict[str, int]:
        asked = {
            "deliveries": (self._stripe, "SELECT count(*) FROM deliveries WHERE state = 'pending'"),
            "events": (self._ledger, "SELECT count(*) FROM inbox WHERE state = 'received'"),
            "messages": (self._ledger, "SELECT count(*) FROM outbox WHERE state = 'waiting'"),
        }
        found = {name: one(path, query) for name, (path, query) in asked.items()}
        return {name: count for name, count in found.items() if count}

    def _why(self) -> str:
        with closing(sqlite3.connect(self._ledger)) as ledger:
            return str(ledger.execute("SELECT kind, error, count(*) FROM outbox GROUP BY 1, 2").fetchall())

    def webhooks(self) -> int:
        """Deliveries that were acknowledged, each time one was."""
        return one(self._ledger, "SELECT coalesce(sum(deliveries), 0) FROM inbox WHERE source = 'http'")

    def wrongs(self) -> list[str]:
        """Everything that does not agree."""
        return [*self._money(), *self._events(), *self._verified(), *self._reconciled()]

    def _money(self) -> list[str]:
        wrong = []
        with closing(sqlite3.connect(self._ledger)) as ledger:
            rows = dict(ledger.execute("SELECT user_id, receivable_micros + credit_micros FROM balances"))
        for user, cents in self._customers.owed_cents.items():
            if rows[user] != cents * MICROS_PER_CENT:
                wrong.append(f"User {user} owes {cents} cents by their own count, {rows[user]} micros in the books.")
        return wrong

    def _events(self) -> list[str]:
        made = "SELECT id FROM objects WHERE kind = 'event'"
        with closing(sqlite3.connect(self._stripe)) as stripe, closing(sqlite3.connect(self._ledger)) as ledger:
            sent = {row[0] for row in stripe.execute(made)}
            stored = dict(ledger.execute("SELECT event_id, state FROM inbox"))
        wrong = [f"Event {each} was never stored." for each in sorted(sent - stored.keys())[:5]]
        wrong += [f"Event {each} was stored, but nobody sent it." for each in sorted(stored.keys() - sent)[:5]]
        stuck = set(stored.values()) - {"applied", "ignored"}
        return wrong + [f"There are events in state {state}." for state in sorted(stuck)]

    def _verified(self) -> list[str]:
        with closing(self._open()) as database, database.read() as work:
            return [difference.what for difference in work.verifier.run().differences]

    def _reconciled(self) -> list[str]:
        stripe = StripeAccess(Environment.TEST, lambda: self._staged.stripe_key, self._staged.stripe_url)
        with closing(self._open()) as database:
            reconciliation = reconciliation_of(Environment.TEST, database, stripe, open_scratch, now_ms)
            found = reconciliation.run(reconciliation.default_period(), lambda done, steps, words: None)
        return [f"{one.what} {one.cause}" for one in found.differences]

    def _open(self) -> Database:
        database = Database(sqlite_url(self._ledger), now_ms)
        database.open_existing()
        return database


def one(path: Path, query: str) -> int:
    """A single number out of a file that is being written to."""
    with closing(sqlite3.connect(path, timeout=30)) as file:
        return int(file.execute(query).fetchone()[0])
