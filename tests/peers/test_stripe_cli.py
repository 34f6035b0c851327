"""The official Stripe command line finds in the sandbox what it knows of Stripe."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.peers.programs import CommandLine, Serve


def kinds_since(cli: CommandLine, before: list[Any]) -> set[str]:
    """Types of the events that are new."""
    known = {event["id"] for event in before}
    return {event["type"] for event in cli.listed("events", "list") if event["id"] not in known}


def test_it_makes_and_finds_objects(cli: CommandLine) -> None:
    made = cli.json("customers", "create", "--name", "Zoë", "--email", "zoe@uni.example")
    assert cli.json("customers", "retrieve", made["id"])["name"] == "Zoë"
    assert cli.listed("customers", "list")[0]["id"] == made["id"]
    assert cli.json("get", f"/v1/customers/{made['id']}")["email"] == "zoe@uni.example"

    product = cli.json("products", "create", "--name", "Shots")
    price = cli.json("prices", "create", "--product", product["id"], "--currency", "usd", "--unit-amount", "1500")
    assert cli.listed("prices", "list")[0] == price

    refused = json.loads(cli.run("customers", "retrieve", "cus_none"))["error"]
    assert (refused["code"], refused["param"]) == ("resource_missing", "id")
    assert "Invalid API Key" in cli.run("customers", "list", key="sk_test_of4another4account", fails=True)


def test_it_meters(cli: CommandLine, server: Serve) -> None:
    meter = cli.json(
        *("billing", "meters", "create", "--display-name", "Peer shots", "--event-name", "peer_shots"),
        *("-d", "default_aggregation[formula]=sum"),
    )
    assert cli.listed("billing", "meters", "list")[0]["id"] == meter["id"]
    customer = cli.json("customers", "create", "--name", "Ada")["id"]
    for value in ("5", "7"):
        cli.json(
            *("post", "/v1/billing/meter_events", "-d", "event_name=peer_shots"),
            *("-d", f"payload[value]={value}", "-d", f"payload[stripe_customer_id]={customer}"),
        )
    now = meter["created"] // 60 * 60
    (summary,) = cli.json(
        *("billing", "meter_event_summaries", "list", meter["id"], "--customer", customer),
        *("--start-time", str(now - 60), "--end-time", str(now + 600)),
    )["data"]
    assert summary["aggregated_value"] == 12


def test_a_file_of_fixtures_is_carried_out(cli: CommandLine, tmp_path: Path) -> None:
    def step(called: str, path: str, **params: Any) -> dict[str, Any]:
        return {"name": called, "path": path, "method": "post", "params": params}

    steps = [
        step("customer", "/v1/customers", name="Fixture", email="fixture@uni.example"),
        step("item", "/v1/invoiceitems", customer="${customer:id}", currency="usd", amount=700),
        step("invoice", "/v1/invoices", customer="${customer:id}", pending_invoice_items_behavior="include"),
        step("finalized", "/v1/invoices/${invoice:id}/finalize"),
    ]
    file = tmp_path / "fixtures.json"
    file.write_text(json.dumps({"_meta": {"template_version": 0}, "fixtures": steps}))
    cli.run("fixtures", str(file))
    customer = cli.listed("customers", "list")[0]
    (invoice,) = cli.listed("invoices", "list", "--customer", customer["id"])
    assert (customer["name"], invoice["status"], invoice["amount_due"]) == ("Fixture", "open", 700)


@pytest.mark.parametrize(
    ("event", "brings"),
    [
        ("customer.created", {"customer.created"}),
        ("payment_intent.succeeded", {"payment_intent.created", "payment_intent.succeeded", "charge.succeeded"}),
        ("charge.refunded", {"payment_intent.succeeded", "charge.refunded", "refund.created"}),
        ("invoice.paid", {"invoice.finalized", "invoice.paid", "invoice.payment_succeeded"}),
    ],
)
def test_it_triggers(cli: CommandLine, event: str, brings: set[str]) -> None:
    before = cli.listed("events", "list")
    cli.trigger(event)
    assert brings <= kinds_since(cli, before)


def test_it_triggers_a_checkout_with_a_reference_of_mine(cli: CommandLine) -> None:
    cli.trigger("checkout.session.completed", "--override", "checkout_session:client_reference_id=b1")
    (event,) = cli.json("events", "list", "--type", "checkout.session.completed", "--limit", "1")["data"]
    session = event["data"]["object"]
    assert (session["client_reference_id"], session["payment_status"], session["amount_total"]) == ("b1", "paid", 3000)
    assert session["customer_details"]["email"] == "stripe@example.com"
    payment = cli.json("payment_intents", "retrieve", session["payment_intent"])
    assert (payment["status"], payment["shipping"]["name"]) == ("succeeded", "Jenny Rosen")


def test_the_payment_page_takes_only_what_the_page_shows(cli: CommandLine) -> None:
    session = cli.json(
        *("post", "/v1/checkout/sessions", "-d", "mode=payment", "-d", "success_url=https://uni.example/"),
        *("-d", "line_items[0][quantity]=1", "-d", "line_items[0][price_data][currency]=usd"),
        *("-d", "line_items[0][price_data][unit_amount]=700"),
        *("-d", "line_items[0][price_data][product_data][name]=Shots"),
    )["id"]

    def confirm(cents: int, method: str) -> Any:
        words = ("-d", f"expected_amount={cents}", "-d", f"payment_method={method}")
        return cli.json("post", f"/v1/payment_pages/{session}/confirm", *words)

    assert confirm(600, "pm_card_visa")["error"]["code"] == "checkout_amount_mismatch"
    assert confirm(700, "pm_card_visa_chargeDeclined")["error"]["code"] == "card_declined"
    assert cli.json("get", f"/v1/payment_pages/{session}")["payment_status"] == "unpaid"
    assert confirm(700, "pm_card_authenticationRequired")["payment_intent"]["status"] == "requires_action"
    assert confirm(700, "pm_card_visa")["payment_status"] == "paid"
    assert confirm(700, "pm_card_visa")["error"]["message"] == "This Checkout Session is no longer active."


def test_parameters_are_read_by_the_version_that_the_request_names(cli: CommandLine) -> None:
    """Card payments were chosen by `payment_method_types` until 2026-09-30."""
    asked = ("-d", "amount=700", "-d", "currency=usd", "-d", "payment_method_types[]=card")
    for version, code in (
        ((), None),
        (("--stripe-version", "2026-10-28.endive"), "payment_method_types_no_longer_supported"),
    ):
        answer = cli.json("post", "/v1/payment_intents", *asked, *version)
        assert answer.get("error", {}).get("code") == code
