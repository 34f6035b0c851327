"""Signatures and signed events at the edge of what Stripe sends, to the real server."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from bioql_console.services.signature import sign
from tests.sites import Site

TOGETHER = 20


def event(site: Site, name: str, kind: str = "customer.updated", thing: Any = None, **changes: Any) -> bytes:
    content = {
        "id": f"evt_{name}",
        "object": "event",
        "type": kind,
        "api_version": "2026-10-28.endive",
        "created": site.console.now_ms() // 1000,
        "livemode": False,
        "data": {"object": thing or {"id": "cus_demo0000001", "object": "customer"}},
    }
    return json.dumps(content | changes).encode()


def post(site: Site, body: bytes, signature: bytes | str) -> httpx.Response:
    header = signature if isinstance(signature, bytes) else signature.encode()
    return site.http.post("/webhooks/stripe", content=body, headers=[(b"Stripe-Signature", header)])


@pytest.mark.fault(
    "Signature",
    "signatures with letters outside ASCII, of another scheme, without a time, or with two hundred guesses",
    "Each is refused with 400 and a reason, never with 500; nothing is stored.",
    figure="10 headers, 0 answers of 500",
)
def test_odd_signatures_are_refused_with_a_reason(site: Site) -> None:
    body, now_s = event(site, "odd"), site.console.now_ms() // 1000
    right = sign(body, site.console.webhook_secrets()[0], now_s * 1000).partition("v1=")[2]
    guesses = ",".join(f"v1={number:064x}" for number in range(200))
    odd: list[bytes] = [
        f"t={now_s},v1=".encode() + "é".encode("latin-1") * 64,
        f"t={now_s},v1=".encode() + "Ω".encode() * 32,
        f"t={now_s},v0={right}".encode(),
        f"v1={right}".encode(),
        f"t=,v1={right}".encode(),
        f"t=-{now_s},v1={right}".encode(),
        f"t={'9' * 40},v1={right}".encode(),
        f"t={now_s},{guesses}".encode(),
        b"\xff\xfe",
        b",",
    ]
    for signature in odd:
        answer = post(site, body, signature)
        assert answer.status_code == 400, signature
        assert answer.json()["error"]
    assert site.events() == []


@pytest.mark.fault(
    "Signature",
    "Stripe rolls the signing secret and signs each event with both",
    "Whichever of the two we have fits, in either order.",
    figure="2 of 2 orders accepted",
)
def test_two_signatures_of_which_one_is_ours(site: Site) -> None:
    now_ms, ours = site.console.now_ms(), site.console.webhook_secrets()[0]
    for number, secrets in enumerate((("whsec_another", ours), (ours, "whsec_another"))):
        body = event(site, f"rolled{number}")
        parts = [sign(body, secret, now_ms).partition("v1=")[2] for secret in secrets]
        assert post(site, body, f"t={now_ms // 1000},v1={parts[0]},v1={parts[1]}").status_code == 200
    assert len(site.events()) == 2


@pytest.mark.fault(
    "Events",
    "signed events whose amounts are not numbers, huge, negative or texts, in another currency, or of another customer",
    "Each is acknowledged; none moves money: it waits in quarantine with its reason, and doctor says that it waits.",
    figure="9 kinds",
)
def test_amounts_that_can_not_be_move_no_money(site: Site) -> None:
    made = site.create_payment().json()
    link = next(each for each in _links(site) if each.session_id == made["session_id"])
    right = {
        "id": link.session_id,
        "object": "checkout.session",
        "customer": _customer(site),
        "client_reference_id": link.reference,
        "payment_status": "paid",
        "status": "complete",
        "mode": "payment",
        "payment_intent": "pi_odd",
        "amount_total": link.amount_cents,
        "currency": "usd",
        "metadata": {"bioql_reference": link.reference},
        "livemode": False,
    }
    odd: dict[str, Any] = {
        "text": {"amount_total": "35000"},
        "none": {"amount_total": None},
        "true": {"amount_total": True},
        "fraction": {"amount_total": 35000.0},
        "negative": {"amount_total": -35000},
        "huge": {"amount_total": 10**30},
        "euro": {"currency": "eur"},
        "less": {"amount_total": 100},
        "other": {"customer": "cus_somebody_else"},
    }
    for name, changes in odd.items():
        body = event(site, name, "checkout.session.completed", right | changes | {"payment_intent": f"pi_{name}"})
        assert site.deliver(body).status_code == 200, name
    nan = event(site, "nan", "checkout.session.completed", right).replace(b": 35000", b": NaN")
    assert b"NaN" in nan
    assert site.deliver(nan).status_code in (200, 400)
    site.settled()
    assert site.owed() == 350.0
    states = {each.id: (each.state.value, each.reason) for each in site.events() if each.id.startswith("evt_")}
    assert {states[f"evt_{name}"][0] for name in odd} == {"quarantined"}, states
    assert all(states[f"evt_{name}"][1] for name in odd)
    checks = {check.id: check for check in site.console.doctor.run(("events",))}
    assert checks["events"].ok is False
    site.books_balance()


def _links(site: Site) -> list[Any]:
    from bioql_console.domain.paging import CheckoutQuery

    with site.console.store.read() as work:
        return list(work.checkouts.page(CheckoutQuery(user_id=1), None, 10).rows)


def _customer(site: Site) -> str:
    with site.console.store.read() as work:
        return str(work.users.get(1).stripe_customer_id)


@pytest.mark.fault(
    "Events",
    "a thin event about something that nobody here knows, and events of kinds that do not exist yet",
    "They are stored, acknowledged and ignored with a reason.",
    figure="2 events stored, 0 answers of 500",
)
def test_what_nobody_knows_yet_is_kept_and_ignored(site: Site) -> None:
    thin = {
        "id": "evt_thin1",
        "object": "v2.core.event",
        "type": "v2.payments.dream.dreamt",
        "livemode": False,
        "created": "2026-11-28T12:00:00.000Z",
        "related_object": {"id": "drm_1", "type": "dream", "url": "/v2/dreams/drm_1"},
    }
    assert site.deliver(json.dumps(thin).encode()).status_code == 200
    assert site.deliver(event(site, "new", "customer.tax_dream.updated")).status_code == 200
    site.settled()
    assert {each.state.value for each in site.events()} == {"ignored"}


@pytest.mark.fault(
    "Order",
    "twenty connections bring the same payment at the same moment, under one event's id and under several",
    "It is posted once; all are acknowledged.",
    figure="20 at once",
)
def test_the_same_payment_twenty_times_at_once_counts_once(site: Site) -> None:
    site.console.sandbox.delivery(paused=True)
    made = site.create_payment().json()
    site.pay(made["url"])
    found = site.console.stripe.gateway().list_events(types=["checkout.session.completed"])
    body = next(iter(found)).body
    bodies = [body] * (TOGETHER // 2)
    bodies += [body.replace(b'"id": "evt_', b'"id": "evt_%d' % number, 1) for number in range(TOGETHER // 2)]
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(lambda each: site.deliver(each).status_code, bodies))
    assert answers == [200] * TOGETHER
    site.settled()
    assert site.owed() == 0.0
    with site.console.store.read() as work:
        payments = [line for line in work.ledger.statement(1, None, 100).rows if line.kind.value == "payment"]
    assert [line.micros for line in payments if line.micros == -350_000_000] == [-350_000_000]
    site.books_balance()
