"""What is shown on top of the ledger ties to it: ageing, months, headline figures."""

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioql_console.demo_data import _store
from bioql_console.domain.ageing import AgeingQuery, Cancelled, spread
from bioql_console.domain.ledger import Fact, payment_fact, usage_fact
from bioql_console.domain.statements import InvoiceStatus, month_invoices
from bioql_console.domain.usage import DailyShots, Usage
from bioql_console.services.demo import demo_users
from bioql_console.storage import interrupting
from bioql_console.storage.database import Database
from tests.storage.people import DAY, NOW, add_people, facts, person, rows

TERMS = 30
USERS = 2


def by_hand(postings: list[tuple[int, int]], as_of_ms: int) -> tuple[int, ...]:
    """One user's receivable postings (time, micros), aged with a pencil."""
    charged = [0, 0, 0, 0, 0]
    owed = 0
    for at_ms, micros in postings:
        if at_ms > as_of_ms:
            continue
        owed += micros
        days_late = -(-(as_of_ms - at_ms - TERMS * DAY) // DAY)
        if micros > 0:
            charged[0 if days_late <= 0 else min(4, (days_late + 29) // 30)] += micros
    return spread(owed, charged)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(facts(USERS), max_size=20), days_back=st.integers(0, 250))
def test_ageing_ties_to_the_receivable_account_at_any_time(
    database: Database, history: list[Fact], days_back: int
) -> None:
    people = add_people(database, *(person() for _ in range(USERS)))
    with database.write() as work:
        for number, fact in enumerate(sorted(history, key=lambda fact: fact.effective_ms)):
            user = people[fact.user_id]
            work.ledger.post(replace(fact, user_id=user, source_id=f"{user}-{number}"))
        work.commit()
    as_of_ms = NOW - days_back * DAY
    postings: dict[int, list[tuple[int, int]]] = defaultdict(list)
    receivable = "SELECT user_id, effective_ms, micros FROM postings WHERE account = 'receivable'"
    for user, at_ms, micros in rows(database, receivable):
        postings[user].append((at_ms, micros))
    with database.read() as work:
        ageing = work.receivables.ageing(as_of_ms, TERMS)
        one_by_one = tuple(work.receivables.each_aged(as_of_ms, TERMS, AgeingQuery()))
        figures = work.figures.read(as_of_ms, TERMS)
    aged = {row.user_id: row.buckets_micros for row in ageing.rows}
    assert one_by_one == ageing.rows
    assert ageing.customers == len(aged)
    assert ageing.sums_micros == tuple(sum(parts[n] for parts in aged.values()) for n in range(5))
    overdue = [sum(parts[1:]) for parts in aged.values() if sum(parts[1:])]
    outstanding, late = figures.outstanding_micros, figures.overdue_micros
    assert (outstanding.value, outstanding.count) == (sum(sum(parts) for parts in aged.values()), len(aged))
    assert (late.value, late.count) == (sum(overdue), len(overdue))
    expected = {user: by_hand(found, as_of_ms) for user, found in postings.items()}
    assert aged == {user: parts for user, parts in expected.items() if sum(parts)}


def test_ageing_lists_in_the_order_that_is_asked_for_and_counts_everybody(database: Database) -> None:
    with database.write() as work:
        for somebody in demo_users(40, 1, NOW):
            _store(work, somebody)
        work.commit()
    with database.read() as work:
        everybody = work.receivables.ageing(NOW, TERMS)
        most = work.receivables.ageing(NOW, TERMS, AgeingQuery("total", descending=True, limit=3))
        named = work.receivables.ageing(NOW, TERMS, AgeingQuery(text="SMITH"))
    assert most.rows == tuple(sorted(everybody.rows, key=lambda row: row.total_micros, reverse=True)[:3])
    assert (most.customers, most.sums_micros) == (everybody.customers, everybody.sums_micros)
    assert named.rows == tuple(row for row in everybody.rows if "smith" in row.name.lower())
    assert 0 < named.customers == len(named.rows) < everybody.customers


def test_ageing_that_nobody_waits_for_any_more_ends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.shared:
        pytest.skip("PostgreSQL works on its own machine; nobody here waits for it")
    monkeypatch.setattr(interrupting, "STEPS", 1)
    with database.read() as work:
        with pytest.raises(Cancelled):
            work.receivables.ageing(NOW, TERMS, cancelled=lambda: True)
        assert work.receivables.ageing(NOW, TERMS).customers == 0


def test_demo_data_adds_up_wherever_it_is_shown(database: Database) -> None:
    with database.write() as work:
        for somebody in demo_users(40, 1, NOW):
            _store(work, somebody)
        work.commit()
    with database.read() as work:
        found = work.verifier.run()
        assert found.ok, found.differences
        figures = work.figures.read(NOW, TERMS)
        aged = work.receivables.ageing(NOW, TERMS).rows
        shots = sum(day.shots for day in work.usage.daily(NOW - NOW % DAY - 29 * DAY, NOW + 1))
        jane = work.users.get(1)
    assert jane is not None
    assert jane.balance.owed_micros == 350_000_000
    assert figures.users == found.users == 40
    assert figures.outstanding_micros.value == sum(row.total_micros for row in aged) == found.owed_micros
    assert figures.outstanding_micros.history[-1] == found.owed_micros
    assert figures.overdue_micros.value == sum(row.overdue_micros for row in aged)
    assert figures.shots.value == sum(figures.shots.history) == shots
    assert figures.paid_micros.value == sum(figures.paid_micros.history)
    assert [row.name.lower() for row in aged] == sorted(row.name.lower() for row in aged)


def test_months_and_the_oldest_debt_of_one_user(database: Database) -> None:
    ada, bob = add_people(database, person("Ada"), person("Bob"))
    august, september, november = 1_786_000_000_000, 1_789_000_000_000, 1_794_000_000_000
    with database.write() as work:
        work.ledger.post(usage_fact("u1", ada, 5_000_000, august, ""))
        work.ledger.post(usage_fact("u2", ada, 7_000_000, september, ""))
        work.ledger.post(usage_fact("u3", ada, 1_000_000, november, ""))
        work.ledger.post(usage_fact("u4", bob, 9_000_000, august, ""))
        work.ledger.post(payment_fact("pi_1", ada, 6_000_000, november, ""))
        work.commit()
    with database.read() as work:
        months = work.receivables.months(ada)
        assert work.receivables.oldest_open_ms(ada) == september
        assert work.receivables.oldest_open_ms(bob) == august
    assert [(month.month, month.charged_micros) for month in months] == [
        ("2026-08", 5_000_000),
        ("2026-09", 7_000_000),
        ("2026-11", 1_000_000),
    ]
    invoices = month_invoices(ada, months, 7_000_000, NOW, TERMS)
    assert [(invoice.open_micros, invoice.status) for invoice in invoices] == [
        (1_000_000, InvoiceStatus.PENDING),
        (6_000_000, InvoiceStatus.OVERDUE),
        (0, InvoiceStatus.PAID),
    ]
    with database.write() as work:
        work.ledger.post(payment_fact("pi_2", ada, 7_000_000, NOW, ""))
        work.commit()
    with database.read() as work:
        assert work.receivables.oldest_open_ms(ada) is None


def run(
    usage_id: str, user: int, shots: int, at_ms: int, *, backend: str = "simulator", succeeded: bool = True
) -> Usage:
    return Usage(usage_id, user, backend, shots, 10_001, shots * 10_001 if succeeded else 0, succeeded, at_ms)


def test_usage_counts_once_by_day_and_by_user(database: Database) -> None:
    ada, bob = add_people(database, person("Ada"), person("Bob"))
    midnight = NOW - NOW % DAY
    runs = [
        run("u1", ada, 10, midnight - 1),
        run("u2", ada, 20, midnight),
        run("u3", ada, 30, midnight + 5, backend="ibm_kyiv"),
        run("u4", ada, 40, midnight + 6, succeeded=False),
        run("u5", bob, 1, midnight),
    ]
    with database.write() as work:
        assert all(work.usage.add(one) for one in runs)
        assert not work.usage.add(run("u1", bob, 99, NOW)), "a report that came twice was counted twice"
        work.commit()
    with database.read() as work:
        assert work.usage.get("u1") == runs[0]
        assert [one.usage_id for one in work.usage.recent(ada, 3)] == ["u4", "u3", "u2"]
        assert [one.usage_id for one in work.usage.since(ada, midnight)] == ["u2", "u3", "u4"]
        assert work.usage.totals(ada) == (60, 60 * 10_001)
        assert work.usage.fractions_micros(ada) == 10 + 20 + 30
        assert work.usage.daily(midnight, midnight + DAY) == [
            DailyShots("2026-11-18", "ibm_kyiv", 30, 300_030),
            DailyShots("2026-11-18", "simulator", 21, 210_021),
        ]
        assert [day.day for day in work.usage.daily(0, midnight, ada)] == ["2026-11-17"]
        assert work.tariff.price_list().micros_per_shot("ibm_kyiv", NOW) == 3_000_000
