"""Stripe's events may come twice, late and in any order: what is owed in the end is the same."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.environment import Environment
from bioql_console.domain.ledger import usage_fact
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.domain.webhooks import EventSource, EventState
from bioql_console.services.changes import Changes
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.event_intake import parse
from bioql_console.storage.database import Database, sqlite_url
from tests.empty_ledger import empty_ledger

NOW = 1_795_000_000_000
OWED = 350_000_000
names = itertools.count()


def event(number: int, kind: str, thing: dict[str, Any], livemode: bool = False) -> bytes:
    content = {
        "id": f"evt_{number}",
        "object": "event",
        "type": kind,
        "created": NOW // 1000,
        "livemode": livemode,
        "data": {"object": {"livemode": livemode, **thing}},
    }
    return json.dumps(content).encode()


SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "mode": "payment",
    "customer": "cus_1",
    "payment_intent": "pi_1",
    "currency": "usd",
    "client_reference_id": "ref-1",
}
PAID = event(
    1, "checkout.session.completed", {**SESSION, "payment_status": "paid", "status": "complete", "amount_total": 35_000}
)


def refund(number: int, cents: int) -> bytes:
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "currency": "usd", "customer": "cus_1"}
    return event(number, "charge.refunded", {**charge, "amount_refunded": cents, "amount": 35_000})


def dispute(number: int, status: str) -> bytes:
    kind = "charge.dispute.created" if status == "needs_response" else "charge.dispute.closed"
    thing = {"id": "du_1", "object": "dispute", "payment_intent": "pi_1", "currency": "usd", "amount": 20_000}
    return event(number, kind, {**thing, "status": status})


def ledger(folder: Path) -> Database:
    database = Database(sqlite_url(empty_ledger(folder / f"{next(names)}.db")), lambda: NOW)
    database.open(folder / "backups")
    with database.write() as work:
        work.users.add(NewUser("A", "a@uni.example", ApiKey.of("k"), NOW, stripe_customer_id="cus_1"))
        work.ledger.post(usage_fact("u", 1, OWED, NOW, ""))
        work.checkouts.add(CheckoutLink("ref-1", 1, 35_000, 1, CheckoutState.OPEN, NOW, NOW + 1, "cs_1", "http://x"))
        work.commit()
    return database


def deliver(database: Database, bodies: list[bytes], pauses: list[bool], together: int = 1) -> None:
    applier = EventApplier(database, Environment.SANDBOX, Changes(), lambda: NOW, lambda: together)
    for body, pause in zip(bodies, itertools.cycle(pauses), strict=False):
        with database.write() as work:
            work.inbox.add([parse(body, "", EventSource.HTTP, NOW)])
            work.commit()
        if not pause:
            applier.apply_waiting()
    applier.apply_waiting()


STORIES = {
    "refunded in two parts": ([PAID, refund(2, 10_000), refund(3, 35_000)], 350_000_000),
    "refunded in part": ([PAID, refund(2, 10_000)], 100_000_000),
    "disputed and lost": ([PAID, dispute(4, "needs_response"), dispute(5, "lost")], 200_000_000),
    "disputed and won": ([PAID, dispute(4, "needs_response"), dispute(5, "won")], 0),
    "only paid": ([PAID], 0),
}


@pytest.mark.fault(
    "Order",
    "events arrive in any order, some twice",
    "The balance ends the same, to the cent.",
    figure="40 random orders of 5 stories in each run, 0 cents off",
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(sorted(STORIES)), pauses=st.lists(st.booleans(), min_size=1, max_size=4))
def test_the_end_is_the_same(tmp_path: Path, data: st.DataObject, name: str, pauses: list[bool]) -> None:
    bodies, owed = STORIES[name]
    again = data.draw(st.lists(st.sampled_from(bodies), max_size=4))
    order = data.draw(st.permutations([*bodies, *again]))
    database = ledger(tmp_path)
    deliver(database, list(order), pauses, data.draw(st.sampled_from((1, 2, 20))))
    with database.read() as work:
        found = work.verifier.run()
        counts = work.inbox.counts()
        assert work.ledger.balance(1).owed_micros == owed
    database.close()
    assert found.ok, found.differences
    assert counts.get(EventState.QUARANTINED, 0) == 0
    assert counts.get(EventState.RECEIVED, 0) == 0


MISFITS = {
    "another amount": {"amount_total": 100, "payment_status": "paid"},
    "another currency": {"amount_total": 35_000, "payment_status": "paid", "currency": "eur"},
    "another customer": {"amount_total": 35_000, "payment_status": "paid", "customer": "cus_2"},
    "no payment": {"amount_total": 35_000, "payment_status": "paid", "payment_intent": None},
    "not our session": {"id": "cs_9", "client_reference_id": "x", "amount_total": 35_000, "payment_status": "paid"},
}


@pytest.mark.fault(
    "Events",
    "an event with another amount, currency or customer than expected",
    "It is kept in quarantine with the reason; no money moves.",
    figure="5 misfits, 10 tries in each run, 0 cents moved",
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(MISFITS)), live=st.booleans())
def test_what_does_not_fit_moves_no_money(tmp_path: Path, name: str, live: bool) -> None:
    database = ledger(tmp_path)
    deliver(database, [event(7, "checkout.session.completed", {**SESSION, **MISFITS[name]}, livemode=live)], [False])
    with database.read() as work:
        assert work.ledger.balance(1).owed_micros == OWED
        assert work.inbox.counts() == {EventState.QUARANTINED: 1}
    database.close()
