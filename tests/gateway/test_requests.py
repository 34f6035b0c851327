"""Each request that the gateway can send fits Stripe's API: path, parameters, version, keys; nothing else leaves."""

import json
import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

import stripe

from bioql_console.sandbox.forms import parse_form
from bioql_console.services.stripe_catalog import CALLS, StripeCall
from bioql_console.services.stripe_gateway import StripeGateway
from tests.gateway.checks import misunderstood, not_stripes
from tests.gateway.lab import Lab, Sent
from tests.sdk_schema import SdkSchema
from tests.stripe_calls import calls_of_the_gateway, shape

# Asked of the gateway without a request.
# `may` sends the questions of `key_permissions`, which tests/services/test_stripe_keys.py asks.
SILENT = {"activity", "again", "once", "ask", "ask_all", "ask_pages", "close", "id", "may", "read"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ROWS: dict[tuple[str, str], StripeCall] = {(call.method, shape(call.path)): call for call in CALLS}


def public_methods() -> set[str]:
    return {name for name in dir(StripeGateway) if not name.startswith("_")} - SILENT


def test_every_walk_comes_to_its_end(labs: list[Lab]) -> None:
    for lab in labs:
        if lab.ended is not None:
            raise lab.ended


def test_every_method_of_the_gateway_is_walked(labs: list[Lab]) -> None:
    called = set().union(*(lab.called for lab in labs))
    missing = sorted(public_methods() - called)
    assert not missing, f"Call these in a walk of tests/gateway/walks.py, in all their variants: {missing}"


def test_every_method_sends_what_its_code_says(sent: list[Sent]) -> None:
    """No branch is left out: all calls that the code holds were seen, and no others."""
    seen: dict[str, set[tuple[str, str]]] = {}
    for each in sent:
        seen.setdefault(each.through, set()).add(each.call)
    said = {name: calls for name, calls in calls_of_the_gateway().items() if name not in SILENT}
    wrong = [
        f"{name}: {sorted(calls ^ seen.get(name, set()))}"
        for name, calls in said.items()
        if calls != seen.get(name, set())
    ]
    assert not wrong, "Code and walks differ; walk the branch that was not taken:\n" + "\n".join(wrong)


def test_every_request_is_in_the_catalogue(sent: list[Sent]) -> None:
    wrong = [
        f"{each.through} sends {each.method} {each.path}"
        for each in sent
        if each.call not in ROWS or each.through not in ROWS[each.call].used_by
    ]
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert {each.call for each in sent} == set(ROWS)


def test_every_parameter_is_one_of_stripes(sent: list[Sent], sdk: SdkSchema) -> None:
    wrong = [line for each in sent for line in misunderstood(sdk, each)]
    assert not wrong, "\n".join(sorted(set(wrong)))


def as_text(value: Any) -> Any:
    """What a form makes of parameters."""
    if isinstance(value, dict):
        return {name: as_text(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_text(inner) for inner in value]
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def test_the_wire_carries_what_was_given(sent: list[Sent]) -> None:
    """Nesting, lists, numbers, marks and umlauts survive the form encoding."""
    for each in sent:
        assert parse_form(each.text) == as_text({k: v for k, v in each.given.items() if v not in ({}, [])})
        assert all(len(name) < 200 for name, _ in parse_qsl(each.text))


def test_every_request_names_version_and_key(sent: list[Sent], labs: list[Lab]) -> None:
    keys = {lab.sandbox.secret_key for lab in labs}
    for each in sent:
        assert each.headers["stripe-version"] == stripe.api_version == "2026-10-28.endive"
        scheme, _, key = each.headers["authorization"].partition(" ")
        assert (scheme, key in keys) == ("Bearer", True)
        assert not any(key in each.text or key in each.path for key in keys)
        body = each.method == "POST"
        assert each.headers.get("content-type") == ("application/x-www-form-urlencoded" if body else None)
        assert "x-stripe-client-telemetry" not in each.headers


def test_idempotency_keys_are_where_the_catalogue_says(sent: list[Sent]) -> None:
    for each in sent:
        row, key = ROWS[each.call], each.headers.get("idempotency-key")
        assert (key is not None) == row.keyed, each
        if row.keyed:
            assert bool(UUID.fullmatch(key or "")) != row.own_key, each
            assert len(key or "") <= 255


def test_a_key_never_stands_for_two_different_requests(labs: list[Lab]) -> None:
    """Stripe refuses that; and it would mean that one of two wishes is lost."""
    for lab in labs:
        asked: dict[str, set[str]] = {}
        for each in lab.sent:
            if key := each.headers.get("idempotency-key"):
                asked.setdefault(key, set()).add(f"{each.method} {each.path} {each.text}")
        assert [requests for requests in asked.values() if len(requests) > 1] == []


def test_the_sandbox_refuses_nothing_that_the_walks_meant_well(sent: list[Sent]) -> None:
    failed = Counter((each.through, each.status) for each in sent if 400 <= each.status < 500)
    assert set(failed) <= {
        *((name, 404) for name in ("customer_exists", "subscription", "charge", "invoice", "end_subscription")),
        *((name, 400) for name in ("deactivate_meter", "reactivate_meter")),
        ("attach_payment_method", 402),
        *((name, 400) for name in ("expire_checkout", "credit_invoice", "subscribe", "send_meter_event", "refunds_of")),
    }, failed


def test_answers_are_stripes_too(sent: list[Sent], sdk: SdkSchema) -> None:
    wrong = [line for each in sent for line in not_stripes(sdk, each)]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_errors_have_stripes_shape(sent: list[Sent]) -> None:
    for each in sent:
        if 400 <= each.status < 500:
            assert each.answer["error"]["type"] in ("invalid_request_error", "card_error"), json.dumps(each.answer)
            assert each.answer["error"]["message"]
