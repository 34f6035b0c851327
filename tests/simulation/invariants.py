"""What must hold, by name: at every commit and request, and when everything has arrived.

The accounts here share no code with the product: they are kept from what the databases on both sides say.
"""

import json
import re
import sqlite3
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.simulation.ambiguity import SaidAsNumber, cannot_be_told

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

INVARIANTS = {
    "books balance": "Every entry sums to zero over two postings or more.",
    "balances follow": "The kept balance of each user is the sum of the user's postings, after every commit.",
    "append-only": "What was posted stays as it is, after every commit and every crash.",
    "posted once": "No kind and source is posted twice, and no payment by more than Stripe collected of it.",
    "acknowledged is stored": "An event that was answered with 200 is in the inbox, and stays there.",
    "sent is there": "What the outbox calls sent, Stripe has.",
    "made once": "Nothing that a console makes at Stripe is there twice for the same key.",
    "counted once": "The meter counts no run twice, and each for what it cost.",
    "nothing owed, nothing collected": "When all was known to both sides, no more is collected than is owed.",
    "one page": "At rest Stripe has at most one open page for each user.",
    "no page asks too much": "At rest no page that can still be paid asks for more than is owed.",
    "as it stands": "At rest invoices and refunds stand in the books as they do at Stripe.",
    "nothing waits": "At rest inbox and outbox are empty, and nothing waits for an operator.",
    "cash": "At rest the cash in the books is the cash at Stripe.",
    "truth": "At rest each user owes what was used, less what was given and collected.",
    "collected once": "At rest what Stripe will collect of a user is what the books say is owed.",
    "meter is usage": "At rest the meter has counted what was used, to the cent.",
    "verified": "At the end the product's own `verify` finds nothing.",
    "no surprise": "Nothing but the failures that operators know is ever raised.",
}


class Violation(BaseException):
    """A promise is broken. It ends the run from wherever it is found; nothing in the product may catch it.

    Args:
        name: In `INVARIANTS`.
    """

    def __init__(self, name: str, words: str) -> None:
        super().__init__(name, words)
        self.name = name
        assert name in INVARIANTS

    def __str__(self) -> str:
        return f"{self.name}: {INVARIANTS[self.name]} {self.args[1]}"


def require(holds: bool, name: str, *words: object) -> None:
    if not holds:
        raise Violation(name, " ".join(map(str, words)))


