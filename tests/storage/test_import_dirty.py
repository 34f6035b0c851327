"""Rows that are not as they should be: each is told by its number, none is dropped in silence or guessed."""

import math
from pathlib import Path
from typing import Any

import pytest

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.users import hash_key
from bioql_console.storage.database import Database
from tests.legacy_files import change_file, key_of, make_file, sample_content
from tests.storage.importing import balances, bring_in, everything, importer, told
from tests.storage.people import NOW, rows


@pytest.fixture
def content() -> dict[str, list[dict[str, Any]]]:
    return sample_content()


def dirty(tmp_path: Path, content: dict[str, list[dict[str, Any]]]) -> Path:
    return make_file(tmp_path / "users.db", content, strict=False)


def _user(number: int, email: object, **more: Any) -> dict[str, Any]:
    return {"id": number, "email": email, "api_key": key_of(number), "balance": 0.0, "created_at": "2026-10-01", **more}


def test_one_address_is_one_user(database: Database, tmp_path: Path, content: Any) -> None:
    content["users"].append(_user(4, " BOB@UNI.example "))
    content["monthly_quotas"].append({"id": 9, "user_id": 4, "month": "2026-10", "total_cost": 5.0})
    report = bring_in(database, dirty(tmp_path, content))
    assert told(report) == [
        ("users", 4, "e-mail address twice"),
        ("monthly_quotas", 9, "its user was left out"),
    ]
    assert "user 2" in report.problems.found["users", "e-mail address twice"][0].what
    assert report.tally.left_out == {"users": 1, "monthly_quotas": 1}
    assert balances(database)["bob@uni.example"] == -7_500_000


@pytest.mark.parametrize("email", [None, "", "  ", "two words@uni.example", "x" * 250 + "@uni.example", 7, b"a@b.c"])
def test_somebody_without_a_usable_address_is_left_out(
    sqlite_database: Database, tmp_path: Path, content: Any, email: object
) -> None:
    content["users"].append(_user(4, email))
    report = bring_in(sqlite_database, dirty(tmp_path, content))
    kind = "odd e-mail address" if email == 7 else "no e-mail address"
    assert told(report) == [("users", 4, kind)]


@pytest.mark.parametrize("number", [None, "seven", 1.5, b"\xff"])
def test_a_user_without_a_number_is_left_out(
    sqlite_database: Database, tmp_path: Path, content: Any, number: Any
) -> None:
    content["users"].append({**_user(4, "dan@uni.example"), "id": number})
    report = bring_in(sqlite_database, dirty(tmp_path, content))
    ((table, _, kind),) = told(report)
    assert (table, kind) == ("users", "id is no whole number")
    assert "dan@uni.example" not in balances(sqlite_database)


def test_a_number_that_two_users_have_stops_everything(database: Database, tmp_path: Path, content: Any) -> None:
    content["users"].append(_user(2, "dan@uni.example"))
    before = everything(database)
    with pytest.raises(OperatorError) as refused:
        importer(database).run(dirty(tmp_path, content), operator="ada")
    assert refused.value.code == "import.ambiguous"
    assert "id 2" in refused.value.what
    assert everything(database) == before


def test_a_key_or_customer_stays_with_the_first_who_has_it(database: Database, tmp_path: Path, content: Any) -> None:
    content["users"].append(_user(4, "dan@uni.example", api_key=key_of(1), stripe_customer_id="cus_bob"))
    report = bring_in(database, dirty(tmp_path, content))
    assert told(report) == [("users", 4, "API key twice"), ("users", 4, "Stripe customer twice")]
    assert report.tally.without_customer == [3, 4]
    assert "fake_key" not in repr(report)
    with database.read() as work:
        first = work.users.by_key(hash_key(key_of(1)))
        fourth = work.users.by_email("dan@uni.example")
    assert first is not None
    assert first.email == "ada@uni.example"
    assert fourth is not None
    assert (fourth.key_hint, fourth.stripe_customer_id) == ("none", None)


