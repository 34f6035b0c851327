"""What stripe-python's types tell of Stripe's API is what the schema beside the project tells, for all that we use."""

from collections.abc import Iterator
from typing import Any

from bioql_console.services.stripe_catalog import CALLS, StripeCall
from tests.sdk_schema import Schema, SdkSchema
from tests.stripe_calls import shape

# The schema beside the project lets any text stand for this time, which may only be one of three words.
LOOSER = {(".cancel_at", "string")}

# A place in a schema, and what may stand there.
Leaf = tuple[str, str]


def leaves(schema: Schema, at: str = "") -> Iterator[Leaf]:
    """What a schema allows, place by place, however it is nested. Any text includes the empty one."""
    if "$ref" in schema:
        yield at, schema["$ref"].rpartition("/")[2]
        return
    for option in schema.get("anyOf", []):
        yield from leaves(option, at)
    if schema.get("nullable"):
        yield at, "null"
    yield from ((f"{at}.{name}", "required") for name in schema.get("required", []))
    for name, inner in schema.get("properties", {}).items():
        yield from leaves(inner, f"{at}.{name}")
    for below in ("items", "additionalProperties"):
        if isinstance(schema.get(below), dict):
            yield from leaves(schema[below], f"{at}[]")
    if "enum" in schema:
        yield from ((at, f"one of {value!r}" if value else "string") for value in schema["enum"])
    elif "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        yield from ((at, kind) for kind in kinds)


def asked(operation: Any) -> Schema:
    """A call's parameters in the schema beside the project."""
    query = [each for each in operation["parameters"] if each["in"] == "query"]
    if query:
        required = [each["name"] for each in query if each["required"]]
        properties = {each["name"].removesuffix("[]"): each["schema"] for each in query}
        return {"type": "object", "properties": properties, "required": required}
    found: Schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    return found


def operation_of(schema: Any, call: StripeCall) -> Any:
    for path, methods in schema["paths"].items():
        if shape(path) == shape(call.path) and call.method.lower() in methods:
            return methods[call.method.lower()]
    return None


def test_both_know_the_same_parameters(stripes_schema: Any) -> None:
    sdk, wrong, compared = SdkSchema(), [], 0
    for call in CALLS:
        operation = operation_of(stripes_schema, call)
        if operation is not None:
            compared += 1
            ours = set(leaves(sdk.parameters((call.method, shape(call.path)))))
            theirs = set(leaves(asked(operation)))
            wrong += [f"{call.method} {call.path} {leaf}" for leaf in sorted((ours ^ theirs) - LOOSER)]
    assert not wrong, "\n".join(wrong)
    assert compared >= len(CALLS) - 3


def test_both_know_the_same_objects(stripes_schema: Any) -> None:
    """Of what is answered to us; the schema beside the project leaves out most of what lies further away."""
    sdk, wrong, compared = SdkSchema(), [], set()
    known = stripes_schema["components"]["schemas"]
    for call in CALLS:
        answer = sdk.answer((call.method, shape(call.path)))
        one = answer if "$ref" in answer else answer["properties"]["data"]["items"]
        compared.add(one["$ref"].rpartition("/")[2])
    for name in compared & set(known):
        differ = set(leaves(sdk.components["schemas"][name])) ^ set(leaves(known[name]))
        wrong += [f"{name} {leaf}" for leaf in sorted(differ)]
    assert not wrong, "\n".join(wrong)
    assert len(compared & set(known)) > 15
