"""Lists that are not stored as such are paged like all others, and filters hold what they promise."""

from typing import Any

import pytest

from tests.sandbox.conftest import Running
from tests.sandbox.pages import console_session
from tests.sandbox.test_like_stripe import refused

HOUR_S = 3_600


def test_usage_by_the_hour_is_paged_to_its_end(running: Running) -> None:
    meter = running.api.billing.meters.create(
        {"display_name": "Shots", "event_name": "quantum_shot", "default_aggregation": {"formula": "sum"}}
    )
    running.sandbox.put_many([{"id": "cus_1", "object": "customer"}])
    now = running.control_get("clock")["now"] // HOUR_S * HOUR_S
    for hours in range(15):
        payload = {"stripe_customer_id": "cus_1", "value": str(hours)}
        event = {"event_name": "quantum_shot", "payload": payload, "timestamp": now - hours * HOUR_S}
        running.api.billing.meter_events.create(event)
    span = {"customer": "cus_1", "start_time": now - 24 * HOUR_S, "end_time": now + HOUR_S}
    hourly = {**span, "value_grouping_window": "hour", "limit": 4}
    found = list(running.api.billing.meters.event_summaries.list(meter.id, hourly).auto_paging_iter())
    assert [one.aggregated_value for one in found] == list(range(15))
    assert [one.start_time for one in found] == [now - hours * HOUR_S for hours in range(15)]
    whole = running.api.billing.meters.event_summaries.list(meter.id, span).data
    assert [one.aggregated_value for one in whole] == [sum(range(15))]
    crooked = {**hourly, "start_time": now - 24 * HOUR_S + 60}
    assert refused(running.api.billing.meters.event_summaries.list, meter.id, crooked).param == "start_time"


def test_lines_of_a_session_are_paged_forth_and_back(running: Running) -> None:
    def line(cents: int) -> Any:
        price = {"currency": "usd", "unit_amount": cents, "product_data": {"name": f"line {cents}"}}
        return {"quantity": 1, "price_data": price}

    session = console_session(running, line_items=[line(100 + number) for number in range(7)])
    lines = running.api.checkout.sessions.line_items
    found = list(lines.list(session.id, {"limit": 3}).auto_paging_iter())
    assert [one.amount_total for one in found] == [100 + number for number in range(7)]
    back = lines.list(session.id, {"limit": 2, "ending_before": found[4].id})
    assert ([one.id for one in back.data], back.has_more) == ([found[2].id, found[3].id], True)
    nobody = refused(lines.list, session.id, {"starting_after": "li_nobody"})
    assert (nobody.code, nobody.param) == ("resource_missing", "starting_after")


def test_events_by_type_family_and_time(running: Running) -> None:
    running.api.products.create({"name": "P"})
    customer = running.api.customers.create({"name": "A"})
    running.control("clock", advance_s=HOUR_S)
    running.api.customers.update(customer.id, {"name": "B"})
    assert [event["type"] for event in running.events(type="customer.*")] == ["customer.created", "customer.updated"]
    assert running.events(type="custom_r.*") == []
    assert [event["type"] for event in running.events(types=["product.created"])] == ["product.created"]
    later = running.events(created={"gte": customer.created + HOUR_S // 2})
    assert [event["data"]["previous_attributes"] for event in later] == [{"name": "A"}]
    assert refused(lambda: running.events(type="a", types=["b"])).param == "types"


@pytest.mark.parametrize("call", ["create", "update"])
def test_payment_method_types_are_gone_as_at_stripe(running: Running, call: str) -> None:
    intents = running.api.payment_intents
    made = intents.create({"amount": 500, "currency": "usd", "allowed_payment_method_types": ["card"]})
    old = {"payment_method_types": ["card"]}
    again = (made.id, old) if call == "update" else ({"amount": 500, "currency": "usd", **old},)
    assert refused(getattr(intents, call), *again).code == "payment_method_types_no_longer_supported"


def test_evidence_counts_once_it_is_submitted(running: Running) -> None:
    intent = running.api.payment_intents.create(
        {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )
    dispute = running.control("disputes", payment_intent=intent.id)["id"]
    evidence = {"uncategorized_text": "winning_evidence"}
    draft = running.api.disputes.update(dispute, {"evidence": evidence, "submit": False})
    assert (draft.status, draft.evidence_details.submission_count) == ("needs_response", 0)
    assert refused(running.api.refunds.create, {"payment_intent": intent.id}).code == "charge_disputed"
    assert running.api.disputes.update(dispute, {"evidence": evidence}).status == "won"
    assert "charge.dispute.funds_reinstated" in running.event_types()
    assert running.api.refunds.create({"payment_intent": intent.id}).status == "succeeded"
    contested = running.raw.post("/_sandbox/disputes", json={"payment_intent": intent.id})
    assert contested.status_code == 400


def test_objects_put_in_from_outside_can_be_used(running: Running) -> None:
    page = f"{running.url}/c/pay/cs_test_put"
    session = {"id": "cs_test_put", "object": "checkout.session", "amount_total": 500, "currency": "usd", "url": page}
    running.sandbox.put_many([session, {"id": "cus_put", "object": "customer", "name": "Put"}])
    assert running.events() == []
    assert running.api.customers.retrieve("cus_put").name == "Put"
    assert running.raw.get(page).status_code == 200
    paid = running.raw.post(page, data={"card_number": "4242424242424242"})
    assert (paid.status_code, paid.headers["location"]) == (303, "/c/pay/cs_test_put")
    assert running.api.checkout.sessions.retrieve("cs_test_put").payment_status == "paid"
