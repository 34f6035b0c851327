"""The proof catches mistakes: each of these would have been refused by Stripe, or misread by us."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tests.gateway.checks import misunderstood, not_stripes
from tests.gateway.lab import Sent
from tests.sdk_schema import SdkSchema

GONE = object()


def first(sent: list[Sent], method: str, path: str) -> Sent:
    return next(each for each in sent if each.status == 200 and each.call == (method, path))


def changed(content: Any, at: str, value: object) -> Any:
    """A copy with another value in one place, or without it."""
    made = deepcopy(dict(content))
    here: Any = made
    *way, last = [int(part) if part.isdigit() else part for part in at.split(".")]
    for part in way:
        here = here[part]
    if value is GONE:
        del here[last]
    else:
        here[last] = value
    return made


@pytest.mark.parametrize(
    ("path", "at", "value"),
    [
        ("/v1/checkout/sessions", "line_itms", []),
        ("/v1/checkout/sessions", "mode", "donation"),
        ("/v1/checkout/sessions", "customer", 5),
        ("/v1/checkout/sessions", "line_items.0.price_data.unit_amount", "5000"),
        ("/v1/checkout/sessions", "line_items.0.price_data.curency", "usd"),
        ("/v1/checkout/sessions", "line_items.0.price_data.currency", GONE),
        ("/v1/checkout/sessions", "line_items", {"quantity": 1}),
        ("/v1/checkout/sessions", "metadata", {"bioql_user_id": 1}),
        # Gone from this version of the API.
        ("/v1/checkout/sessions", "payment_method_types", ["card"]),
        ("/v1/billing/meter_events", "payload.value", 35),
        ("/v1/billing/meter_events", "payload", GONE),
        ("/v1/billing/meter_events", "timestamp", "now"),
        ("/v1/billing/meters", "default_aggregation.formula", "average"),
        ("/v1/refunds", "reason", "changed_his_mind"),
        ("/v1/refunds", "amount", 1.5),
        ("/v1/subscriptions", "billing_thresholds.amount_gte", "300000"),
        ("/v1/subscriptions/{}", "billing_cycle_anchor", "now"),
        ("/v1/customers/{}/balance_transactions", "currency", GONE),
        ("/v1/prices", "recurring.interval", "monthly"),
        ("/v1/invoices", "collection_method", "by_pigeon"),
    ],
)
def test_a_wrong_parameter_is_caught(sent: list[Sent], sdk: SdkSchema, path: str, at: str, value: object) -> None:
    right = first(sent, "POST", path)
    assert not list(misunderstood(sdk, right))
    assert list(misunderstood(sdk, replace(right, given=changed(right.given, at, value))))


def test_a_wrong_filter_is_caught(sent: list[Sent], sdk: SdkSchema) -> None:
    right = first(sent, "GET", "/v1/events")
    for wrong in ({"type": ["a"]}, {"created": {"since": 1}}, {"created": "yesterday"}, {"limits": 1}):
        assert list(misunderstood(sdk, replace(right, given=wrong)))


@pytest.mark.parametrize(
    "path", ["/v1/customer", "/v1/checkout/sessions/cs_1/close", "/v1/billing/meter", "/v1/events/"]
)
def test_a_wrong_path_is_caught(sent: list[Sent], path: str) -> None:
    with pytest.raises(AssertionError, match="Stripe has no"):
        _ = replace(sent[0], path=path).call


def test_a_wrong_method_is_caught(sent: list[Sent]) -> None:
    with pytest.raises(AssertionError, match="Stripe has no"):
        _ = replace(first(sent, "GET", "/v1/events"), method="POST").call


@pytest.mark.parametrize(
    ("path", "at", "value"),
    [
        ("/v1/customers/{}", "created", "today"),
        ("/v1/customers/{}", "livemode", GONE),
        ("/v1/customers/{}", "object", "client"),
        ("/v1/customers/{}", "balance", "0"),
        ("/v1/checkout/sessions/{}", "status", "half-open"),
        ("/v1/checkout/sessions/{}", "amount_total", "5000"),
        ("/v1/checkout/sessions/{}", "payment_status", GONE),
        ("/v1/checkout/sessions/{}", "metadata", {"bioql_user_id": 1}),
        ("/v1/invoices/{}", "collection_method", "by_pigeon"),
        ("/v1/invoices/{}", "lines.data.0.amount", None),
        ("/v1/subscriptions/{}", "items.data.0.price.recurring.usage_type", "guessed"),
        ("/v1/events", "data.0.type", "customer.invented"),
        ("/v1/events", "data.0.data", GONE),
        ("/v1/events", "has_more", GONE),
        ("/v1/prices", "data.0.unit_amount_decimal", 1),
        ("/v1/charges/{}", "amount_refunded", GONE),
        ("/v1/disputes/{}", "reason", 5),
    ],
)
def test_a_wrong_answer_is_caught(sent: list[Sent], sdk: SdkSchema, path: str, at: str, value: object) -> None:
    filled = (
        each for each in sent if each.status == 200 and each.call == ("GET", path) and not each.answer.get("deleted")
    )
    right = next(each for each in filled if each.answer.get("data", True))
    assert not list(not_stripes(sdk, right))
    assert list(not_stripes(sdk, replace(right, answer=changed(right.answer, at, value))))
