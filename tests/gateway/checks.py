"""What is wrong with a request or an answer, held against stripe-python's types."""

from collections.abc import Iterator

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.gateway.lab import Sent
from tests.sdk_schema import Schema, SdkSchema

# Of what is deleted nothing else is answered.
DELETED: Schema = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "object": {"type": "string"}, "deleted": {"enum": [True]}},
    "required": ["id", "object", "deleted"],
    "additionalProperties": False,
}


def misunderstood(sdk: SdkSchema, each: Sent) -> Iterator[str]:
    """What Stripe would not understand of a request."""
    schema = {**sdk.parameters(each.call), "components": sdk.components}
    yield from _errors(schema, dict(each.given), f"{each.through}: {each.method} {each.path}")


def not_stripes(sdk: SdkSchema, each: Sent) -> Iterator[str]:
    """What Stripe would not answer like this. Errors are passed over."""
    if each.status == 200:
        schema = DELETED if each.answer.get("deleted") else sdk.answer(each.call)
        yield from _errors(schema, each.answer, f"{each.method} {each.path}")


def _errors(schema: Schema, found: object, where: str) -> Iterator[str]:
    for error in Draft202012Validator(schema).iter_errors(found):
        yield f"{where}: {error.json_path} {error.message[:200]}"
