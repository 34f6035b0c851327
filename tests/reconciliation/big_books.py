"""Books and an offline Stripe that agree, as big as asked for: everybody used, was metered, paid, and was told."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bioql_console.core import now_ms
from bioql_console.demo_data import meter_and_price
from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.environment import Environment
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.sandbox import Sandbox
from bioql_console.settings import environment_directory
from bioql_console.storage.database import Database, sqlite_url

EACH = 50
DAYS = 60


class BigBooks:
    """A data folder with `payments` payments, 50 of each user, over two months."""

    def __init__(self, data_dir: Path, payments: int) -> None:
        self.data_dir, self.payments = data_dir, payments
        self.users = max(1, payments // EACH)
        self.end_ms = now_ms() // DAY_MS * DAY_MS - DAY_MS
        self.folder = environment_directory(data_dir, Environment.SANDBOX)

    @property
    def ledger(self) -> Path:
        return self.folder / "bioql.db"

    def make(self) -> "BigBooks":
        database = Database(sqlite_url(self.ledger), now_ms)
        database.open(self.data_dir / "backups")
        database.close()
        with closing(sqlite3.connect(self.ledger)) as file, file:
            self._fill_ledger(file)
        sandbox = Sandbox(self.folder / "stripe.db")
        sandbox.put_many(meter_and_price(self.end_ms // 1000))
        sandbox.put_many(self._at_stripe())
        sandbox.put_usage(
            ("mtr_demo", f"cus_{user}", (at_ms - 1) // 1000, cents, f"run-{number}", EVENT_NAME)
            for number, user, cents, at_ms in self.each_payment()
        )
        sandbox.close()
        return self

    def each_payment(self) -> Iterator[tuple[int, int, int, int]]:
        """Number, user, cents, time."""
        for number in range(1, self.payments + 1):
            at_ms = self.end_ms - number * 7_919_000 % (DAYS * DAY_MS)
            yield number, (number - 1) // EACH + 1, 500 + number * 37 % 90_000, at_ms

    def _fill_ledger(self, file: sqlite3.Connection) -> None:
        began = self.end_ms - (DAYS + 1) * DAY_MS
        people = [(n, f"User {n}", f"u{n}@uni.example", "free", f"{n:064x}", "bioql_…", f"cus_{n}", began)
                  for n in range(1, self.users + 1)]  # fmt: skip
        file.executemany(
            "INSERT INTO users (id, name, email, plan, key_sha256, key_hint, stripe_customer_id, created_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            people,
        )
        file.executemany("INSERT INTO balances (user_id) VALUES (?)", [(n,) for n in range(1, self.users + 1)])
        runs, entries, postings, messages = [], [], [], []
        for number, user, cents, at_ms in self.each_payment():
            micros, run = cents * 10_000, f"run-{number}"
            used, paid = number * 2 - 1, number * 2
            runs.append((run, user, "simulator", cents, 10_000, micros, 1, at_ms - 1))
            entries.append((used, "usage", "usage", run, at_ms - 1, at_ms, "system", "", "usd"))
            entries.append((paid, "payment", "payment_intent", f"pi_{number}", at_ms, at_ms, "system", "", "usd"))
            postings.append((used, "receivable", user, micros, at_ms - 1))
            postings.append((used, "usage_revenue", None, -micros, at_ms - 1))
            postings.append((paid, "receivable", user, -micros, at_ms))
            postings.append((paid, "stripe_clearing", None, micros, at_ms))
            told = ("{}", "sent", at_ms)
            messages.append(("meter_event", run, run, user, f"cus_{user}", cents, at_ms, *told))
            credit = f"credit-pi_{number}"
            messages.append(("balance_credit", credit, credit, user, f"cus_{user}", cents, at_ms, *told))
        inserts: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
            "usage": ("usage_id, user_id, backend, shots, micros_per_shot, cost_micros, succeeded, at_ms", runs),
            "journal_entries": (
                "id, kind, source_type, source_id, effective_ms, recorded_ms, operator, memo, currency", entries),
            "postings": ("entry_id, account, user_id, micros, effective_ms", postings),
            "outbox": (
                "kind, key, identifier, user_id, stripe_customer_id, value, occurred_ms, extra, state, sent_ms",
                messages),
        }  # fmt: skip
        for table, (columns, rows) in inserts.items():
            marks = ", ".join("?" * len(rows[0]))
            file.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    def _at_stripe(self) -> Iterator[dict[str, Any]]:
        began = (self.end_ms - (DAYS + 1) * DAY_MS) // 1000
        for n in range(1, self.users + 1):
            yield {"id": f"cus_{n}", "object": "customer", "name": f"User {n}", "email": f"u{n}@uni.example",
                   "created": began, "metadata": {}}  # fmt: skip
        for number, user, cents, at_ms in self.each_payment():
            shared = {"customer": f"cus_{user}", "currency": "usd", "created": at_ms // 1000}
            yield {"id": f"ch_{number}", "object": "charge", "amount": cents, "amount_captured": cents,
                   "payment_intent": f"pi_{number}", **shared}  # fmt: skip
            yield {"id": f"cbtxn_{number}", "object": "customer_balance_transaction", "amount": -cents,
                   "ending_balance": 0, "type": "adjustment", "metadata": {"bioql_key": f"credit-pi_{number}"},
                   **shared}  # fmt: skip
