"""Where both sides of a reconciliation lie beside each other: a file of its own, gone afterwards.

It works the same whether the ledger is SQLite or PostgreSQL, writes nothing into either, and keeps memory flat.
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.cash import CashEntry, CashFact, CustomerRow, DocumentSum, InvoiceRow, ToldRow, UserRow
from bioql_console.domain.reconciliation import Period

CACHE_KIB = 32_768
BATCH = 5_000
SCHEMA = """
CREATE TABLE stripe_cash (
    part TEXT, document TEXT, id TEXT, payment TEXT, customer TEXT, cents INTEGER, at_ms INTEGER, reference TEXT,
    inside INTEGER, user_id INTEGER, PRIMARY KEY (part, id)) WITHOUT ROWID;
CREATE TABLE book_cash (
    part TEXT, document TEXT, entry_id INTEGER PRIMARY KEY, payment TEXT, user_id INTEGER, cents INTEGER,
    at_ms INTEGER, inside INTEGER);
CREATE TABLE payments (payment TEXT PRIMARY KEY, invoice TEXT) WITHOUT ROWID;
CREATE TABLE users (
    user_id INTEGER PRIMARY KEY, name TEXT, email TEXT, customer TEXT, subscription TEXT, owed_cents INTEGER);
CREATE TABLE customers (
    id TEXT PRIMARY KEY, email TEXT, reference TEXT, balance_cents INTEGER, created_ms INTEGER) WITHOUT ROWID;
CREATE TABLE invoices (
    side TEXT, id TEXT, customer TEXT, state TEXT, total_cents INTEGER, due_cents INTEGER, paid_cents INTEGER,
    created_ms INTEGER, number TEXT, by_hand INTEGER, PRIMARY KEY (side, id)) WITHOUT ROWID;
CREATE TABLE told (
    key TEXT, customer TEXT, user_id INTEGER, cents INTEGER, state TEXT, at_ms INTEGER, error TEXT,
    message_id INTEGER PRIMARY KEY);
CREATE TABLE named (
    part TEXT, document TEXT, day INTEGER, cents INTEGER, user_id INTEGER, way INTEGER,
    PRIMARY KEY (part, document)) WITHOUT ROWID;
