"""What each route takes and answers, as data for the OpenAPI document."""

from dataclasses import dataclass
from typing import Any

from bioql_console.server.schemas import json_of, of
from bioql_console.server.values import LARGEST_PAGE, PAGE

ALWAYS = (421,)
BODY = (400, 408, 413, 415)
KEY = (401, 429, 503)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route.

    Args:
        more: Summary, request, parameters and security, in OpenAPI's words.
        answers: What it promises, by status.
        errors: Statuses of `openapi.ERRORS` that it may answer beside.
    """

    method: str
    path: str
    more: dict[str, Any]
    answers: dict[int, Any]
    errors: tuple[int, ...]


def get(path: str, summary: str, answer: Any, *errors: int, **more: Any) -> Operation:
    return Operation("GET", path, {"summary": summary, **more}, {200: answer}, (*ALWAYS, *errors))


def post(path: str, summary: str, request: str, answers: dict[int, Any], *errors: int, **more: Any) -> Operation:
    body = {"required": True, "content": {"application/json": {"schema": of(request)}}}
    return Operation(
        "POST", path, {"summary": summary, "requestBody": body, **more}, answers, (*ALWAYS, *BODY, *errors)
    )


BEARER: dict[str, Any] = {"security": [{"bearer": []}]}
# The key may be in the body instead, which OpenAPI has no words for.
SDK: dict[str, Any] = {"security": [{"header": []}, {}]}

OWN_PAGE = [
    {
        "name": "user_id",
        "in": "path",
        "required": True,
        "description": "The caller's own id.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 100},
        "example": "1",
    },
    {
        "name": "limit",
        "in": "query",
        "description": "Rows on a page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
    },
    {
        "name": "after",
        "in": "query",
        "description": "`next` of the page before.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}-[0-9]{1,18}$"},
    },
]

OPERATIONS = (
    get("/health", "How the server is", json_of("Health", "It answers.")),
    get("/stats", "Counts of the last 30 days", json_of("Stats", "Users, shots and revenue."), 503),
    get("/openapi.json", "This document", json_of("Document", "An OpenAPI 3.1 document.")),
    post(
        "/auth/register",
        "Register, and get an API key",
        "Registration",
        {201: json_of("Registered", "The user, with the key, which is shown this once. Nothing exists on a refusal.")},
        *(409, 429, 502, 503),
    ),
    post(
        "/auth/validate",
        "Whose key this is, and what is left of the month",
        "Key",
        {200: json_of("Validation", "The key is valid.")},
        *KEY,
        **SDK,
    ),
    get("/auth/user", "The caller", json_of("User", "Whose key it is."), *KEY, **BEARER),
    post(
        "/billing/check-limits",
        "Whether shots may run",
        "LimitsQuestion",
        {
            200: json_of("Allowed", "They may, and what they would cost."),
            403: json_of("NotAllowed", "The plan does not let them run."),
        },
        *KEY,
        **SDK,
    ),
    post(
        "/billing/record-usage",
        "Report a run",
        "Run",
        {200: json_of("Recorded", "It is recorded. The same `usage_id` again changes nothing.")},
        *KEY,
        **SDK,
    ),
    post(
        "/billing/log-usage",
        "The older name of `/billing/record-usage`",
        "Run",
        {200: json_of("Recorded", "It is recorded.")},
        *KEY,
        **SDK,
        deprecated=True,
    ),
    get(
        "/billing/usage/{user_id}",
        "The caller's runs, newest first",
        json_of("UsagePage", "A page of runs."),
        *(400, 403, 404, *KEY),
        **BEARER,
        parameters=OWN_PAGE,
    ),
    get(
        "/billing/invoices/{user_id}",
        "The caller's Stripe invoices, newest first, and months of usage",
        json_of("InvoicePage", "A page of invoices, and every month."),
        *(400, 403, 404, *KEY),
        **BEARER,
        parameters=OWN_PAGE,
    ),
    post(
        "/billing/create-payment",
        "Open a Checkout page for what is owed, or for a part of it",
        "Payment",
        {200: json_of("Checkout", "Where to pay.")},
        *(409, 502, *KEY),
        **BEARER,
    ),
    get(
        "/dashboard/invoices",
        "What the caller owes, and for which months",
        json_of("Months", "The balance, and the months, newest first."),
        *KEY,
        **BEARER,
    ),
    get("/analytics/usage", "The caller's shots", json_of("Analytics", "In all, and by day."), *KEY, **BEARER),
    post(
        "/support/ticket",
        "Ask for help",
        "TicketRequest",
        {201: json_of("Ticket", "It will be answered by e-mail.")},
        *KEY,
        **BEARER,
    ),
    post(
        "/webhooks/stripe",
        "For Stripe only: takes an event",
        "Event",
        {200: json_of("Received", "It is stored; what is not answered so, Stripe sends again.")},
        503,
        parameters=[
            {
                "name": "Stripe-Signature",
                "in": "header",
                "required": True,
                "schema": {"type": "string"},
                "example": "t=1700000000,v1=0000",
            }
        ],
    ),
)
