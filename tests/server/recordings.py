"""What deployed clients say, and what the contract answers them: fields, types and values."""

import json
from typing import Any

from tests.server.wire import (
    BROWSER_GET,
    BROWSER_POST,
    CURL,
    OLD_SDK,
    PROBE,
    SDK,
    Exchange,
    count,
    each,
    flag,
    money,
    starts,
    text,
    text_or_null,
)
from tests.sites import JANES_ID, JANES_KEY

DEV_KEY = "bioql_dev_someone"
INVALID = {"error": "Invalid API key"}
MONTH = {"id": text, "date": text, "description": text, "amount": money, "status": text, "open": money}
RECORDED = {"recorded": True, "usage_id": text, "cost": money, "shots": count, "backend": text}
RUN = {"usage_id": text, "date": text, "backend": text, "shots": count, "cost": money, "success": flag}


def sdk(what: str, path: str, status: int, answer: Any, key: str = JANES_KEY, **fields: Any) -> Exchange:
    """python-requests with `json=`, which writes blanks after colons and commas; the key twice."""
    return Exchange(what, SDK, path, status, answer, json.dumps({"api_key": key, **fields}), key)


ALLOWED = {
    "allowed": True,
    "cost": money,
    "remaining_shots": count,
    "shots_remaining": count,
    "plan": "pro",
    "plan_limit": 500_000,
}
REFUSED = {"allowed": False, "reason": text, "upgrade_required": True, "shots_remaining": count}
SDK_SAYS = [
    sdk("may I", "/billing/check-limits", 200, {**ALLOWED, "cost": 1}, requested_shots=100, backend="simulator"),
    sdk("may I, in floats", "/billing/check-limits", 200, ALLOWED, requested_shots=100.0, backend="ibm_torino"),
    sdk("too much", "/billing/check-limits", 403, REFUSED, requested_shots=10_000_000, backend="simulator"),
    sdk("a stranger", "/billing/check-limits", 401, INVALID, "bioql_nobody", requested_shots=1, backend="simulator"),
    sdk(
        "I ran",
        "/billing/record-usage",
        200,
        {**RECORDED, "cost": 300, "shots": 100},
        shots_executed=100,
        backend="ibm_torino",
        cost=0.01,
        success=True,
        job_id="unknown to the server",
        metadata={"circuit": {"qubits": 4, "depth": [1, 2.5]}, "note": None},
    ),
    Exchange(
        "I ran, in old words",
        OLD_SDK,
        "/billing/log-usage",
        200,
        {**RECORDED, "cost": 1, "shots": 100, "backend": "simulator"},
        f'{{"api_key": "{JANES_KEY}", "shots": 100.0, "backend": "simulator", "cost": 12.5, "usage_type": "quantum"}}',
    ),
    sdk(
        "it failed", "/billing/record-usage", 200, {**RECORDED, "cost": 0}, shots=7, backend="simulator", success=False
    ),
    sdk(
        "who am I",
        "/auth/validate",
        200,
        {
            "valid": True,
            "user_id": JANES_ID,
            "email": "jane.smith@uni.example",
            "plan": "pro",
            "tier": "pro",
            "user": {"balance": money, "tier": "pro", "email": "jane.smith@uni.example", "name": "Dr. Jane Smith"},
            "quota": {"shots_used": count, "shots_remaining": count, "plan_limit": 500_000},
        },
    ),
    Exchange("no key at all", OLD_SDK, "/auth/validate", 401, INVALID, "{}"),
    Exchange("broken", OLD_SDK, "/auth/validate", 400, {"error": text}, "{'api_key': 'single quotes'}"),
]

