"""A users.db is brought in: who is there, what they owe and since when, on both databases."""

from pathlib import Path

import pytest

from bioql_console.domain.ledger import Account, EntryKind
from bioql_console.domain.legacy import moment_ms
from bioql_console.domain.paging import InvoiceQuery, TicketQuery
from bioql_console.domain.users import Plan, hash_key
from bioql_console.storage.database import Database
from tests.legacy_files import key_of, make_file, sample_content
from tests.storage.importing import balances, bring_in, everything, expected_balances, importer, told
from tests.storage.people import NOW, add_people, person, rows

DAY = 86_400_000


@pytest.fixture
def users_db(tmp_path: Path) -> Path:
    return make_file(tmp_path / "users.db", sample_content())


def test_everybody_owes_what_the_old_server_said(database: Database, users_db: Path) -> None:
    report = bring_in(database, users_db)
    assert balances(database) == {
        "ada@uni.example": 250_100_000,  # 300.10 + 60.00 − 100.00 paid − 10.00 prepaid
        "bob@uni.example": -7_500_000,  # 20.20 − 20.20 paid − 7.50 prepaid
        "cleo@uni.example": 1,
    }
    assert balances(database) == expected_balances(users_db)
    tally = report.tally
    assert (tally.owed_micros, tally.credit_micros) == (250_100_001, 7_500_000)
    assert (tally.charged_micros, tally.paid_micros, tally.prepaid_micros) == (380_300_001, 120_200_000, 17_500_000)
    assert (tally.brought.users, tally.brought.usage_rows, tally.brought.months) == (3, 5, 4)
    assert (tally.brought.invoices, tally.brought.tickets) == (3, 2)
    assert tally.reported_micros == 320_300_000
    assert tally.without_customer == [3]
    assert told(report) == []


def test_without_prepaid_credit(database: Database, users_db: Path) -> None:
    report = bring_in(database, users_db, with_credit=False)
    assert balances(database) == expected_balances(users_db, with_credit=False)
    assert report.tally.prepaid_micros == 0


def test_people_are_themselves_and_their_keys_work(database: Database, users_db: Path) -> None:
    bring_in(database, users_db)
    with database.read() as work:
        ada = work.users.by_key(hash_key(key_of(1)))
        cleo = work.users.by_key(hash_key(key_of(3)))
    assert ada is not None
    assert (ada.id, ada.name, ada.email, ada.plan) == (1, "Ada Lovelace", "ada@uni.example", Plan.PRO)
    assert (ada.stripe_customer_id, ada.stripe_subscription_id) == ("cus_ada", "sub_ada")
    assert ada.created_ms == moment_ms("2026-07-01 09:30:00")
    assert ada.last_used_ms == moment_ms("2026-11-02 08:00:00.25")
    assert cleo is not None
    assert (cleo.plan, cleo.stripe_customer_id, cleo.last_used_ms) == (Plan.FREE, None, None)


def test_keys_are_nowhere_in_plain(sqlite_database: Database, users_db: Path, tmp_path: Path) -> None:
    report = bring_in(sqlite_database, users_db)
    sqlite_database.close()
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != users_db]
    assert len(written) >= 2
    assert not [path for path in written if b"bioql_fake_key" in path.read_bytes()]
    assert "fake_key" not in repr(report)


def test_each_part_is_an_entry_of_its_own_at_its_time(database: Database, users_db: Path) -> None:
    bring_in(database, users_db)
    entries = rows(
        database,
        "SELECT source_type, source_id, effective_ms, kind, operator FROM journal_entries e "
        "WHERE EXISTS (SELECT 1 FROM postings WHERE entry_id = e.id AND user_id = 1) ORDER BY id",
    )
    assert [(kind, source, at) for kind, source, at, _, _ in entries] == [
        ("import", "1/1/credit", moment_ms("2026-07-01 09:30:00")),
        ("import", "1/1/month/2026-08", moment_ms("2026-09-01") - 1),
        ("import_invoice", "in_ada1", moment_ms("2026-09-02 12:00:00")),
        ("import", "1/1/month/2026-10", moment_ms("2026-11-01") - 1),
    ]
    assert {entry[3:] for entry in entries} == {(EntryKind.OPENING.value, "ada")}
    against = rows(database, "SELECT account, sum(micros) FROM postings GROUP BY account ORDER BY account")
    assert {name: int(sums) for name, sums in against} == {
        Account.CUSTOMER_CREDIT.value: -7_500_000,
        Account.OPENING.value: -242_600_001,
        Account.RECEIVABLE.value: 250_100_001,
    }


