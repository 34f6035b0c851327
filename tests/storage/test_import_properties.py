"""Whatever stands in a users.db: what is owed is the formula, once, twice, and after the file has grown."""

import itertools
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bioql_console.storage.database import Database
from tests.legacy_files import TABLES, key_of, make_file
from tests.storage.importing import balances, check_books, everything, expected_balances, importer, told
from tests.storage.importing import bring_in as bring_in_backed_up

USERS = 4
_files = itertools.count(1)
# A copy before each of a hundred imports proves nothing more than one does, and takes most of their time.
bring_in = partial(bring_in_backed_up, backed_up=False)
slowly = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    # The examples share one ledger, each with users of its own; a smaller one would only make it bigger.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

dollars = st.one_of(
    st.integers(0, 500_000).map(lambda cents: cents / 100),
    st.floats(0, 1e6),
    st.sampled_from((0.0, 0.1 + 0.2, 5e-7, 4.9e-7, 1e-9)),
)
owners = st.integers(1, USERS)
months = st.sampled_from(("2026-01", "2026-09", "2026-10", "2026-11"))
times = st.sampled_from(
    ("2026-01-31 23:59:59", "2026-09-05T10:00:00", "2026-10-01T00:00:00.123456", "2026-11-17 10:00:00.5", "2026-10-31")
)
optional = [name for name in TABLES if name != "users"] + [
    f"{table}.{name}"
    for table, columns in TABLES.items()
    for name in columns
    if (table, name) not in (("users", "id"), ("users", "email"))
]
lacking = st.one_of(st.just(set[str]()), st.sets(st.sampled_from(optional), max_size=8))

quotas = st.dictionaries(st.tuples(owners, months), dollars, max_size=8)
runs = st.lists(st.fixed_dictionaries({"user_id": owners, "cost": dollars, "timestamp": times}), max_size=10)
bills = st.lists(
    st.fixed_dictionaries(
        {"user_id": owners, "amount": dollars, "status": st.sampled_from(("paid", "open", "void", "draft"))}
    ),
    max_size=8,
)
credit = st.lists(dollars, min_size=USERS, max_size=USERS)


def content_of(name: str, prepaid: list[float], totals: Any, used: Any, billed: Any) -> dict[str, list[dict[str, Any]]]:
    """Rows with ids in the order they were drawn; everything is unlike any other file's."""
    number = int(name[1:]) * 10
    return {
        "users": [
            {
                "id": user,
                "email": f"{name}-{user}@uni.example",
                "api_key": key_of(number + user) + name,
                "balance": amount,
                "stripe_customer_id": f"cus_{name}_{user}" if user % 2 else None,
                "created_at": "2026-02-03 04:05:06",
            }
            for user, amount in enumerate(prepaid, 1)
        ],
        "usage_logs": [{"id": at, "shots": at, "backend": "simulator", **run} for at, run in enumerate(used, 1)],
        "monthly_quotas": [
            {"user_id": user, "month": month, "total_cost": total} for (user, month), total in totals.items()
        ],
        "stripe_invoices": [
            {"stripe_invoice_id": f"in_{name}_{at}", "created_at": "2026-10-02", "paid_at": "2026-10-03", **bill}
            for at, bill in enumerate(billed, 1)
        ],
        "support_tickets": [{"ticket_id": f"TKT-{name}", "user_id": 1, "priority": "low", "created_at": "2026-10-04"}],
    }


@slowly
@given(credit, quotas, runs, bills, lacking, st.booleans())
def test_what_is_owed_is_the_formula(
    database: Database,
    tmp_path: Path,
    prepaid: list[float],
    totals: Any,
    used: Any,
    billed: Any,
    without: set[str],
    with_credit: bool,
) -> None:
    name = f"f{next(_files)}"
    path = make_file(tmp_path / f"{name}.db", content_of(name, prepaid, totals, used, billed), without=without)
    others = balances(database)
    preview = importer(database).preview(path, with_credit=with_credit)
    report = bring_in(database, path, with_credit=with_credit)
    expected = expected_balances(path, with_credit=with_credit)
    assert balances(database) == others | expected
    assert report.tally.owed_micros == sum(max(0, owed) for owed in expected.values())
    assert report.tally.credit_micros == sum(max(0, -owed) for owed in expected.values())
    assert preview.tally == report.tally

    before = everything(database)
    again = bring_in(database, path, with_credit=with_credit)
    assert again.nothing_new
    assert again.tally.owed_micros == report.tally.owed_micros
    assert everything(database) == before


@slowly
@given(st.data())
def test_a_later_version_ends_at_its_own_formula(database: Database, tmp_path: Path, data: st.DataObject) -> None:
    name, without = f"f{next(_files)}", data.draw(lacking)
    first = [data.draw(each) for each in (credit, quotas, runs, bills)]
    later = [data.draw(each) for each in (credit, quotas, runs, bills)]
    # A server adds rows and changes sums and states; it takes no row away and gives none to somebody else.
    later[1] = {**first[1], **later[1]}
    later[2] = [*first[2], *later[2]]
    changed = [{**old, "status": new["status"]} for old, new in zip(first[3], later[3], strict=False)]
    later[3] = [*changed, *first[3][len(changed) :], *later[3][len(changed) :]]
    before = make_file(tmp_path / f"{name}-1.db", content_of(name, *first), without=without)
    after = make_file(tmp_path / f"{name}-2.db", content_of(name, *later), without=without)

    others = balances(database)
    bring_in(database, before)
    report = bring_in(database, after)
    assert balances(database) == others | expected_balances(after)
    assert not [problem for problem in told(report) if problem[2] == "e-mail address is here already"]
    assert bring_in(database, after).nothing_new
    check_books(database)
