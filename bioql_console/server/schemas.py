"""What requests and answers look like, as JSON Schema for the OpenAPI document."""

from typing import Any

from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.statements import InvoiceStatus
from bioql_console.domain.tickets import LONGEST_MESSAGE, LONGEST_SUBJECT, Priority
from bioql_console.domain.users import LONGEST_EMAIL, LONGEST_NAME, Plan
from bioql_console.server.requests import LONGEST_KEY
from bioql_console.server.values import LONGEST_ID, MOST_SHOTS, UNLIMITED

Schema = dict[str, Any]

KEY = "bioql_example"
FLAG: Schema = {"type": "boolean"}
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
DOLLARS: Schema = {"type": "number", "description": "US dollars, at most two decimals."}
DAY: Schema = {"type": "string", "format": "date"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
SHOTS: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_SHOTS}
LEFT: Schema = {**COUNT, "description": f"{UNLIMITED} where there is no limit."}
NEXT: Schema = {"type": ["string", "null"], "description": "`after` of the next page; null on the last."}
PLAN: Schema = {"type": "string", "enum": [plan.value for plan in Plan]}
USER_ID: Schema = {"type": ["integer", "string"], "description": "Text only with a dev key."}


def some(longest: int) -> Schema:
    """Text that is not blank."""
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"}


def optional(pattern: str = r"^[^\x00]*$") -> Schema:
    """Text that may as well be null or empty."""
    return {"type": ["string", "null"], "maxLength": LONGEST_ID, "pattern": pattern}


def one_of(values: Any) -> Schema:
    return {"type": "string", "enum": [value.value for value in values]}


def nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def thing(fields: dict[str, Schema], optional: dict[str, Schema] | None = None, example: Any = None) -> Schema:
    """A JSON object."""
    schema: Schema = {"type": "object", "properties": {**fields, **(optional or {})}}
    if fields:
        schema["required"] = list(fields)
    return schema if example is None else {**schema, "examples": [example]}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def of(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def json_of(name: str, description: str) -> dict[str, Any]:
    """A response."""
    return {"description": description, "content": {"application/json": {"schema": of(name)}}}


API_KEY: Schema = {
    "type": ["string", "null"],
    "maxLength": LONGEST_KEY,
    "description": "The API key, where it is not in X-API-Key.",
}
RUN: Schema = {
    **thing(
        {"backend": some(LONGEST_ID)},
        {
            "api_key": API_KEY,
            "shots_executed": SHOTS,
            "shots": {"description": "The older name; ignored beside `shots_executed`.", "deprecated": True},
            "success": {"type": ["boolean", "null"], "description": "A failed run costs nothing."},
            "usage_id": {**optional(), "description": "Makes a repeat harmless."},
            "cost": {"description": "Ignored: the server sets the price."},
        },
        {"api_key": KEY, "shots_executed": 100, "backend": "simulator", "usage_id": "run-1"},
    ),
    "anyOf": [{"required": ["shots_executed"]}, {"required": ["shots"], "properties": {"shots": SHOTS}}],
}
MONTH = thing(
    {
        "id": TEXT,
        "date": DAY,
        "description": TEXT,
        "amount": DOLLARS,
        "status": one_of(InvoiceStatus),
        "open": DOLLARS,
    }
)
INVOICE = thing(
    {
        "id": TEXT,
        "number": TEXT,
        "date": DAY,
        "due_date": nullable(DAY),
        "amount": DOLLARS,
        "paid": DOLLARS,
        "open": DOLLARS,
        "status": one_of(state for state in InvoiceState if state is not InvoiceState.DRAFT),
        "url": nullable(TEXT),
    }
)
REGISTERED_USER = thing(
    {
        "id": COUNT,
        "email": TEXT,
        "name": TEXT,
        "api_key": TEXT,
        "tier": PLAN,
        "balance": DOLLARS,
        "stripe_customer_id": nullable(TEXT),
        "stripe_subscription_id": nullable(TEXT),
    }
)

REQUESTS: dict[str, Schema] = {
    "Registration": thing(
        {
            "name": some(LONGEST_NAME),
            "email": {"type": "string", "format": "email", "maxLength": LONGEST_EMAIL},
        },
        {
            "payment_method_id": {**optional(r"^\w*$"), "description": "Stripe's `pm_…`."},
            "create_stripe_account": {"type": ["boolean", "null"], "default": True},
        },
        {"name": "Ada Example", "email": "ada@uni.example", "payment_method_id": "pm_card_visa"},
    ),
    "Key": thing({}, {"api_key": API_KEY}, {"api_key": KEY}),
    "LimitsQuestion": thing(
        {"requested_shots": SHOTS, "backend": some(LONGEST_ID)},
        {"api_key": API_KEY},
        {"api_key": KEY, "requested_shots": 100, "backend": "simulator"},
    ),
    "Run": RUN,
    "Payment": thing({"amount": {**DOLLARS, "minimum": 0.5, "maximum": 999_999.99}}, example={"amount": 350.0}),
    "TicketRequest": thing(
        {"priority": one_of(Priority), "subject": some(LONGEST_SUBJECT), "message": some(LONGEST_MESSAGE)},
        example={"priority": "medium", "subject": "My invoice", "message": "What is the second line?"},
    ),
    "Event": thing({"id": TEXT, "object": {"const": "event"}, "type": TEXT}),
}

ANSWERS: dict[str, Schema] = {
    "Error": thing({"error": TEXT}),
    "Health": thing(
        {
            "status": {"const": "healthy"},
            "stripe_enabled": FLAG,
            "stripe_webhooks_enabled": FLAG,
            "version": TEXT,
            "database": {"enum": ["connected", "read only", "unavailable"]},
            "books": {"enum": ["sound", "unsafe", "unknown"]},
            "service": TEXT,
        }
    ),
    "Stats": thing({"users": COUNT, "shots_30_days": COUNT, "revenue_30_days": DOLLARS}),
    "Document": thing({"openapi": {"const": "3.1.0"}, "info": {"type": "object"}, "paths": {"type": "object"}}),
    "Registered": thing(
        {
            "success": {"const": True},
            "user": REGISTERED_USER,
            "stripe_customer_created": FLAG,
            "stripe_subscription_created": FLAG,
            "invoice_threshold_usd": COUNT,
            "message": TEXT,
        }
    ),
    "Validation": thing(
        {
            "valid": {"const": True},
            "user_id": USER_ID,
            "email": TEXT,
            "plan": PLAN,
            "tier": {**PLAN, "enum": [*PLAN["enum"], "unlimited"]},
            "user": thing({"balance": DOLLARS, "tier": TEXT, "email": TEXT, "name": TEXT}),
            "quota": thing({"shots_used": COUNT, "shots_remaining": LEFT, "plan_limit": LEFT}),
        }
    ),
    "User": thing(
        {
            "id": COUNT,
            "name": TEXT,
            "email": TEXT,
            "api_key": {**TEXT, "description": "The caller's own, echoed."},
            "stripe_customer_id": nullable(TEXT),
            "created_at": MOMENT,
        }
    ),
    "Allowed": thing(
        {
            "allowed": {"const": True},
            "cost": DOLLARS,
            "remaining_shots": LEFT,
            "shots_remaining": LEFT,
            "plan": PLAN,
            "plan_limit": LEFT,
        }
    ),
    "NotAllowed": thing(
        {"allowed": {"const": False}, "reason": TEXT, "upgrade_required": FLAG, "shots_remaining": LEFT},
    ),
    "Recorded": thing(
        {"recorded": {"const": True}, "usage_id": TEXT, "cost": DOLLARS, "shots": SHOTS, "backend": TEXT},
        {"billed": {"const": False, "description": "With a dev key only."}},
    ),
    "UsagePage": thing(
        {
            "user_id": USER_ID,
            "usage": listed(
                thing(
                    {
                        "usage_id": TEXT,
                        "date": MOMENT,
                        "backend": TEXT,
                        "shots": COUNT,
                        "cost": DOLLARS,
                        "success": FLAG,
                    }
                )
            ),
            "next": NEXT,
        }
    ),
    "InvoicePage": thing(
        {
            "user_id": USER_ID,
            "current_balance": DOLLARS,
            "invoices": listed(INVOICE),
            "months": listed(MONTH),
            "next": NEXT,
        }
    ),
    "Checkout": thing(
        {"session_id": TEXT, "url": {"type": "string", "format": "uri"}},
        example={"session_id": "cs_test_example", "url": "https://checkout.stripe.com/c/pay/cs_test_example"},
    ),
    "Months": thing({"current_balance": DOLLARS, "credit": DOLLARS, "invoices": listed(MONTH)}),
    "Analytics": thing(
        {
            "total_shots": COUNT,
            "total_spent": DOLLARS,
            "molecules_designed": COUNT,
            "backends_used": COUNT,
            "backends": {"type": "object", "additionalProperties": COUNT},
            "daily_usage": thing({"dates": listed(DAY), "shots": listed(COUNT)}),
        }
    ),
    "Ticket": thing(
        {"ticket_id": {**TEXT, "pattern": "^TKT-"}, "status": {"const": "created"}, "message": TEXT},
        example={"ticket_id": "TKT-EXAMPLE", "status": "created", "message": "We have received your request"},
    ),
    "Received": thing({"received": {"const": True}}),
}

SCHEMAS: dict[str, Schema] = {**REQUESTS, **ANSWERS}
