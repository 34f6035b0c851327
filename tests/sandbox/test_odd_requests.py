"""What no sensible program sends is refused in words, and nothing breaks."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Running
from tests.sandbox.pages import console_session
from tests.sandbox.test_like_stripe import refused

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/products/%7B%7D", b"", 404),
        ("GET", "/v1/customers/..%2Fcharges", b"", 404),
        ("GET", "/v1/customers/%00", b"", 404),
        ("GET", "/v1//customers", b"", 404),
        ("DELETE", "/v1/charges/ch_1", b"", 404),
        ("GET", "/v1/events?type=charge.%25", b"", 200),
        ("GET", "/v1/customers?limit=0", b"", 400),
        ("GET", "/v1/customers?limit=101", b"", 400),
        ("GET", "/v1/customers?limit=1e1", b"", 400),
        ("GET", "/v1/customers?created[gte]=soon", b"", 400),
        ("GET", "/v1/customers?starting_after=cus_nobody", b"", 400),
        ("GET", "/v1/customers?expand[]=data.nothing", b"", 200),
        ("POST", "/v1/customers", b"metadata=flat", 400),
        ("POST", "/v1/customers", b"name[first]=A", 400),
        ("POST", "/v1/customers", b"name=%FF", 400),
        ("POST", "/v1/customers", b"[]=x", 400),
        ("POST", "/v1/customers", b"metadata[a]=1&metadata[a][b]=2", 400),
        ("POST", "/v1/customers", b"metadata[" + b"k" * 41 + b"]=1", 400),
        ("POST", "/v1/customers", b"metadata[k]=" + b"v" * 501, 400),
        ("POST", "/v1/webhook_endpoints", b"url=http://[::1&enabled_events[]=*", 400),
    ],
)
def test_requests_no_sensible_program_sends(running: Running, method: str, path: str, body: bytes, status: int) -> None:
    answer = running.raw.request(method, path, content=body, headers=FORM if body else {})
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json()["error"]["message"]


def test_other_content_types_and_versions_are_refused(running: Running) -> None:
    assert running.raw.post("/v1/customers", json={"name": "A"}).status_code == 400
    assert running.raw.get("/v1/customers", headers={"Stripe-Version": "yesterday"}).status_code == 400
    assert running.raw.post("/v1/customers", headers={"Idempotency-Key": "k" * 256}).status_code == 400
    assert running.raw.post("/v1/customers", content=b"a" * 1_100_000, headers=FORM).status_code == 413


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("clock", '{"advance_s": -1}'),
        ("clock", '{"advance_s": Infinity}'),
        ("clock", '{"advance_s": "1"}'),
        ("clock", "[]"),
        ("delivery", '{"duplicate": -1}'),
        ("delivery", '{"paused": 1}'),
        ("delivery", '{"nonsense": 1}'),
        ("faults", '{"status": 200}'),
        ("faults", '{"status": 500, "count": Infinity}'),
        ("faults", '{"status": 500, "path": "("}'),
        ("refunds", '{"payment_intent": ["pi_1"]}'),
        ("refunds", '{"payment_intent": "pi_1", "amount": true}'),
        ("refunds", "{}"),
        ("disputes", '{"payment_intent": {"id": "pi_1"}}'),
        ("disputes", '{"payment_intent": "pi_nobody"}'),
    ],
)
def test_wrong_controls_are_refused_in_words(running: Running, name: str, body: str) -> None:
    answer = running.raw.post(f"/_sandbox/{name}", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_controls_are_not_for_other_sites(running: Running) -> None:
    for origin in ("https://evil.example", "null"):
        asked = running.raw.post("/_sandbox/clock", json={"advance_s": 60}, headers={"Origin": origin})
        assert asked.status_code == 403
    assert running.raw.get("/_sandbox/nonsense").status_code == 404


def test_pages_that_are_not_there(running: Running) -> None:
    assert running.raw.get("/c/pay/cs_test_nobody").status_code == 404
    assert running.raw.get("/").status_code == 404
    session = console_session(running)
    assert running.raw.put(session.url).status_code == 405
    many = "&".join(f"f{number}=1" for number in range(99))
    assert running.raw.post(session.url, content=many, headers=FORM).status_code == 402


def test_a_broken_connection_hides_that_it_was_carried_out(running: Running) -> None:
    running.control("faults", status="reset", path="^/v1/customers$", count=1)
    key = {"Idempotency-Key": "once"}
    with pytest.raises(httpx.TransportError):
        running.raw.post("/v1/customers", data={"name": "A"}, headers=key)
    again = running.raw.post("/v1/customers", data={"name": "A"}, headers=key)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(running.api.customers.list().data) == 1


def test_a_request_that_hangs_was_not_carried_out(running: Running) -> None:
    running.control("faults", status="hang", path="^/v1/customers$", count=1)
    with pytest.raises(httpx.ReadTimeout):
        running.raw.post("/v1/customers", data={"name": "A"}, timeout=0.2)
    assert running.api.customers.list().data == []


def test_one_customer_pays_once_however_often_the_form_is_sent(running: Running) -> None:
    session = console_session(running)
    card = {"card_number": "4242424242424242"}
    answers = [running.raw.post(session.url, data=card).status_code for _ in range(3)]
    assert answers == [303, 409, 409]
    assert len(running.api.charges.list().data) == 1


def sessions(running: Running, **change: Any) -> Callable[[], Any]:
    return lambda: console_session(running, **change)


def test_sessions_that_make_no_sense(running: Running) -> None:
    assert refused(sessions(running, mode="subscription")).param == "mode"
    assert refused(sessions(running, line_items=[])).param == "line_items"
    assert refused(sessions(running, customer="cus_nobody")).code == "resource_missing"
    assert refused(sessions(running, customer="cus_a", customer_email="a@b")).param == "customer"
    assert refused(sessions(running, client_reference_id="r" * 201)).param == "client_reference_id"
    assert refused(sessions(running, cents=49)).code == "amount_too_small"
    unknown = refused(sessions(running, payment_intent_data={"metdata": {"a": "b"}}))
    assert (unknown.code, unknown.param) == ("parameter_unknown", "payment_intent_data[metdata]")
    gone = running.api.customers.create({"name": "A"}).id
    running.api.customers.delete(gone)
    assert refused(sessions(running, customer=gone)).code == "resource_missing"