def test_keys_that_are_none(database: Database, tmp_path: Path, content: Any) -> None:
    content["users"] += [
        _user(4, "d@uni.example", api_key=None),
        _user(5, "e@uni.example", api_key=""),
        _user(6, "f@uni.example", api_key="bioql_dev_fake"),
    ]
    report = bring_in(database, dirty(tmp_path, content))
    assert told(report) == [
        ("users", 4, "no API key"),
        ("users", 5, "no API key"),
        ("users", 6, "development key"),
    ]
    assert bring_in(database, tmp_path / "users.db").nothing_new


def test_rows_of_nobody_are_told(database: Database, tmp_path: Path, content: Any) -> None:
    owners = {"usage_logs": 99, "monthly_quotas": None, "stripe_invoices": "nobody", "support_tickets": 0}
    for table, owner in owners.items():
        content[table].append({**content[table][0], "id": 77, "user_id": owner, "stripe_invoice_id": "in_77"})
        content[table][-1].pop("stripe_invoice_id") if table != "stripe_invoices" else None
    before = bring_in(database, dirty(tmp_path, content))
    assert sorted(told(before)) == [
        ("monthly_quotas", 77, "names no user"),
        ("stripe_invoices", 77, "names no user"),
        ("support_tickets", 77, "its user does not exist"),
        ("usage_logs", 77, "its user does not exist"),
    ]
    assert balances(database)["ada@uni.example"] == 250_100_000


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("lots", "is not a number"),
        (math.inf, "is not a finite number"),
        (math.nan, "is missing"),  # SQLite keeps NaN as NULL
        (-5.0, "is negative"),
        (1e12, "is more than a billion dollars"),
    ],
)
def test_amounts_that_are_none_are_not_counted(
    database: Database, tmp_path: Path, content: Any, amount: object, words: str
) -> None:
    content["users"].append(_user(4, "dan@uni.example", balance=amount))
    content["monthly_quotas"].append({"id": 9, "user_id": 4, "month": "2026-10", "total_cost": amount})
    content["monthly_quotas"].append({"id": 10, "user_id": 4, "month": "2026-10", "total_cost": 3.0})
    content["stripe_invoices"].append(
        {"id": 9, "user_id": 4, "stripe_invoice_id": "in_9", "amount": amount, "status": "paid"}
    )
    report = bring_in(database, dirty(tmp_path, content))
    assert set(told(report)) == {
        ("users", 4, f"balance {words}"),
        ("monthly_quotas", 9, f"total_cost {words}"),
        ("stripe_invoices", 9, f"amount {words}"),
    }
    assert balances(database)["dan@uni.example"] == 3_000_000


def test_text_in_a_column_of_dollars_counts_where_it_is_a_number(
    database: Database, tmp_path: Path, content: Any
) -> None:
    path = dirty(tmp_path, content)
    change_file(
        path,
        "ALTER TABLE monthly_quotas RENAME TO old",
        "CREATE TABLE monthly_quotas (id, user_id, month, total_cost TEXT)",
        "INSERT INTO monthly_quotas VALUES ('1', '1', '2026-10', '12.3456789'), (2, 2, '2026-10', ' 20.2 ')",
    )
    report = bring_in(database, path)
    assert told(report) == []
    assert balances(database)["ada@uni.example"] == 12_345_679 - 110_000_000
    assert balances(database)["bob@uni.example"] == -7_500_000


def test_runs_that_are_odd(database: Database, tmp_path: Path, content: Any) -> None:
    run = content["usage_logs"][0]
    content["usage_logs"] += [
        {**run, "id": 11, "cost": None},
        {**run, "id": 12, "cost": "free"},
        {**run, "id": 13, "shots": -4},
        {**run, "id": 14, "timestamp": "soon"},
        {**run, "id": 15, "timestamp": "2099-01-01 00:00:00"},
        {**run, "id": 11},
    ]
    report = bring_in(database, dirty(tmp_path, content))
    assert sorted(told(report)) == [
        ("usage_logs", 11, "cost is missing"),
        ("usage_logs", 11, "id twice or missing"),
        ("usage_logs", 12, "cost is not a number"),
        ("usage_logs", 13, "shots is negative"),
        ("usage_logs", 14, "timestamp is not a time"),
        ("usage_logs", 15, "timestamp in the future"),
    ]
    assert rows(database, "SELECT max(at_ms), count(*) FROM usage") == [(NOW, 9)]
    assert bring_in(database, tmp_path / "users.db").nothing_new


