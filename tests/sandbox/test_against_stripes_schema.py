"""Every object and event of the sandbox has the fields and types that Stripe's own schema demands."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from bioql_console.sandbox.params import Group, Many, Param
from bioql_console.sandbox.registry import Registry
from bioql_console.sandbox.resources import ALL
from tests.sandbox.banks import banks_in_every_way
from tests.sandbox.conftest import Running, serving, shared
from tests.sandbox.pages import console_session, opened
from tests.sdk_schema import SdkSchema, fields, object_class

KINDS = {
    *("billing.meter", "billing.meter_event", "billing.meter_event_adjustment"),
    *("billing.meter_event_summary", "charge", "checkout.session", "customer", "customer_balance_transaction"),
    *("credit_note", "dispute", "event", "invoice", "invoice_payment", "invoiceitem", "item", "line_item"),
    *("account", "payment_intent", "payment_method", "price", "product", "refund", "subscription", "webhook_endpoint"),
}
# Fields of Stripe's samples that are there only sometimes: of a Connect platform's accounts, of other methods than
# cards and debits, when expanded, or of charges from before PaymentIntents.
SOMETIMES = {
    "account": {"controller", "external_accounts", "future_requirements", "requirements", "tos_acceptance"},
    "charge": {"refunds", "source"},
    "payment_method": {"card"},
}
LISTS = (
    *("customers", "checkout/sessions", "charges", "refunds", "disputes", "products", "prices", "events"),
    *("payment_intents", "payment_methods", "webhook_endpoints", "billing/meters", "subscriptions?status=all"),
    *("invoices", "invoice_payments", "invoiceitems", "credit_notes"),
)
PAGE = {"limit": 100}
CARD = {"exp": "12/34", "cvc": "123", "email": "a@uni.example"}


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


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sandbox in which everything has happened that can happen."""
    with serving(tmp_path_factory.mktemp("lived_in") / "stripe.db") as running:
        live(running)
        yield running


@pytest.fixture(scope="module")
def things(lived_in: Running) -> list[dict[str, Any]]:
    return list(everything(lived_in))


def live(running: Running) -> None:
    api = running.api
    customer = api.customers.create({"name": "A", "email": "a@uni.example"}).id
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    api.payment_methods.detach(api.payment_methods.attach("pm_card_amex", {"customer": customer}).id)
    api.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})
    api.customers.balance_transactions.create(customer, {"amount": -500, "currency": "usd"})
    api.customers.delete(api.customers.create({"name": "Gone"}).id)
    for token in ("pm_card_visa", "pm_card_authenticationRequired"):
        api.payment_intents.create({"amount": 500, "currency": "usd", "payment_method": token, "confirm": True})
    api.payment_intents.cancel(api.payment_intents.create({"amount": 500, "currency": "usd"}).id)
    pay_in_every_way(running, customer)
    count_usage(running, customer)
    invoice_in_every_way(running, customer)
    api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})


def pay_in_every_way(running: Running, customer: str) -> None:
    made = console_session(running, customer=customer)
    page = opened(running, made.url)
    page.press("Pay $350.00", card_number="4000000000000002", **CARD)
    page.press("Pay $350.00", card_number="4242424242424242", **CARD)
    intent = running.api.checkout.sessions.retrieve(made.id).payment_intent
    running.api.refunds.create({"payment_intent": intent, "amount": 100})
    running.control("refunds", payment_intent=intent, amount=50)
    for words in ("winning_evidence", "losing_evidence"):
        other = console_session(running)
        opened(running, other.url).press("Pay $350.00", card_number="4242424242424242", **CARD)
        paid = running.api.checkout.sessions.retrieve(other.id).payment_intent
        dispute = running.control("disputes", payment_intent=paid)["id"]
        running.api.disputes.update(dispute, {"evidence": {"uncategorized_text": words}})
    banks_in_every_way(running)
    for button in ("Pay by bank debit", "Pay by bank debit that bounces"):
        opened(running, console_session(running, customer=customer).url).press(button)
    asked = opened(running, console_session(running).url)
    asked.press("Pay $350.00", card_number="4000002500003155", **CARD)
    console_session(running, allowed_payment_method_types=["card"])
    running.control("clock", advance_s=86_400)