PAGE_SAYS = [
    Exchange(
        "who am I",
        BROWSER_GET,
        "/auth/user",
        200,
        {
            "id": JANES_ID,
            "name": "Dr. Jane Smith",
            "email": "jane.smith@uni.example",
            "api_key": JANES_KEY,
            "stripe_customer_id": starts("cus_"),
            "created_at": text,
        },
    ),
    Exchange("a stranger", BROWSER_GET, "/auth/user", 401, INVALID, key="undefined"),
    Exchange(
        "what I owe",
        BROWSER_GET,
        "/dashboard/invoices",
        200,
        {"current_balance": money, "credit": money, "invoices": each(MONTH)},
    ),
    Exchange(
        "what I ran",
        BROWSER_GET,
        "/analytics/usage",
        200,
        {
            "total_shots": count,
            "total_spent": money,
            "molecules_designed": count,
            "backends_used": count,
            "backends": lambda found: type(found) is dict and all(count(shots) for shots in found.values()),
            "daily_usage": {
                "dates": lambda days: len(days) == 30 and each(text)(days),
                "shots": lambda shots: len(shots) == 30 and each(count)(shots),
            },
        },
    ),
    Exchange(
        "my runs",
        BROWSER_GET,
        f"/billing/usage/{JANES_ID}",
        200,
        {"user_id": JANES_ID, "usage": each(RUN), "next": text_or_null},
    ),
    Exchange(
        "my invoices",
        BROWSER_GET,
        f"/billing/invoices/{JANES_ID}",
        200,
        {"user_id": JANES_ID, "current_balance": money, "invoices": [], "months": each(MONTH), "next": None},
    ),
    Exchange("another's runs", BROWSER_GET, "/billing/usage/2", 403, {"error": text}),
    Exchange(
        "help",
        BROWSER_POST,
        "/support/ticket",
        201,
        {"ticket_id": starts("TKT-"), "status": "created", "message": text},
        '{"priority":"medium","subject":"Factura","message":"¿Qué es esto?"}',
    ),
    Exchange(
        "pay now",
        BROWSER_POST,
        "/billing/create-payment",
        200,
        {"session_id": starts("cs_test_"), "url": starts("http")},
        '{"amount":350}',
    ),
    Exchange("pay nothing", BROWSER_POST, "/billing/create-payment", 400, {"error": text}, '{"amount":null}'),
]

OTHERS_SAY = [
    Exchange(
        "how are you",
        PROBE,
        "/health",
        200,
        {
            "status": "healthy",
            "stripe_enabled": True,
            "stripe_webhooks_enabled": True,
            "version": "3.0.0-stripe",
            "database": "connected",
            "books": "sound",
            "service": text,
        },
    ),
    Exchange(
        "sign me up",
        CURL,
        "/auth/register",
        201,
        {
            "success": True,
            "user": {
                "id": count,
                "email": "ada@uni.example",
                "name": "Ada",
                "api_key": starts("bioql_"),
                "tier": "free",
                "balance": 10,
                "stripe_customer_id": starts("cus_"),
                "stripe_subscription_id": text_or_null,
            },
            "stripe_customer_created": True,
            "stripe_subscription_created": flag,
            "invoice_threshold_usd": 3000,
            "message": text,
        },
        '{"name":"Ada","email":"ada@uni.example","create_stripe_account":true,"payment_method_id":null}',
    ),
    Exchange(
        "sign me up again", CURL, "/auth/register", 409, {"error": text}, '{"name":"A","email":"ADA@uni.example"}'
    ),
    Exchange("let me in", CURL, "/auth/login", 404, {"error": text}, '{"email":"ada@uni.example"}'),
    Exchange("an event of nobody", CURL, "/webhooks/stripe", 400, {"error": text}, '{"id":"evt_1"}'),
]

DEV_SAYS = [
    Exchange(
        "who am I",
        BROWSER_GET,
        "/auth/user",
        200,
        {
            "id": 999,
            "name": "BioQL Developer",
            "email": "dev@bioql.local",
            "api_key": DEV_KEY,
            "stripe_customer_id": "cus_dev_test",
            "created_at": "2025-01-01T00:00:00Z",
        },
        key=DEV_KEY,
    ),
    Exchange(
        "pay now",
        BROWSER_POST,
        "/billing/create-payment",
        200,
        {"session_id": "cs_test_dev_mock_session", "url": "https://checkout.stripe.com/test"},
        '{"amount":350}',
        key=DEV_KEY,
    ),
    sdk(
        "may I",
        "/billing/check-limits",
        200,
        {
            "allowed": True,
            "cost": 30,
            "remaining_shots": 999_999,
            "shots_remaining": 999_999,
            "plan": "enterprise",
            "plan_limit": 999_999,
        },
        DEV_KEY,
        requested_shots=10,
        backend="ibm_torino",
    ),
]