def test_odd_months_and_states(database: Database, tmp_path: Path, content: Any) -> None:
    quota, invoice, ticket = content["monthly_quotas"][0], content["stripe_invoices"][0], content["support_tickets"][0]
    content["users"][1] |= {"tier": "platinum", "created_at": "once", "name": "n" * 300}
    content["monthly_quotas"] += [
        {**quota, "id": 11, "user_id": 3, "month": "last"},
        {**quota, "id": 12, "user_id": 3, "month": "2031-01"},
    ]
    content["stripe_invoices"] += [
        {**invoice, "id": 11, "stripe_invoice_id": "in_11", "status": "maybe"},
        {**invoice, "id": 12, "stripe_invoice_id": "in_12", "paid_at": None, "stripe_customer_id": "cus_x"},
        {**invoice, "id": 13, "stripe_invoice_id": "in_12"},
        {**invoice, "id": 14, "stripe_invoice_id": None, "status": "open"},
        {**invoice, "id": 15, "stripe_invoice_id": "in 15"},
    ]
    content["support_tickets"] += [{**ticket, "id": 11}, {**ticket, "id": 12, "ticket_id": "T-12", "priority": "now"}]
    report = bring_in(database, dirty(tmp_path, content))
    assert sorted(told(report), key=repr) == [
        ("monthly_quotas", 11, "month is not a month as 2026-11"),
        ("monthly_quotas", 12, "month in the future"),
        ("stripe_invoices", 11, "unknown status"),
        ("stripe_invoices", 12, "another customer"),
        ("stripe_invoices", 12, "paid_at is missing"),
        ("stripe_invoices", 13, "invoice id twice"),
        ("stripe_invoices", 14, "no invoice id"),
        ("stripe_invoices", 15, "odd invoice id"),
        ("support_tickets", 11, "ticket id twice"),
        ("support_tickets", 12, "unknown priority"),
        ("users", 2, "created_at is not a time"),
        ("users", 2, "name too long"),
        ("users", 2, "unknown tier"),
    ]
    # The months' costs count, dated now; of the invoices, the second one paid.
    assert balances(database)["cleo@uni.example"] == 600_200_001
    assert balances(database)["ada@uni.example"] == 150_100_000
    ours = rows(database, "SELECT invoice_id, due_cents - settled_cents FROM invoices WHERE invoice_id LIKE 'import%'")
    assert ours == [("import-1-14", 0)], "Stripe does not know it, so nothing is left to collect"
    before = everything(database)
    assert bring_in(database, tmp_path / "users.db", now_ms=NOW + 90 * 86_400_000).nothing_new
    assert everything(database) == before


def test_letters_no_database_takes(database: Database, tmp_path: Path, content: Any) -> None:
    path = dirty(tmp_path, content)
    change_file(
        path,
        "UPDATE users SET name = CAST(x'41FF42' AS TEXT) WHERE id = 1",
        "UPDATE support_tickets SET message = 'a' || char(0) || 'b'",
    )
    bring_in(database, path)
    assert rows(database, "SELECT name FROM users WHERE id = 1") == [("A\ufffdB",)]


def test_problems_of_a_kind_are_counted_but_not_all_kept(
    sqlite_database: Database, tmp_path: Path, content: Any
) -> None:
    content["usage_logs"] += [{"id": 100 + number, "user_id": 50} for number in range(1_500)]
    report = bring_in(sqlite_database, dirty(tmp_path, content))
    kind = ("usage_logs", "its user does not exist")
    assert (report.problems.counts[kind], len(report.problems.found[kind])) == (1_500, 1_000)
    assert report.tally.left_out["usage_logs"] == 1_500
