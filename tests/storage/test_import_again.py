"""Old files lack columns and tables; a file may come a second time, and may have grown by then."""

from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.paging import UserQuery
from bioql_console.storage.database import Database
from tests.legacy_files import TABLES, key_of, make_file, sample_content
from tests.storage.importing import balances, bring_in, check_books, everything, expected_balances, told
from tests.storage.people import NOW, rows

DAY = 86_400_000


@pytest.fixture
def users_db(tmp_path: Path) -> Path:
    return make_file(tmp_path / "users.db", sample_content())


# --- old files ---

OLDEST = {
    *("monthly_quotas", "stripe_invoices", "support_tickets"),
    *("users.stripe_customer_id", "users.stripe_subscription_id", "users.stripe_setup_complete"),
    *("users.last_used", "users.balance", "usage_logs.usage_type", "usage_logs.stripe_reported"),
}


def test_an_old_file_without_months_is_charged_by_its_runs(database: Database, tmp_path: Path) -> None:
    path = make_file(tmp_path / "users.db", sample_content(), without=OLDEST)
    report = bring_in(database, path)
    assert balances(database) == expected_balances(path)
    assert balances(database)["ada@uni.example"] == 360_100_000
    with database.read() as work:
        assert [month.month for month in work.receivables.months(1)] == ["2026-08", "2026-10"]
    assert report.tally.without_customer == [1, 2, 3]
    assert told(report) == []
    assert "monthly_quotas" in report.notes[0]


def test_the_least_is_a_table_of_ids_and_addresses(database: Database, tmp_path: Path) -> None:
    lacking = {table for table in TABLES if table != "users"}
    lacking |= {f"users.{name}" for name in TABLES["users"] if name not in ("id", "email")}
    report = bring_in(database, make_file(tmp_path / "users.db", sample_content(), without=lacking))
    assert balances(database) == {"ada@uni.example": 0, "bob@uni.example": 0, "cleo@uni.example": 0}
    with database.read() as work:
        found = work.users.page(UserQuery(), None, 10).rows
    assert {(user.name, user.key_hint, user.created_ms) for user in found} == {
        (email, "none", NOW) for email in balances(database)
    }
    assert (report.tally.brought.users, told(report)) == (3, [])


@pytest.mark.parametrize(
    "lacking",
    [f"{table}.{name}" for table, columns in TABLES.items() for name in columns if (table, name) != ("users", "email")],
)
def test_any_column_may_be_missing(sqlite_database: Database, tmp_path: Path, lacking: str) -> None:
    if lacking == "users.id":
        pytest.skip("nobody could be told from anybody")
    path = make_file(tmp_path / "users.db", sample_content(), without={lacking})
    bring_in(sqlite_database, path)
    # A table whose rows nobody owns counts for nothing; all its rows are reported.
    assert balances(sqlite_database) == expected_balances(path)
    before = everything(sqlite_database)
    assert bring_in(sqlite_database, path).nothing_new
    assert everything(sqlite_database) == before


# --- once, twice, and later ---


def test_the_second_time_changes_nothing(database: Database, users_db: Path) -> None:
    first = bring_in(database, users_db)
    before = everything(database)
    second = bring_in(database, users_db, now_ms=NOW + 40 * DAY)
    assert everything(database) == before
    assert second.nothing_new
    assert not second.written
    assert second.tally.brought == first.tally.brought
    assert second.tally.owed_micros == first.tally.owed_micros
    assert told(second) == []


def _later(content: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """What the old server went on to write."""
    content["users"].append({"id": 4, "email": "dan@uni.example", "api_key": key_of(4), "balance": 10.0})
    content["users"][1]["balance"] = 2.5
    content["monthly_quotas"][1]["total_cost"] = 75.0
    content["monthly_quotas"].append({"id": 5, "user_id": 4, "month": "2026-11", "total_cost": 12.0})
    content["stripe_invoices"][1] |= {"status": "paid", "paid_at": "2026-11-10 00:00:00"}
    content["usage_logs"].append(
        {"id": 6, "user_id": 4, "shots": 4, "backend": "ionq_forte", "cost": 12.0, "timestamp": "2026-11-11 01:00:00"}
    )
    return content


def test_a_file_that_has_grown_adds_what_is_new(database: Database, users_db: Path, tmp_path: Path) -> None:
    bring_in(database, users_db)
    entries = rows(database, "SELECT count(*) FROM journal_entries")[0][0]
    grown = make_file(tmp_path / "grown.db", _later(sample_content()))
    report = bring_in(database, grown)
    assert balances(database) == expected_balances(grown)
    added = report.tally.added
    # Ada's October and her invoice, Bob's credit, Dan's month and credit.
    assert (added.users, added.usage_rows, added.entries, added.invoices, added.invoice_changes) == (1, 1, 5, 0, 1)
    assert rows(database, "SELECT count(*) FROM journal_entries")[0][0] == entries + 5
    changed = rows(database, "SELECT source_id, memo FROM journal_entries WHERE source_id LIKE '%#%' ORDER BY 1")
    assert changed == [
        ("1/1/month/2026-10#2", "Brought in: usage of 2026-10 (changed)"),
        ("1/2/credit#2", "Brought in: prepaid credit (changed)"),
    ]
    with database.read() as work:
        invoice = work.invoices.get("in_ada2")
    assert invoice is not None
    assert (invoice.state.value, invoice.paid_cents) == ("paid", 6_000)
    assert bring_in(database, grown).nothing_new


def test_a_month_that_goes_up_and_down_ends_where_the_file_does(database: Database, tmp_path: Path) -> None:
    content = sample_content()
    for number, cost in enumerate((60.0, 75.0, 60.0, 75.0, 0.0)):
        content["monthly_quotas"][1]["total_cost"] = cost
        path = make_file(tmp_path / f"{number}.db", content)
        bring_in(database, path)
        assert balances(database) == expected_balances(path)


def test_what_vanished_from_the_file_stays_and_is_told(database: Database, users_db: Path, tmp_path: Path) -> None:
    bring_in(database, users_db)
    before = balances(database)
    content = sample_content()
    del content["monthly_quotas"][0], content["stripe_invoices"][2]
    report = bring_in(database, make_file(tmp_path / "less.db", content))
    assert balances(database) == before
    assert told(report) == [
        ("monthly_quotas", 1, "no longer in the file"),
        ("stripe_invoices", 2, "no longer in the file"),
    ]


def test_another_file_with_the_same_numbers_is_another_file(database: Database, users_db: Path, tmp_path: Path) -> None:
    bring_in(database, users_db)
    content = sample_content()
    for user in content["users"]:
        user |= {"email": f"other{user['id']}@lab.example", "api_key": key_of(user["id"] + 50)}
        user["stripe_customer_id"] = None
    content["stripe_invoices"], content["support_tickets"] = [], []
    report = bring_in(database, make_file(tmp_path / "other.db", content))
    assert report.tally.added.users == 3
    assert len(balances(database)) == 6
    assert balances(database)["other1@lab.example"] == 350_100_000
    assert told(report) == []


def test_credit_that_is_left_out_can_be_brought_in_later(database: Database, users_db: Path) -> None:
    bring_in(database, users_db, with_credit=False)
    report = bring_in(database, users_db)
    assert report.tally.added.entries == 2
    assert balances(database) == expected_balances(users_db)
    # Once it is there, leaving it out takes nothing back.
    assert bring_in(database, users_db, with_credit=False).nothing_new
    check_books(database)