"""
INDEXES = """
CREATE INDEX IF NOT EXISTS stripe_documents ON stripe_cash (part, document);
CREATE INDEX IF NOT EXISTS stripe_payments ON stripe_cash (payment);
CREATE INDEX IF NOT EXISTS book_documents ON book_cash (part, document);
CREATE INDEX IF NOT EXISTS book_payments ON book_cash (payment);
CREATE INDEX IF NOT EXISTS users_by_customer ON users (customer);
CREATE INDEX IF NOT EXISTS users_by_email ON users (email);
CREATE INDEX IF NOT EXISTS customers_by_email ON customers (email);
CREATE INDEX IF NOT EXISTS told_by_customer ON told (customer);
"""
BOTH = """
SELECT part, document, payment, customer, user_id, cents AS s, 0 AS b, at_ms AS s_ms, 0 AS b_ms, reference, inside
FROM stripe_cash
UNION ALL
SELECT part, document, payment, '', user_id, 0, cents, 0, at_ms, '', inside FROM book_cash
"""
SUMS = f"""
SELECT part, document, max(payment), max(customer), max(user_id), sum(s), sum(b), max(s_ms), max(b_ms), max(reference)
FROM ({BOTH}) WHERE %s GROUP BY part, document
"""


class Scratch:
    """Rows of both sides, and the questions that need both."""

    def __init__(self, path: Path, period: Period) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._period = period
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}", "temp_store = FILE"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    # --- what is put in

    def take_facts(self, facts: Iterable[CashFact]) -> None:
        """Cash at Stripe. The same fact again replaces what was known of it."""
        self._put("stripe_cash", 10, ((*fact, self._period.has(fact.at_ms), None) for fact in facts))

    def take_entries(self, entries: Iterable[CashEntry]) -> None:
        """Entries of ours against the account of cash."""
        self._put("book_cash", 8, ((*entry, self._period.has(entry.at_ms)) for entry in entries))

    def take_payments(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Which invoice a payment was for."""
        self._put("payments", 2, pairs)

    def take_users(self, users: Iterable[UserRow]) -> None:
        self._put("users", 6, (user._replace(email=user.email.casefold()) for user in users))

    def take_customers(self, customers: Iterable[CustomerRow]) -> None:
        self._put("customers", 5, customers)

    def take_invoices(self, side: str, rows: Iterable[InvoiceRow]) -> None:
        self._put("invoices", 10, ((side, *row) for row in rows))

    def take_told(self, rows: Iterable[ToldRow]) -> None:
        self._put("told", 8, rows)

    def _put(self, table: str, columns: int, rows: Iterable[tuple[Any, ...]]) -> None:
        statement = f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * columns)})"
        left = iter(rows)
        while batch := list(islice(left, BATCH)):
            self._db.execute("BEGIN")
            self._db.executemany(statement, batch)
            self._db.execute("COMMIT")

    # --- cash

    def settle_documents(self) -> None:
        """Give each fact the document it is compared by, and the user it belongs to."""
        self._db.executescript(INDEXES)
        # A payment of an invoice is compared by the invoice, unless somebody posted it by itself.
        self._db.execute(
            "UPDATE stripe_cash SET document = (SELECT invoice FROM payments p WHERE p.payment = stripe_cash.payment)"
            " WHERE part = 'payment' AND document = payment AND payment IN (SELECT payment FROM payments)"
            " AND NOT EXISTS (SELECT 1 FROM book_cash b WHERE b.part = 'payment' AND b.document = stripe_cash.payment)"
        )
        self._db.execute(
            "UPDATE stripe_cash SET user_id = coalesce("
            " (SELECT u.user_id FROM users u WHERE u.customer = stripe_cash.customer AND u.customer != ''),"
            # What is paid by a customer that nobody has any more belongs to whom it was posted to.
            " (SELECT b.user_id FROM book_cash b"
            "  WHERE b.part = stripe_cash.part AND b.document = stripe_cash.document),"
            " (SELECT b.user_id FROM book_cash b WHERE b.payment = stripe_cash.payment AND b.payment != ''))"
        )
        # A dispute is held apart: its entry names no user.
        self._db.execute(
            "UPDATE book_cash SET user_id = coalesce("
            " (SELECT s.user_id FROM stripe_cash s WHERE s.part = book_cash.part AND s.document = book_cash.document),"
            " (SELECT s.user_id FROM stripe_cash s WHERE s.payment = book_cash.payment AND s.payment != ''),"
            " (SELECT b.user_id FROM book_cash b WHERE b.payment = book_cash.payment AND b.part = 'payment'"
            "  AND b.payment != '')) WHERE user_id IS NULL"
        )

    def differing(self) -> list[DocumentSum]:
        """Documents on which the sides don't agree within the period."""
        rows = self._db.execute(SUMS % "inside" + " HAVING sum(s) != sum(b) ORDER BY max(s_ms, b_ms), document")
        return [DocumentSum(*row) for row in rows]

    def sum_of(self, part: str, document: str) -> DocumentSum | None:
        """What both sides say of a document altogether."""
        row = self._db.execute(SUMS % "part = ? AND document = ?", (part, document)).fetchone()
        return DocumentSum(*row) if row else None

    def forget(self, part: str, document: str) -> None:
        """Leave a document out on both sides."""
        for table in ("stripe_cash", "book_cash"):
            self._db.execute(f"DELETE FROM {table} WHERE part = ? AND document = ?", (part, document))

    def payers_that_differ(self) -> Iterator[tuple[str, str, str, int, int, int, int]]:
        """Payments posted to another user than the one whose customer paid: document, payment, customer, cents, time,
        who paid, who was credited."""
        return self._db.execute(
            "SELECT s.document, s.payment, s.customer, s.cents, s.at_ms, u.user_id, b.user_id FROM stripe_cash s"
            " JOIN users u ON u.customer = s.customer AND u.customer != ''"
            " JOIN book_cash b ON b.part = s.part AND b.document = s.document"
            " WHERE s.part = 'payment' AND b.user_id != u.user_id GROUP BY s.document"
        )

    def payment_is_known(self, payment: str) -> bool:
        """Whether our books have a payment, by itself or as its invoice's."""
        row = self._db.execute(
            "SELECT 1 FROM book_cash WHERE part = 'payment' AND document IN"
            " (SELECT ? UNION SELECT invoice FROM payments WHERE payment = ?) LIMIT 1",
            (payment, payment),
        ).fetchone()
        return row is not None

    # --- totals

    def name(self, document: DocumentSum, day_ms: int, cents: int, *, on_its_way: bool = False) -> None:
        """Account for a document: with a difference, as on its way, or (0 cents) as settled over a longer time."""
        row = (document.part, document.document, day_ms, cents, document.user_id, on_its_way)
        self._db.execute("INSERT OR REPLACE INTO named VALUES (?, ?, ?, ?, ?, ?)", row)

    def days(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """Each day with cash: its start, books, Stripe, named, on its way, and what nothing accounts for."""
        return self._db.execute(
            f"""
            WITH unnamed AS (
                SELECT part, document FROM ({BOTH}) WHERE inside GROUP BY part, document HAVING sum(s) != sum(b)
                EXCEPT SELECT part, document FROM named),
            rows AS (
                SELECT CASE WHEN s_ms THEN s_ms ELSE b_ms END / {DAY_MS} * {DAY_MS} AS day, b, s, 0 AS n, 0 AS w,
                    CASE WHEN EXISTS (SELECT 1 FROM unnamed u WHERE u.part = both.part AND u.document = both.document)
                    THEN s - b ELSE 0 END AS r
                FROM ({BOTH}) AS both WHERE inside
                UNION ALL SELECT day, 0, 0, CASE WHEN way THEN 0 ELSE cents END, CASE WHEN way THEN cents ELSE 0 END, 0
                FROM named WHERE cents)
            SELECT day, sum(b), sum(s), sum(n), sum(w), sum(r) FROM rows GROUP BY day ORDER BY day
            """
        )

    def customer_totals(self, limit: int) -> Iterator[tuple[int | None, str, int, int, int]]:
        """Users whose totals differ, the widest apart first: id, name, books, Stripe, named."""
        return self._db.execute(
            f"""
            SELECT r.user_id, coalesce(u.name, ''), sum(b), sum(s), sum(n) FROM (
                SELECT user_id, b, s, 0 AS n FROM ({BOTH}) WHERE inside
                UNION ALL SELECT user_id, 0, 0, cents FROM named) r
            LEFT JOIN users u ON u.user_id = r.user_id
            GROUP BY r.user_id HAVING sum(s) != sum(b) ORDER BY abs(sum(s) - sum(b)) DESC LIMIT ?
            """,
            (limit,),
        )

    def counts(self) -> dict[str, int]:
        """How many rows of each were compared."""
        parts = dict(self._db.execute("SELECT part, count(*) FROM stripe_cash GROUP BY part").fetchall())
        entries = self._db.execute("SELECT count(*) FROM book_cash").fetchone()[0]
        names = {"payments": "payment", "refunds": "refund", "disputes": "dispute"}
        return {name: parts.get(part, 0) for name, part in names.items()} | {"entries": entries}

    # --- users and invoices

    def user(self, user_id: int | None) -> UserRow | None:
        row = self._db.execute("SELECT * FROM users WHERE user_id = ?", (user_id,)).fetchone()
        return UserRow(*row) if row else None

    def user_of(self, customer: str) -> UserRow | None:
        row = self._db.execute("SELECT * FROM users WHERE customer = ? AND customer != ''", (customer,)).fetchone()
        return UserRow(*row) if row else None

    def owner_of(self, customer: str) -> UserRow | None:
        """The user whose address a customer has, whoever's customer it is."""
        row = self._db.execute(
            "SELECT u.* FROM customers c JOIN users u ON u.email = c.email WHERE c.id = ? AND c.email != ''",
            (customer,),
        ).fetchone()
        return UserRow(*row) if row else None

    def strays(self) -> list[tuple[CustomerRow, UserRow | None]]:
        """Customers that no user has, though this console made them or one of our users has their address."""
        rows = self._db.execute(
            "SELECT c.*, u.* FROM customers c LEFT JOIN users u ON u.email = c.email AND c.email != ''"
            " WHERE NOT EXISTS (SELECT 1 FROM users o WHERE o.customer = c.id)"
            " AND (u.user_id IS NOT NULL OR c.reference != '') ORDER BY c.created_ms"
        )
        return [(CustomerRow(*row[:5]), UserRow(*row[5:]) if row[5] is not None else None) for row in rows]

    def without_customer(self) -> list[UserRow]:
        """Users whose customer Stripe does not list, and those who owe and have none."""
        rows = self._db.execute(
            "SELECT u.* FROM users u LEFT JOIN customers c ON c.id = u.customer"
            " WHERE c.id IS NULL AND (u.customer != '' OR u.owed_cents > 0) ORDER BY u.user_id"
        )
        return [UserRow(*row) for row in rows]

    def subscribed(self) -> list[UserRow]:
        return [UserRow(*row) for row in self._db.execute("SELECT * FROM users WHERE subscription != ''")]

    def customer(self, customer: str) -> CustomerRow | None:
        row = self._db.execute("SELECT * FROM customers WHERE id = ?", (customer,)).fetchone()
        return CustomerRow(*row) if row else None

    def customers_in_use(self) -> list[tuple[CustomerRow, int, bool]]:
        """Our users' customers with the user, and whether Stripe's balance is or was anything but zero."""
        rows = self._db.execute(
            "SELECT c.*, u.user_id, c.balance_cents != 0 OR EXISTS (SELECT 1 FROM told t WHERE t.customer = c.id)"
            " FROM customers c JOIN users u ON u.customer = c.id ORDER BY c.id"
        )
        return [(CustomerRow(*row[:5]), row[5], bool(row[6])) for row in rows]

    def invoices_that_differ(self) -> list[tuple[InvoiceRow | None, InvoiceRow | None]]:
        """Pairs of Stripe's and our view of an invoice; None where a side has none."""
        what = "id, customer, state, total_cents, due_cents, paid_cents, created_ms, number, by_hand"
        ids = self._db.execute(
            "SELECT id FROM invoices GROUP BY id HAVING count(*) < 2 OR count(DISTINCT state) > 1"
            " OR min(total_cents) != max(total_cents) OR min(due_cents) != max(due_cents)"
            " OR min(paid_cents) != max(paid_cents) ORDER BY min(created_ms)"
        ).fetchall()
        found = []
        for (invoice,) in ids:
            sides = {}
            for side in ("stripe", "books"):
                row = self._db.execute(
                    f"SELECT {what} FROM invoices WHERE side = ? AND id = ?", (side, invoice)
                ).fetchone()
                sides[side] = InvoiceRow(*row) if row else None
            found.append((sides["stripe"], sides["books"]))
        return found

    def told_to(self, customer: str) -> list[ToldRow]:
        rows = self._db.execute("SELECT * FROM told WHERE customer = ? ORDER BY message_id", (customer,))
        return [ToldRow(*row) for row in rows]


@contextmanager
def open_scratch(period: Period) -> Iterator[Scratch]:
    """An empty scratch file, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="bioql-reconcile-") as folder:
        scratch = Scratch(Path(folder) / "scratch.db", period)
        try:
            yield scratch
        finally:
            scratch.close()