def test_debts_have_their_age_and_months_their_sums(database: Database, users_db: Path) -> None:
    bring_in(database, users_db)
    with database.read() as work:
        (ada, _) = work.receivables.ageing(NOW, 30).rows
        months = work.receivables.months(1)
    # The youngest charges are open: October's 60.00, and 190.10 of August's.
    assert ada.buckets_micros == (60_000_000, 0, 190_100_000, 0, 0)
    assert [(month.month, month.charged_micros) for month in months] == [
        ("2026-08", 290_100_000),
        ("2026-10", 60_000_000),
    ]


def test_the_month_that_has_not_ended_counts_now(database: Database, tmp_path: Path) -> None:
    content = sample_content()
    content["monthly_quotas"] = [{"user_id": 1, "month": "2026-11", "total_cost": 100.0}]
    bring_in(database, make_file(tmp_path / "users.db", content))
    assert rows(database, "SELECT effective_ms FROM journal_entries WHERE source_id = '1/1/month/2026-11'") == [(NOW,)]


def test_runs_are_shown_and_charged_by_their_month_only(database: Database, users_db: Path) -> None:
    bring_in(database, users_db)
    with database.read() as work:
        runs = work.usage.recent(1, 10)
        daily = work.usage.daily(0, NOW)
        assert work.usage.totals(1) == (6_107, 360_100_000)
        assert work.usage.since(1, 0) == [], "what was brought in is not metered again"
        assert work.outbox.due(NOW, 10) == []
    assert [(run.backend, run.shots, run.micros_per_shot, run.cost_micros) for run in runs] == [
        ("simulator", 6_000, 10_000, 60_000_000),
        ("ionq_forte", 7, 0, 100_000),  # 0.10 does not divide by 7
        ("ibm_torino", 100, 3_000_000, 300_000_000),
    ]
    assert runs[0].usage_id == "import-1-1-3"
    assert {day.day for day in daily} == {"2026-08-03", "2026-08-04", "2026-09-09", "2026-09-10", "2026-10-05"}


def test_invoices_and_tickets_are_listed(database: Database, users_db: Path) -> None:
    bring_in(database, users_db)
    with database.read() as work:
        invoices = work.invoices.page(InvoiceQuery(), None, 10).rows
        tickets = work.tickets.page(TicketQuery(), None, 10).rows
    assert [(each.id, each.user_id, each.state.value, each.total_cents, each.paid_cents) for each in invoices] == [
        ("in_bob1", 2, "paid", 2_020, 2_020),
        ("in_ada2", 1, "open", 6_000, 0),
        ("in_ada1", 1, "paid", 10_000, 10_000),
    ]
    assert invoices[0].url == "https://pay.example/in_bob1.pdf"
    assert [(each.id, each.priority.value, each.state.value, each.resolved_ms) for each in tickets] == [
        ("TKT-2", "low", "resolved", moment_ms("2026-10-02 10:00:00")),
        ("TKT-1", "critical", "open", None),
    ]


def test_somebody_answers_for_it(database: Database, users_db: Path) -> None:
    bring_in(database, users_db)
    assert rows(database, "SELECT operator, action, subject FROM activity") == [
        ("ada", "imported users.db", "users.db")
    ]
    (record,) = rows(database, "SELECT lineage, file, operator, users, usage_rows, entries FROM imports")
    assert record == (1, "users.db", "ada", 3, 5, 8)


def test_a_preview_says_the_same_and_writes_nothing(database: Database, users_db: Path) -> None:
    before = everything(database)
    preview = importer(database).preview(users_db)
    assert everything(database) == before
    report = bring_in(database, users_db)
    assert preview.tally == report.tally
    assert (preview.written, report.written) == (False, True)


def test_everyone_who_registers_later_gets_a_free_number(database: Database, users_db: Path) -> None:
    bring_in(database, users_db)
    assert add_people(database, person()) == [4]


def test_numbers_that_are_taken_here_are_not_taken_away(database: Database, users_db: Path) -> None:
    assert add_people(database, person(), person()) == [1, 2]
    bring_in(database, users_db)
    with database.read() as work:
        ids = {email: user.id for email in balances(database) if (user := work.users.by_email(email))}
    assert {ids["ada@uni.example"], ids["bob@uni.example"]} == {4, 5}
    assert ids["cleo@uni.example"] == 3
