"""Every object and event of the sandbox has the fields and types that Stripe's own schema demands."""

from typing import Any

from jsonschema import Draft202012Validator

from tests.sandbox.conftest import Running
from tests.sandbox.test_like_stripe import CARD, session

SEEN_AT_LEAST = {"customer", "checkout.session", "payment_intent", "charge", "product", "price", "refund", "dispute"}


def with_null(schema: Any) -> Any:
    """OpenAPI says `nullable: true` where JSON schema says that null is one of the types."""
    if isinstance(schema, list):
        return [with_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: with_null(each) for name, each in schema.items() if name != "nullable"}
    return {"anyOf": [inner, {"type": "null"}]} if schema.get("nullable") is True else inner


def complaints(schema: Any, thing: dict[str, Any]) -> list[str]:
    kind = thing["object"]
    pointer = {"$ref": f"#/components/schemas/{kind}", "components": schema["components"]}
    errors = Draft202012Validator(pointer).iter_errors(thing)
    return [f"{kind} {'.'.join(map(str, error.absolute_path))}: {error.message[:160]}" for error in errors]


def test_objects_and_events_are_valid(running: Running, stripes_schema: Any) -> None:
    customer = running.api.customers.create({"name": "A", "email": "a@uni.example"}).id
    running.api.payment_methods.attach("pm_card_visa", {"customer": customer})
    running.api.customers.balance_transactions.create(customer, {"amount": -500, "currency": "usd"})
    made = session(running, customer=customer)
    running.raw.post(made.url, data={**CARD, "card_number": "4000000000000002"})
    running.raw.post(made.url, data=CARD)
    intent = running.api.checkout.sessions.retrieve(made.id).payment_intent
    running.api.refunds.create({"payment_intent": intent, "amount": 100})
    running.control("disputes", payment_intent=intent)
    session(running)
    events = running.raw.get("/v1/events", params={"limit": 100}).json()["data"]
    things = [event["data"]["object"] for event in events]
    for path in ("customers", "checkout/sessions", "charges", "refunds", "disputes", "products", "prices"):
        things += running.raw.get(f"/v1/{path}", params={"limit": 100}).json()["data"]
    things += running.raw.get(f"/v1/customers/{customer}/balance_transactions").json()["data"]
    known = stripes_schema["components"]["schemas"]
    wrong = [
        line for thing in (*things, *events) if thing["object"] in known for line in complaints(stripes_schema, thing)
    ]
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert {thing["object"] for thing in things} >= SEEN_AT_LEAST


def test_the_schema_catches_a_mistake(stripes_schema: Any) -> None:
    assert complaints(stripes_schema, {"object": "refund", "id": 5})
