"""Somebody of the file is here already: matched, told, and nothing of them overwritten or counted twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.invoices import Invoice, InvoiceState
from bioql_console.domain.ledger import payment_fact
from bioql_console.domain.tickets import Priority, Ticket, TicketState
from bioql_console.domain.users import ApiKey, hash_key
from bioql_console.domain.webhooks import EventSource, EventState, ReceivedEvent
from bioql_console.services.event_decisions import decide
from bioql_console.storage.database import Database
from tests.legacy_files import key_of, make_file, sample_content
from tests.storage.importing import balances, bring_in, check_books, told
from tests.storage.people import NOW, add_people, person


@pytest.fixture
def content() -> dict[str, list[dict[str, Any]]]:
    return sample_content()


def dirty(tmp_path: Path, content: dict[str, list[dict[str, Any]]]) -> Path:
    return make_file(tmp_path / "users.db", content, strict=False)


def test_somebody_who_is_here_is_matched_and_not_overwritten(database: Database, tmp_path: Path, content: Any) -> None:
    (ada,) = add_people(database, person("Ada of here", email="ada@uni.example"))
    with database.write() as work:
        work.ledger.post(payment_fact("pi_here", ada, 20_000_000, NOW, ""))
        work.commit()
        mine = work.users.get(ada)
    report = bring_in(database, dirty(tmp_path, content))
    assert told(report) == [
        ("users", 1, "e-mail address is here already"),
        ("users", 1, "Stripe customer not taken over"),
    ]
    with database.read() as work:
        now = work.users.get(ada)
        assert work.users.by_key(hash_key(key_of(1))) is None
    assert mine is not None
    assert now is not None
    assert now.with_balance(mine.balance) == mine
    assert balances(database)["ada@uni.example"] == 250_100_000 - 20_000_000
    again = bring_in(database, tmp_path / "users.db")
    assert again.nothing_new


def test_keys_customers_invoices_and_tickets_of_others_here(database: Database, tmp_path: Path, content: Any) -> None:
    key = ApiKey.of(key_of(1))
    (other,) = add_people(database, person("Other", key=key, stripe_customer_id="cus_bob"))
    invoice = Invoice("in_ada1", other, "N-1", InvoiceState.PAID, "manual", 1, 1, 1, NOW, NOW, NOW)
    ticket = Ticket("TKT-2", other, Priority.LOW, "s", "m", TicketState.OPEN, NOW)
    with database.write() as work:
        work.invoices.follow(invoice)
        work.tickets.add(ticket)
        work.commit()
    report = bring_in(database, dirty(tmp_path, content))
    assert told(report) == [
        ("users", 1, "API key is here already"),
        ("users", 2, "Stripe customer is here already"),
        ("stripe_invoices", 1, "is here already"),
        ("support_tickets", 2, "is here already"),
    ]
    with database.read() as work:
        holder = work.users.by_key(key.sha256)
    assert holder is not None
    assert holder.id == other
    assert balances(database)["ada@uni.example"] == 350_100_000, "what Stripe told us of is not counted twice"


def test_an_invoice_that_stripe_told_us_was_paid_is_not_paid_twice(
    database: Database, tmp_path: Path, content: Any
) -> None:
    bring_in(database, make_file(tmp_path / "before.db", content))
    with database.write() as work:
        open_one = work.invoices.get("in_ada2")
        assert open_one is not None
        heard = Invoice(
            "in_ada2", 1, "N-2", InvoiceState.PAID, "subscription_cycle", 6_000, 6_000, 6_000, NOW, NOW, NOW
        )
        work.invoices.follow(heard)
        work.ledger.post(payment_fact("pi_of_in_ada2", 1, 60_000_000, NOW, ""))
        work.commit()
    content["stripe_invoices"][1] |= {"status": "paid", "paid_at": "2026-11-10 00:00:00"}
    report = bring_in(database, make_file(tmp_path / "after.db", content))
    assert told(report) == [("stripe_invoices", 2, "is here already")]
    assert balances(database)["ada@uni.example"] == 190_100_000


def test_stripes_own_word_of_a_payment_that_was_brought_in(database: Database, tmp_path: Path, content: Any) -> None:
    """The last month's events are fetched from Stripe after an import; those payments are counted already."""
    bring_in(database, dirty(tmp_path, content))
    before = balances(database)
    paid = {
        "object": "event",
        "data": {
            "object": {
                **{"id": "in_ada1", "object": "invoice", "customer": "cus_ada", "currency": "usd", "status": "paid"},
                **{"total": 10_000, "amount_due": 10_000, "amount_paid": 10_000, "billing_reason": "manual"},
            }
        },
    }
    event = ReceivedEvent("evt_1", "invoice.paid", json.dumps(paid).encode(), NOW, NOW, EventSource.BACKFILL, False)
    with database.write() as work:
        work.inbox.add([event])
        outcome = decide(event, paid, work)
        work.inbox.settle(event.id, outcome, NOW)
        work.commit()
    assert outcome.state is EventState.APPLIED
    assert "brought in" in outcome.reason
    assert balances(database) == before
    check_books(database)
    # It goes by Stripe's word now, and the file still adds nothing.
    assert bring_in(database, tmp_path / "users.db").nothing_new
