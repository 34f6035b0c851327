"""Databases as BioQL's first server left them: new, old, and dirty ones."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Content = Mapping[str, Sequence[Row]]

TABLES = {
    "users": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "email": "TEXT UNIQUE NOT NULL",
        "name": "TEXT",
        "api_key": "TEXT UNIQUE",
        "tier": "TEXT DEFAULT 'free'",
        "balance": "REAL DEFAULT 10.0",
        "stripe_customer_id": "TEXT UNIQUE",
        "stripe_subscription_id": "TEXT",
        "stripe_setup_complete": "INTEGER DEFAULT 0",
        "created_at": "TIMESTAMP",
        "last_used": "TIMESTAMP",
    },
    "usage_logs": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "user_id": "INTEGER",
        "api_key": "TEXT",
        "usage_type": "TEXT",
        "shots": "INTEGER",
        "backend": "TEXT",
        "cost": "REAL",
        "stripe_reported": "INTEGER DEFAULT 0",
        "stripe_event_id": "TEXT",
        "timestamp": "TIMESTAMP",
    },
    "monthly_quotas": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "user_id": "INTEGER",
        "month": "TEXT",
        "shots_used": "INTEGER",
        "inferences_used": "INTEGER",
        "total_cost": "REAL",
        "stripe_reported_amount": "REAL",
    },
    "stripe_invoices": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "user_id": "INTEGER",
        "stripe_invoice_id": "TEXT UNIQUE",
        "stripe_customer_id": "TEXT",
        "amount": "REAL",
        "status": "TEXT",
        "invoice_pdf": "TEXT",
        "created_at": "TIMESTAMP",
        "paid_at": "TIMESTAMP",
    },
    "support_tickets": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "ticket_id": "TEXT UNIQUE",
        "user_id": "INTEGER",
        "priority": "TEXT",
        "subject": "TEXT",
        "message": "TEXT",
        "status": "TEXT DEFAULT 'open'",
        "created_at": "TIMESTAMP",
        "resolved_at": "TIMESTAMP",
    },
}


def make_file(path: Path, content: Content, *, without: Collection[str] = (), strict: bool = True) -> Path:
    """Write a users.db.

    Args:
        without: Tables, and columns as "table.column", that this old file lacks.
        strict: Keep the constraints of the first server; without them rows may repeat what they like.
    """
    with closing(sqlite3.connect(path)) as file, file:
        for table, columns in TABLES.items():
            if table in without:
                continue
            kept = {name: kind for name, kind in columns.items() if f"{table}.{name}" not in without}
            declared = ", ".join(f"{name} {kind if strict else kind.split()[0]}" for name, kind in kept.items())
            file.execute(f"CREATE TABLE {table} ({declared})")
            for row in content.get(table, ()):
                present = {name: value for name, value in row.items() if name in kept}
                marks = ", ".join("?" * len(present))
                file.execute(f"INSERT INTO {table} ({', '.join(present)}) VALUES ({marks})", list(present.values()))
    return path


def change_file(path: Path, *statements: str) -> None:
    """What the old server went on to do."""
    with closing(sqlite3.connect(path)) as file, file:
        for statement in statements:
            file.execute(statement)


def micros(dollars: float) -> int:
    """Dollars to micros, halves up: what any accountant would say."""
    return int((Decimal(repr(dollars)) * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))


def key_of(number: int) -> str:
    return f"bioql_fake_key_{number:04d}_of_a_test"


def sample_content() -> dict[str, list[dict[str, Any]]]:
    """Three users: one owes, one paid everything and has credit left, one has no Stripe customer."""
    return {
        "users": [
            {
                "id": 1,
                "email": "Ada@Uni.example",
                "name": "Ada Lovelace",
                "api_key": key_of(1),
                "tier": "pro",
                "balance": 10.0,
                "stripe_customer_id": "cus_ada",
                "stripe_subscription_id": "sub_ada",
                "created_at": "2026-07-01 09:30:00",
                "last_used": "2026-11-02T08:00:00.250",
            },
            {
                "id": 2,
                "email": "bob@uni.example",
                "name": "Bob",
                "api_key": key_of(2),
                "tier": "free",
                "balance": 7.5,
                "stripe_customer_id": "cus_bob",
                "created_at": "2026-08-01T00:00:00",
            },
            {
                "id": 3,
                "email": "cleo@uni.example",
                "name": "Cleo",
                "api_key": key_of(3),
                "balance": 0.0,
                "created_at": "2026-09-01 00:00:00.5",
            },
        ],
        "usage_logs": [
            _run(1, 1, 100, "ibm_torino", 300.0, "2026-08-03 10:00:00"),
            _run(2, 1, 7, "IonQ Forte", 0.1, "2026-08-04T10:00:00.999"),
            _run(3, 1, 6000, "simulator", 60.0, "2026-10-05 10:00:00"),
            _run(4, 2, 10, "aws_tn1", 0.2, "2026-09-09 09:09:09"),
            _run(5, 3, 0, None, 0.0, "2026-09-10 09:09:09"),
        ],
        "monthly_quotas": [
            {"id": 1, "user_id": 1, "month": "2026-08", "total_cost": 300.1, "stripe_reported_amount": 300.1},
            {"id": 2, "user_id": 1, "month": "2026-10", "total_cost": 60.0, "stripe_reported_amount": 0.0},
            {"id": 3, "user_id": 2, "month": "2026-09", "total_cost": 20.2, "stripe_reported_amount": 20.2},
            {"id": 4, "user_id": 3, "month": "2026-09", "total_cost": 0.0000005},
        ],
        "stripe_invoices": [
            _invoice(1, 1, "in_ada1", 100.0, "paid", "2026-09-01 00:00:00", "2026-09-02 12:00:00"),
            _invoice(2, 1, "in_ada2", 60.0, "open", "2026-11-01 00:00:00", None),
            _invoice(3, 2, "in_bob1", 20.2, "paid", "2026-10-01 00:00:00", "2026-10-03 12:00:00"),
        ],
        "support_tickets": [
            {
                "id": 1,
                "ticket_id": "TKT-1",
                "user_id": 1,
                "priority": "critical",
                "subject": "Double charge",
                "message": "Please look.",
                "status": "open",
                "created_at": "2026-11-01 10:00:00",
            },
            {
                "id": 2,
                "ticket_id": "TKT-2",
                "user_id": 2,
                "priority": "low",
                "subject": "Thanks",
                "message": "It works.",
                "status": "closed",
                "created_at": "2026-10-01 10:00:00",
                "resolved_at": "2026-10-02 10:00:00",
            },
        ],
    }


def _run(number: int, user: int, shots: int, backend: str | None, cost: float, at: str) -> dict[str, Any]:
    return {
        "id": number,
        "user_id": user,
        "api_key": key_of(user),
        "usage_type": "quantum",
        "shots": shots,
        "backend": backend,
        "cost": cost,
        "timestamp": at,
    }


def _invoice(
    number: int, user: int, invoice: str, amount: float, status: str, made: str, paid: str | None
) -> dict[str, Any]:
    return {
        "id": number,
        "user_id": user,
        "stripe_invoice_id": invoice,
        "amount": amount,
        "status": status,
        "invoice_pdf": f"https://pay.example/{invoice}.pdf",
        "created_at": made,
        "paid_at": paid,
    }