class Watch:
    """Looks at what is new in both databases, by connections of its own."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._books = sqlite3.connect(universe.file, isolation_level=None)
        self._stripe = universe.sandbox._store.db
        self._posting = 0
        self._kept = (0, 0)
        self._posted: dict[tuple[str, str, str], int] = {}
        self._balances: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._cash: defaultdict[str, int] = defaultdict(int)
        self.written_off_micros: defaultdict[int, int] = defaultdict(int)
        self._acknowledged: set[str] = set()
        self._sent: set[int] = set()
        self._object = self._metered = 0
        self._keys: set[tuple[str, str]] = set()
        self._runs: dict[str, int] = {}
        self.charges: list[dict[str, Any]] = []
        """New ones at Stripe; whoever has looked at them empties the list."""

    def close(self) -> None:
        self._books.close()

    # --- after every commit ---

    def look(self) -> None:
        self._look_at_postings()
        self._look_at_outbox()

    def _look_at_postings(self) -> None:
        rows = self._books.execute(
            "SELECT p.id, p.entry_id, e.kind, e.source_type, e.source_id, p.account, p.user_id, p.micros"
            " FROM postings p JOIN journal_entries e ON e.id = p.entry_id WHERE p.id > ? ORDER BY p.id",
            (self._posting,),
        ).fetchall()
        kept = self._books.execute(
            "SELECT count(*), coalesce(sum(id * micros), 0) FROM postings WHERE id <= ?", (self._posting,)
        ).fetchone()
        require(kept == self._kept, "append-only", f"Up to posting {self._posting}: {self._kept} before, {kept} now")
        entries: defaultdict[int, list[Any]] = defaultdict(list)
        for row in rows:
            entries[row[1]].append(row)
            self._posting = row[0]
            self._kept = self._kept[0] + 1, self._kept[1] + row[0] * row[7]
        for entry, postings in entries.items():
            self._look_at_entry(entry, postings)
        for user, owed, credit in self._books.execute("SELECT user_id, receivable_micros, credit_micros FROM balances"):
            posted = self._balances[user, "receivable"], self._balances[user, "customer_credit"]
            require((owed, credit) == posted, "balances follow", f"User {user}: kept {(owed, credit)}, posted {posted}")

    def _look_at_entry(self, entry: int, postings: list[Any]) -> None:
        source = postings[0][2:5]
        off = sum(row[7] for row in postings)
        require(len(postings) > 1 and off == 0, "books balance", f"Entry {entry} {source} is off by {off}")
        require(
            source not in self._posted, "posted once", f"{source} is in entries {self._posted.get(source)}, {entry}"
        )
        self._posted[source] = entry
        for _, _, kind, _, source_id, account, user, micros in postings:
            if user is not None:
                self._balances[user, account] += micros
            if kind == "payment" and account == "stripe_clearing":
                self._look_at_payment(source_id, micros)
            if account == "write_offs":
                self.written_off_micros[next(row[6] for row in postings if row[6] is not None)] += micros

    def _look_at_payment(self, source_id: str, micros: int) -> None:
        """Stripe collected first, at least so much. A mistake may have named it by more than Stripe's id."""
        found = re.match("[a-z]+_[A-Za-z0-9]+", source_id)
        assert found is not None
        paid, stripe = found[0], self._universe.sandbox._store
        self._cash[paid] += micros
        if paid.startswith("in_"):
            invoice = stripe.get("invoice", paid) or {}
            collected = invoice.get("amount_paid", 0)
        else:
            charges = self._universe.objects("charge", payment_intent=paid)
            collected = sum(each["amount_captured"] for each in charges if each["paid"])
        posted = self._cash[paid]
        require(posted <= collected * 10_000, "posted once", f"{paid}: {posted} micros posted, {collected} cents paid")

    def _look_at_outbox(self) -> None:
        rows = self._books.execute("SELECT id, kind, key, identifier, extra, error FROM outbox WHERE state = 'sent'")
        for number, kind, key, identifier, extra, error in rows.fetchall():
            if number in self._sent:
                continue
            self._sent.add(number)
            if not error:  # else another message does its work
                require(self._is_there(kind, key, identifier, json.loads(extra)), "sent is there", f"{kind} {key}")

    def _is_there(self, kind: str, key: str, identifier: str, extra: dict[str, str]) -> bool:
        if kind == "meter_event":
            sql = "SELECT 1 FROM meter_events WHERE identifier = ?"
            return self._stripe.execute(sql, (identifier,)).fetchone() is not None
        self.look_at_stripe()
        if kind == "balance_credit":
            return ("customer_balance_transaction", key) in self._keys or key.startswith("begin-")
        if kind == "credit_note":
            return ("credit_note", key) in self._keys
        if kind == "close_link":
            session = self._universe.sandbox._store.get("checkout.session", extra["session"])
            return session is None or session["status"] != "open"
        if kind == "invoice" and not extra.get("subscription"):
            return ("invoice", key) in self._keys
        return True

    # --- after every request ---

    def look_at_stripe(self) -> None:
        rows = self._stripe.execute("SELECT seq, kind, body FROM objects WHERE seq > ? ORDER BY seq", (self._object,))
        for seq, kind, body in rows.fetchall():
            self._object = seq
            if kind in ("event", "v2.core.event"):
                continue
            made = json.loads(body)
            if kind == "charge":
                self.charges.append(made)
            metadata = made.get("metadata") or {}
            if key := metadata.get("bioql_key") or (metadata.get("bioql_reference") if kind != "customer" else None):
                require((kind, key) not in self._keys, "made once", f"{kind} {key}")
                self._keys.add((kind, key))
        rows = self._stripe.execute(
            "SELECT seq, identifier, value FROM meter_events WHERE seq > ? AND cancelled = 0 ORDER BY seq",
            (self._metered,),
        )
        for seq, identifier, value in rows.fetchall():
            self._metered = seq
            run = identifier.partition(".")[0]
            require(run not in self._runs, "counted once", f"{run} again, as {identifier}")
            self._runs[run] = int(value)
            cost = self._books.execute("SELECT cost_micros FROM usage WHERE usage_id = ?", (run,)).fetchone()
            require(cost == (int(value) * 10_000,), "counted once", f"{run} cost {cost}, counted {value}")

    def acknowledged(self, event_id: str) -> None:
        self._acknowledged.add(event_id)
        here = self._books.execute("SELECT 1 FROM inbox WHERE event_id = ?", (event_id,)).fetchone()
        require(here is not None, "acknowledged is stored", event_id)

    def owed_cents(self, user: int) -> int:
        """What may be collected of a user: what is owed, less what banks were asked for already."""
        (coming,) = self._books.execute(
            "SELECT coalesce(sum(amount_cents), 0) FROM checkouts WHERE user_id = ? AND state = 'processing'", (user,)
        ).fetchone()
        return int(self._balances[user, "receivable"] // 10_000 - coming)

    def waiting(self) -> int:
        """Messages that Stripe does not have yet, and its reports that are not understood yet."""
        sql = (
            "SELECT (SELECT count(*) FROM outbox WHERE state = 'waiting') + (SELECT count(*) FROM meter_error_reports"
            " WHERE fetched_ms IS NULL OR narrow_ms IS NOT NULL)"
        )
        return int(self._books.execute(sql).fetchone()[0])

    def refused(self) -> list[int]:
        """Usage that an operator has to send again."""
        sql = "SELECT id FROM outbox WHERE state = 'refused' AND kind = 'meter_event' AND code <> 'unclear'"
        return [row[0] for row in self._books.execute(sql)]

    def received(self) -> int:
        """Events that are stored and not applied."""
        return int(self._books.execute("SELECT count(*) FROM inbox WHERE state = 'received'").fetchone()[0])

    def first_try_ms(self) -> int | None:
        """When the oldest usage was first tried of which nobody knows yet whether Stripe has it."""
        (found,) = self._books.execute(
            "SELECT min(first_tried_ms) FROM outbox WHERE state = 'waiting' AND kind = 'meter_event' AND attempts > 0"
        ).fetchone()
        return None if found is None else int(found)

    def here(self, events: set[str]) -> set[str]:
        """Those of the events that are in the inbox."""
        marks = ", ".join("?" * len(events))
        rows = self._books.execute(f"SELECT event_id FROM inbox WHERE event_id IN ({marks})", tuple(events))
        return {row[0] for row in rows}

    # --- at rest ---

    def look_at_rest(self) -> None:
        universe = self._universe
        here = {row[0] for row in self._books.execute("SELECT event_id FROM inbox")}
        require(self._acknowledged <= here, "acknowledged is stored", self._acknowledged - here)
        left = self._books.execute(
            "SELECT type, state, reason FROM inbox WHERE state IN ('received', 'quarantined')"
            " UNION ALL SELECT kind, state, error FROM outbox WHERE state IN ('waiting', 'refused')"
        ).fetchall()
        require(not left, "nothing waits", left)
        cash, collected = universe.cash_cents(), universe.collected_cents()
        require(cash == collected, "cash", f"books {cash}, Stripe {collected}")
        self._look_at_states()
        counted = sum(self._runs.values())
        (used,) = self._books.execute("SELECT coalesce(sum(cost_micros), 0) FROM usage").fetchone()
        if counted * 10_000 != used and cannot_be_told(self._books, self._runs):
            raise SaidAsNumber
        require(counted * 10_000 == used, "meter is usage", f"counted {counted} cents, used {used} micros")

    def _look_at_states(self) -> None:
        known = self._books.execute(
            "SELECT 'invoice', invoice_id, state FROM invoices"
            " UNION ALL SELECT kind, object_id, status FROM money_back WHERE kind = 'refund'"
        )
        for kind, object_id, state in known.fetchall():
            there = self._universe.sandbox._store.get(kind, object_id) or {}
            require(there.get("status") == state, "as it stands", f"{object_id}: {state}, {there.get('status')} there")
