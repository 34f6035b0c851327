"""What the ledger says to reconciliation, the same from SQLite and from PostgreSQL."""

from pathlib import Path

from bioql_console.domain.cash import CashEntry, CashFact, Part
from bioql_console.domain.invoices import Invoice, InvoiceState
from bioql_console.domain.ledger import (
    Account,
    EntryKind,
    JournalEntry,
    Posting,
    dispute_hold,
    invoice_payment_fact,
    payment_fact,
    refund_fact,
    usage_fact,
    welcome_credit_fact,
)
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.reconciliation import Accepted, Period
from bioql_console.domain.usage import Usage
from bioql_console.domain.webhooks import EventSource, EventState, Outcome, ReceivedEvent
from bioql_console.storage.database import Database
from bioql_console.storage.reconciliation_scratch import open_scratch
from tests.storage.people import DAY, NOW, add_people, person

EVER = Period(0)
CENT = 10_000


def fill(database: Database) -> int:
    """Ada used, paid a link and an invoice, was refunded and disputed; the outbox told Stripe of some of it."""
    (ada,) = add_people(database, person("Ada", stripe_customer_id="cus_ada", email="Ada@Uni.example"))
    costs = (25_000, 9_999, 1, 300 * CENT)
    with database.write() as work:
        for number, cost in enumerate(costs, 1):
            work.usage.add(Usage(f"run-{number}", ada, "simulator", 1, cost, cost, True, NOW - DAY + number))
            work.ledger.post(usage_fact(f"run-{number}", ada, cost, NOW - DAY + number, "run"))
        for run, value in (("run-1", 2), ("run-4", 300)):
            work.outbox.add(
                MessageKind.METER_EVENT, run, user_id=ada, stripe_customer_id="cus_ada", value=value, occurred_ms=NOW
            )
        work.outbox.add(
            MessageKind.METER_CANCEL,
            "cancel-run-0",
            user_id=ada,
            stripe_customer_id="cus_ada",
            value=1,
            occurred_ms=NOW,
        )
        work.outbox.add(
            MessageKind.BALANCE_CREDIT, "credit-pi_1", user_id=ada, stripe_customer_id="cus_ada", value=5,
            occurred_ms=NOW,
        )  # fmt: skip
        work.ledger.post(welcome_credit_fact(ada, 1_000 * CENT, NOW - 2 * DAY))
        work.ledger.post(payment_fact("pi_1", ada, 500 * CENT, NOW, "Checkout payment"))
        work.ledger.post(invoice_payment_fact("in_1", ada, 200 * CENT, NOW + DAY, "Invoice 1"))
        work.ledger.post(refund_fact("pi_1:evt_1", ada, 30 * CENT, NOW + 1, "Refund"))
        work.ledger.post(refund_fact("pi_10:evt_2", ada, 1 * CENT, NOW + 1, "Refund"))
        work.ledger.post_entry(dispute_hold("du_1", 40 * CENT, NOW + 2, "Dispute of pi_1"))
        corrected = (Posting(Account.STRIPE_CLEARING, 7 * CENT), Posting(Account.ADJUSTMENTS, -7 * CENT))
        source = "refund:pi_1:-30>-23"
        work.ledger.post_entry(JournalEntry(EntryKind.REVERSAL, "reconciliation", source, NOW + 3, corrected))
        work.invoices.follow(Invoice("in_1", ada, "B-1", InvoiceState.PAID, "manual", 200, 200, 200, NOW, NOW, NOW))
        work.invoices.add_payment("pi_2", "in_1")
        work.activity.record("ana", "sent test meter event", "test-1", after="cus_ada")
        event = ReceivedEvent("evt_q", "charge.refunded", b"{}", NOW, NOW, EventSource.HTTP, False)
        work.inbox.add([event])
        work.inbox.settle("evt_q", Outcome(EventState.QUARANTINED, "Who is it?", "pi_9"), NOW)
        work.commit()
    return ada