def count_usage(running: Running, customer: str) -> None:
    meter = running.api.billing.meters.create(
        {"display_name": "Shots", "event_name": "quantum_shot", "default_aggregation": {"formula": "sum"}}
    )
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    price = {"currency": "usd", "unit_amount": 1, "recurring": recurring, "product_data": {"name": "BioQL"}}
    running.api.prices.create(price)


def invoice_in_every_way(running: Running, customer: str) -> None:
    api = running.api
    billed = {"items": [{"price": api.prices.list().data[0].id}], "billing_thresholds": {"amount_gte": 300_000}}
    subscription = api.subscriptions.create({"customer": customer, **billed})
    payload = {"stripe_customer_id": customer, "value": "350000"}
    api.billing.meter_events.create({"event_name": "quantum_shot", "payload": payload})
    running.control("clock", advance_s=7_200)
    api.subscriptions.update(subscription.id, {"billing_cycle_anchor": {"type": "now"}})
    poor = api.customers.create({"name": "Poor", "payment_method": "pm_card_visa"}).id
    ends = (api.invoices.void_invoice, api.invoices.mark_uncollectible, api.invoices.send_invoice)
    for end in (*ends, lambda invoice: api.invoices.pay(invoice, {"paid_out_of_band": True})):
        api.invoice_items.create({"customer": poor, "amount": 5_000, "currency": "usd", "description": "Usage"})
        sent = {"collection_method": "send_invoice", "days_until_due": 30, "pending_invoice_items_behavior": "include"}
        invoice = api.invoices.finalize_invoice(api.invoices.create({"customer": poor, **sent}).id).id
        api.credit_notes.create({"invoice": invoice, "amount": 1_000, "memo": "Paid by link"})
        end(invoice)
    api.subscriptions.cancel(subscription.id)


def everything(running: Running) -> Iterator[dict[str, Any]]:
    """Every object of every list, what events tell of, and what is only ever answered."""
    for path in LISTS:
        for thing in running.raw.get(f"/v1/{path}", params=PAGE if "?" not in path else None).json()["data"]:
            yield thing
            if thing["object"] == "invoice":
                yield from thing["lines"]["data"]
            if thing["object"] == "event":
                yield thing["data"]["object"]
            if thing["object"] == "customer":
                yield from running.raw.get(f"/v1/customers/{thing['id']}/balance_transactions").json()["data"]
            if thing["object"] == "checkout.session":
                yield from running.raw.get(f"/v1/checkout/sessions/{thing['id']}/line_items").json()["data"]
    yield running.raw.get("/v1/account").json()
    yield from usage(running)


