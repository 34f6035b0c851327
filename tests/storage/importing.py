"""Imports into a test's ledger, and the sums an accountant would expect of a file."""

import atexit
import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bioql_console.domain.imports import ImportReport
from bioql_console.services.changes import Changes
from bioql_console.services.legacy.legacy_import import LegacyImport
from bioql_console.storage.database import Database
from bioql_console.storage.legacy_file import open_legacy
from tests.legacy_files import micros
from tests.storage.people import NOW, rows


def importer(database: Database, now_ms: int = NOW, *, backed_up: bool = True) -> LegacyImport:
    """Copies of a SQLite ledger go to "copies" beside it, those of PostgreSQL to a folder that goes with the tests."""
    if not backed_up:
        return LegacyImport(database, open_legacy, lambda: None, Changes(), lambda: now_ms)
    copies = (database.path.parent if database.path else _folder()) / "copies"
    return LegacyImport(database, open_legacy, lambda: database.back_up(copies).backup.path, Changes(), lambda: now_ms)


@cache
def _folder() -> Path:
    made = mkdtemp(prefix="copies-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def bring_in(
    database: Database, path: Path, *, with_credit: bool = True, now_ms: int = NOW, backed_up: bool = True
) -> ImportReport:
    """Import a file; the books must balance whatever it was."""
    report = importer(database, now_ms, backed_up=backed_up).run(path, operator="ada", with_credit=with_credit)
    check_books(database)
    return report


def check_books(database: Database) -> None:
    with database.read() as work:
        found = work.verifier.run()
    assert found.ok, found.differences


def balances(database: Database) -> dict[str, int]:
    """What each user owes (negative: has as credit), by e-mail address."""
    found = rows(
        database, "SELECT email, receivable_micros + credit_micros FROM users JOIN balances ON user_id = users.id"
    )
    return {email: int(owed) for email, owed in found}


def expected_balances(path: Path, *, with_credit: bool = True) -> dict[str, int]:
    """The same, counted from a file that has nothing wrong with it, row by row."""
    with closing(sqlite3.connect(path)) as file:
        file.row_factory = sqlite3.Row
        owed: dict[int, int] = defaultdict(int)
        charges = ("monthly_quotas", "total_cost")
        if not _has(file, *charges, "user_id"):
            charges = ("usage_logs", "cost")
        for row in _all(file, *charges, "user_id"):
            owed[row["user_id"]] += micros(row[charges[1]])
        for row in _all(file, "stripe_invoices", "amount", "user_id", "status"):
            if row["status"] == "paid":
                owed[row["user_id"]] -= micros(row["amount"])
        for row in _all(file, "users", "balance") if with_credit else []:
            owed[row["id"]] -= micros(row["balance"])
        return {row["email"].lower(): owed[row["id"]] for row in file.execute("SELECT id, email FROM users")}


def _all(file: sqlite3.Connection, table: str, *needed: str) -> list[Any]:
    return list(file.execute(f"SELECT * FROM {table}")) if _has(file, table, *needed) else []


def _has(file: sqlite3.Connection, table: str, *needed: str) -> bool:
    return set(needed) <= {row["name"] for row in file.execute(f"PRAGMA table_info({table})")}


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that an import could change."""
    tables = ("users", "balances", "journal_entries", "postings", "usage", "invoices", "tickets", "activity", "imports")
    return {table: rows(database, f"SELECT * FROM {table} ORDER BY 1") for table in tables}


def told(report: ImportReport) -> list[tuple[str, Any, str]]:
    """Problems as (table, row, kind)."""
    return [(table, each.row, kind) for (table, kind), kept in report.problems.found.items() for each in kept]