def test_cash_by_document(database: Database) -> None:
    ada = fill(database)
    with database.read() as work:
        books = work.reconciliation
        found = {(one.part, one.document, one.cents, one.user_id) for one in books.cash(EVER)}
        assert found == {
            ("payment", "pi_1", 500, ada),
            ("payment", "in_1", 200, ada),
            ("refund", "pi_1", -30, ada),
            ("refund", "pi_1", 7, None),
            ("refund", "pi_10", -1, ada),
            ("dispute", "du_1", -40, None),
        }
        assert {one.cents for one in books.cash_of("refund", "pi_1")} == {-30, 7}, "pi_10 is another payment"
        assert [one.payment for one in books.cash_of("dispute", "du_1")] == ["pi_1"]
        assert books.cash_of("payment", "pi_unknown") == []
        day = NOW // DAY * DAY
        assert books.cash_by_day(EVER) == {day: 436 * CENT, day + DAY: 200 * CENT}
        assert books.cash_by_day(Period(day, day + DAY)) == {day: 436 * CENT}
        assert (books.held_micros("du_1"), books.brought_in("in_1")) == (40 * CENT, False)
        assert books.began_ms() == NOW - 2 * DAY


def test_whole_cents_go_with_the_run_that_completes_them(database: Database) -> None:
    ada = fill(database)
    with database.read() as work:
        rows = [(one.usage_id, one.units, one.state, one.customer) for one in work.reconciliation.metered(0)]
        none = list(work.reconciliation.metered(NOW))
        besides = work.reconciliation.meter_traffic()
        tests = work.reconciliation.test_usage()
    waiting = "waiting"
    assert sorted(rows) == [
        ("run-1", 2, waiting, "cus_ada"),
        ("run-2", 1, "", "cus_ada"),
        ("run-4", 300, waiting, "cus_ada"),
    ]
    assert (none, besides, ada) == ([], [("cus_ada", None)], ada)
    assert [(identifier, customer) for identifier, customer, _ in tests] == [("test-1", "cus_ada")]


def test_overpayments_with_what_was_owed_before(database: Database) -> None:
    ada = fill(database)
    with database.read() as work:
        books = work.reconciliation
        assert {source for _, source in books.overpaying(EVER)} == {"pi_1", "in_1"}
        paid = [(one.source_id, one.cents, one.owed_before_cents, one.made_ms) for one in books.payments_of(ada)]
        told = [(one.key, one.cents, one.state) for one in books.told()]
        invoices = [(one.id, one.customer, one.state, one.paid_cents) for one in books.invoices(EVER)]
        pairs = list(books.invoice_payments())
    assert paid == [("pi_1", 500, -697, None), ("in_1", 200, -1_166, NOW)]
    assert told == [("credit-pi_1", 5, "waiting")]
    assert invoices == [("in_1", "cus_ada", "paid", 200)]
    assert pairs == [("pi_2", "in_1")]


def test_causes_and_what_was_accepted(database: Database) -> None:
    fill(database)
    with database.write() as work:
        books = work.reconciliation
        assert books.heard_about(["pi_9", ""]) == ("evt_q", EventState.QUARANTINED, "Who is it?")
        assert books.heard_about(["pi_1"]) is None
        assert (books.fate_of("evt_q"), books.fate_of("evt_none")) == ((EventState.QUARANTINED, "Who is it?"), None)
        for state in ("1/2", "1/3"):
            books.accept(Accepted("payment_foreign::pi_9", state, "shop", "ana", NOW))
        assert books.accepted()["payment_foreign::pi_9"].state == "1/3", "the newest counts"


def test_both_sides_lie_beside_each_other(database: Database, tmp_path: Path) -> None:
    ada = fill(database)
    facts = [
        CashFact(Part.PAYMENT.value, "pi_1", "ch_1", "pi_1", "cus_ada", 500, NOW - 5),
        CashFact(Part.PAYMENT.value, "pi_2", "ch_2", "pi_2", "cus_ada", 200, NOW - 5),
        CashFact(Part.REFUND.value, "pi_1", "re_1", "pi_1", "cus_ada", -23, NOW),
        CashFact(Part.DISPUTE.value, "du_1", "txn_1", "pi_1", "cus_ada", -40, NOW),
    ]
    with open_scratch(EVER) as scratch, database.read() as work:
        scratch.take_facts(facts)
        scratch.take_users(work.reconciliation.users())
        scratch.take_payments(work.reconciliation.invoice_payments())
        scratch.take_entries(work.reconciliation.cash(EVER))
        scratch.settle_documents()
        assert [one.document for one in scratch.differing()] == ["pi_10"]
        assert [total[0] for total in scratch.customer_totals(9)] == [ada]
        scratch.take_entries([CashEntry("payment", "pi_3", 9_999, "pi_3", ada, 1, NOW)])
        assert len(list(scratch.days())) == 2
        assert scratch.user(ada) == scratch.user_of("cus_ada")
        assert scratch.counts() == {"payments": 2, "refunds": 1, "disputes": 1, "entries": 7}