def usage(running: Running) -> Iterator[dict[str, Any]]:
    now = running.control_get("clock")["now"]
    customer = running.api.customers.list().data[0].id
    form = {"event_name": "quantum_shot", "payload[stripe_customer_id]": customer, "payload[value]": "7"}
    for identifier in ("kept", "cancelled"):
        yield running.raw.post("/v1/billing/meter_events", data={**form, "identifier": identifier}).json()
    cancel = {"event_name": "quantum_shot", "type": "cancel", "cancel[identifier]": "cancelled"}
    yield running.raw.post("/v1/billing/meter_event_adjustments", data=cancel).json()
    meter = running.api.billing.meters.list().data[0].id
    span = {"customer": customer, "start_time": now // 60 * 60, "end_time": now // 60 * 60 + 120}
    yield from running.raw.get(f"/v1/billing/meters/{meter}/event_summaries", params=span).json()["data"]


def test_objects_and_events_are_valid(things: list[dict[str, Any]], stripes_schema: Any) -> None:
    known = stripes_schema["components"]["schemas"]
    wrong = [
        line
        for thing in things
        if thing["object"] in known and not thing.get("deleted")
        for line in complaints(stripes_schema, thing)
    ]
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert {thing["object"] for thing in things} == KINDS


def test_objects_and_events_fit_stripes_own_classes(things: list[dict[str, Any]]) -> None:
    """The same, held against stripe-python's types, which are always at hand."""
    sdk, wrong = SdkSchema(), set()
    for thing in things:
        if not thing.get("deleted"):
            kind = thing["object"]
            for error in Draft202012Validator(sdk.object(kind)).iter_errors(thing):
                wrong.add(f"{kind} {error.json_path}: {error.message[:160]}")
            known = {name for _, name, _ in fields(object_class(kind))}
            wrong |= {f"{kind} has {name}, which Stripe does not" for name in set(thing) - known}
    assert not wrong, "\n".join(sorted(wrong))


def test_objects_have_every_field_of_stripes_samples(things: list[dict[str, Any]]) -> None:
    samples, wrong = shared("fixtures3.json")["resources"], set()
    for thing in things:
        kind = thing["object"]
        if kind in samples and not thing.get("deleted"):
            # A sample may be older than the types: what they no longer know is gone.
            known = {name for _, name, _ in fields(object_class(kind))}
            sometimes = SOMETIMES.get(kind, set())
            wrong |= {f"{kind} lacks {name}" for name in set(samples[kind]) & known - set(thing) - sometimes}
    assert not wrong, "\n".join(sorted(wrong))


def test_nothing_is_ever_live(things: list[dict[str, Any]]) -> None:
    def modes(value: Any) -> Iterator[bool]:
        if isinstance(value, dict):
            yield from (inner for name, inner in value.items() if name == "livemode")
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from modes(inner)

    assert {mode for thing in things for mode in modes(thing)} == {False}
    assert all("livemode" in thing for thing in things if thing["object"] == "event")


def test_nothing_inside_gets_out(things: list[dict[str, Any]]) -> None:
    def names(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from value
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from names(inner)

    found = {name for thing in things for name in names(thing)}
    assert not [name for name in found if name.startswith("_")]


def test_the_schema_catches_a_mistake(stripes_schema: Any) -> None:
    assert complaints(stripes_schema, {"object": "refund", "id": 5})


def shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def parameters(operation: Any) -> Any:
    """The parameters of an operation as one object."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        return content["schema"]
    query = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    return {"properties": {each["name"].removesuffix("[]"): each["schema"] for each in query}}


def unknown(table: Mapping[str, Param], asked: Any, inside: str) -> Iterator[str]:
    """Parameters of a table that Stripe does not know."""
    options = [asked, *asked.get("anyOf", [])]
    options = [each.get("items", each) for each in options]
    options = [each for option in options for each in (option, *option.get("anyOf", []))]
    properties = {name: inner for option in options for name, inner in option.get("properties", {}).items()}
    if not properties:
        return
    for name, param in table.items():
        inner = param.of if isinstance(param, Many) else param
        if name not in properties:
            yield f"{inside} {name}"
        elif isinstance(inner, Group):
            yield from unknown(inner.of, properties[name], f"{inside} {name}")


def test_the_sandbox_takes_no_parameter_that_stripe_refuses(stripes_schema: Any) -> None:
    operations = {
        (method.upper(), shape(path)): operation
        for path, methods in stripes_schema["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "delete")
    }
    found: list[str] = []
    compared = 0
    for route in Registry(ALL).routes():
        operation = operations.get((route.method, shape(route.path)))
        if operation is None:
            continue
        compared += 1
        asked = parameters(operation)
        found += unknown(route.params, asked, f"{route.method} {route.path}")
    # Known to the sandbox only so that it can refuse it in Stripe's words.
    refused = [line for line in found if line.endswith("payment_method_types") and "payment_intents" in line]
    assert sorted(set(found) - set(refused)) == []
    assert compared > 60
