"""Events without content, and the content that is fetched, are what stripe-python's classes say, by their type."""

from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.gateway.lab import Lab, Sent
from tests.gateway.thin_walk import NO_METER, REPORTED
from tests.sdk_schema import SdkSchema, fields, object_class


@pytest.fixture(scope="module")
def fetched(sent: list[Sent]) -> dict[str, Any]:
    """One event of each type."""
    found = [each.answer for each in sent if each.call == ("GET", "/v2/core/events/{}") and each.status == 200]
    return {event["type"]: event for event in found}


def wrong(sdk: SdkSchema, event: Any) -> list[str]:
    known = {name for _, name, _ in fields(object_class(event["type"]))}
    errors = Draft202012Validator(sdk.object(event["type"])).iter_errors(event)
    # An event about nothing says so.
    unknown = {name for name in set(event) - known if (name, event[name]) != ("related_object", None)}
    return [error.message for error in errors] + sorted(unknown)


@pytest.mark.parametrize("kind", [REPORTED, NO_METER])
def test_what_is_fetched_is_of_its_class(fetched: dict[str, Any], sdk: SdkSchema, kind: str) -> None:
    assert wrong(sdk, fetched[kind]) == []


def test_what_is_delivered_is_the_same_without_its_content(labs: list[Lab], fetched: dict[str, Any]) -> None:
    stored = {event["id"]: event for lab in labs for event in lab.sandbox._store.select("v2.core.event")}
    for event in fetched.values():
        delivered = {name: value for name, value in stored[event["id"]].items() if not name.startswith("_")}
        assert {**delivered, "data": event["data"]} == event
        assert "data" not in delivered


def test_a_mistake_in_an_event_is_caught(fetched: dict[str, Any], sdk: SdkSchema) -> None:
    for at, value in (
        (("created",), 5),
        (("data", "reason", "error_types", 0, "code"), "bad_mood"),
        (("data", "reason", "error_types", 0, "error_count"), "1"),
        (("data", "validation_start"), None),
        (("related_object",), None),
        (("surprise",), 1),
    ):
        event = deepcopy(fetched[REPORTED])
        here: Any = event
        for part in at[:-1]:
            here = here[part]
        here[at[-1]] = value
        assert wrong(sdk, event), at
