"""What a `bioql_dev_…` key gets: fixed answers that deployed clients test against. Touches no Stripe, no real user."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from bioql_console.server.values import UNLIMITED

PRICE_IBM = 3.00
PRICE_OTHER = 0.01
# What `/auth/user` and `/auth/validate` call the developer.
USER_IDS = ("999", "dev_user")


def user(key: str) -> dict[str, Any]:
    return {
        "id": 999,
        "name": "BioQL Developer",
        "email": "dev@bioql.local",
        "api_key": key,
        "stripe_customer_id": "cus_dev_test",
        "created_at": "2025-01-01T00:00:00Z",
    }


def payment() -> dict[str, Any]:
    return {"session_id": "cs_test_dev_mock_session", "url": "https://checkout.stripe.com/test"}


def limits(shots: int, backend: str) -> dict[str, Any]:
    return {
        "allowed": True,
        "cost": cost(shots, backend),
        "remaining_shots": UNLIMITED,
        "shots_remaining": UNLIMITED,
        "plan": "enterprise",
        "plan_limit": UNLIMITED,
    }


def cost(shots: int, backend: str) -> float:
    return round(shots * (PRICE_IBM if "ibm_" in backend else PRICE_OTHER), 2)


def validation() -> dict[str, Any]:
    return {
        "valid": True,
        "user_id": "dev_user",
        "email": "dev@bioql.local",
        "plan": "enterprise",
        "tier": "unlimited",
        "user": {"balance": 0.0, "tier": "unlimited", "email": "dev@bioql.local", "name": "BioQL Developer"},
        "quota": {"shots_used": 0, "shots_remaining": UNLIMITED, "plan_limit": UNLIMITED},
    }


def usage(shots: int, backend: str) -> dict[str, Any]:
    return {"recorded": True, "usage_id": "dev_usage", "cost": 0.0, "shots": shots, "backend": backend, "billed": False}


def ticket() -> dict[str, Any]:
    return {"ticket_id": "TKT-DEV", "status": "created", "message": "A sample: nobody will read this ticket"}


def invoices(now_ms: int) -> dict[str, Any]:
    return {"current_balance": 350.00, "credit": 0.0, "invoices": _months(now_ms)}


def invoice_rows(now_ms: int) -> dict[str, Any]:
    _, before = _days(now_ms)
    invoice = {
        "id": "in_dev_sample",
        "number": "DEV-0001",
        "date": before.isoformat(),
        "due_date": None,
        "amount": 125.50,
        "paid": 125.50,
        "open": 0.0,
        "status": "paid",
        "url": None,
    }
    return {
        "user_id": "dev_user",
        "current_balance": 350.00,
        "invoices": [invoice],
        "months": _months(now_ms),
        "next": None,
    }


def usage_rows(now_ms: int) -> dict[str, Any]:
    today, before = _days(now_ms)
    runs = [("dev-2", today, "ibm_torino", 100, 300.00, True), ("dev-1", before, "simulator", 5_000, 50.00, True)]
    names = ("usage_id", "date", "backend", "shots", "cost", "success")
    rows = [dict(zip(names, (run[0], f"{run[1].isoformat()}T12:00:00Z", *run[2:]), strict=True)) for run in runs]
    return {"user_id": "dev_user", "usage": rows, "next": None}


def _months(now_ms: int) -> list[dict[str, Any]]:
    today, before = _days(now_ms)
    rows = [
        ("DEV-2", today.isoformat(), "Sample usage this month", 350.00, "pending", 350.00),
        ("DEV-1", before.isoformat(), "Sample usage last month", 125.50, "paid", 0.0),
    ]
    names = ("id", "date", "description", "amount", "status", "open")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _days(now_ms: int) -> tuple[date, date]:
    """Today, and the last day of the month before."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    return today, today.replace(day=1) - timedelta(days=1)


def analytics(dates: list[str]) -> dict[str, Any]:
    shots = [100 + 37 * (day % 7) for day in range(len(dates))]
    total = sum(shots)
    return {
        "total_shots": total,
        "total_spent": round(total * PRICE_OTHER, 2),
        "molecules_designed": total // 100,
        "backends_used": 1,
        "backends": {"simulator": total},
        "daily_usage": {"dates": dates, "shots": shots},
    }
