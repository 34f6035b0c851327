"""What a `bioql_dev_…` key gets: fixed answers that deployed clients test against. Touches no Stripe, no real user."""

from datetime import UTC, datetime, timedelta
from typing import Any

PRICE_IBM = 3.00
PRICE_OTHER = 0.01
UNLIMITED = 999_999


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


def usage() -> dict[str, Any]:
    return {"recorded": True, "usage_id": "dev_usage", "cost": 0.0, "billed": False}


def invoices(now_ms: int) -> dict[str, Any]:
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    rows = [
        ("DEV-2", today, "Sample usage this month", 350.00, "pending"),
        ("DEV-1", today.replace(day=1) - timedelta(days=1), "Sample usage last month", 125.50, "paid"),
    ]
    return {
        "current_balance": 350.00,
        "credit": 0.0,
        "invoices": [
            {"id": number, "date": date.isoformat(), "description": text, "amount": amount, "status": status}
            for number, date, text, amount, status in rows
        ],
    }


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
