"""Two operators edit the same: the second is refused, told who was faster, and may write over it knowingly."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioql_console.domain.edits import Conflict, ago
from bioql_console.domain.environment import Environment
from bioql_console.domain.plans import PlanLimits
from bioql_console.domain.tickets import Priority
from bioql_console.domain.users import Plan
from bioql_console.services.changes import Changes
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.support import Support
from bioql_console.services.tariff_admin import TariffAdmin
from bioql_console.services.user_admin import UserAdmin
from bioql_console.storage.database import Database, sqlite_url
from tests.storage.people import NOW, rows
from tests.teams.events import customers

OPERATORS, ROUNDS = 4, 8
MINUTE_MS = 60_000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def join_either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """`join` on either kind of database, with one user in it."""
    if request.param == "postgresql":
        join = request.getfixturevalue("join")
        customers(join(), 1, 0)
        yield join
        return
    joined: list[Database] = []

    def made() -> Database:
        joined.append(Database(sqlite_url(tmp_path / "bioql.db"), lambda: NOW))
        return joined[-1]

    made().open(tmp_path / "backups")
    customers(joined[0], 1, 0)
    yield made
    for each in joined:
        each.close()


def admin(database: Database, now_ms: int = NOW) -> UserAdmin:
    stripe = StripeAccess(Environment.SANDBOX, lambda: None, "http://127.0.0.1:1")
    return UserAdmin(database, stripe, Changes(), lambda: now_ms)


def version(database: Database) -> int:
    with database.read() as work:
        user = work.users.get(1)
    assert user is not None
    return user.version


@pytest.mark.fault(
    "PostgreSQL",
    "several operators edit the same customer at the same moment",
    "One of those who saw the same is let through; the others are told by whom and when it was changed, see both "
    "values and choose. Nothing is written over unseen.",
    figure="4 operators, 32 edits at once, 0 written over",
)
def test_no_edit_is_written_over_unseen(join_either: Callable[[], Database]) -> None:
    gate = threading.Barrier(OPERATORS)

    def work(number: int) -> tuple[int, int]:
        database = join_either()
        me, saved, refused = admin(database), 0, 0
        for turn in range(ROUNDS):
            seen = version(database)
            gate.wait(20)  # all of them saw the same
            try:
                me.set_plan(1, list(Plan)[(number + turn) % len(Plan)], f"operator {number}", "why not", seen)
                saved += 1
            except Conflict:
                refused += 1
            gate.wait(20)
        return saved, refused

    with ThreadPoolExecutor(OPERATORS) as pool:
        counted = list(pool.map(work, range(OPERATORS)))
    assert sum(saved + refused for saved, refused in counted) == OPERATORS * ROUNDS
    trail = rows(join_either(), "SELECT before, after FROM activity WHERE action = 'changed plan' ORDER BY id")
    assert 0 < len(trail) <= ROUNDS * 2, "of those who saw the same, one changes it"
    for (_, after), (before, _) in itertools.pairwise(trail):
        assert before == after, "an edit was written over unseen"
    assert version(join_either()) == 1 + len(trail)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["look", *Plan, True, False])), max_size=12))
def test_in_any_order_only_what_was_seen_is_replaced(tmp_path_factory: Any, steps: list[tuple[str, Any]]) -> None:
    database = Database(sqlite_url(tmp_path_factory.mktemp("edits") / "bioql.db"), lambda: NOW)
    database.open(tmp_path_factory.getbasetemp())
    customers(database, 1, 0)
    seen, now, last, plan, disabled = dict.fromkeys("abc", 1), 1, "", Plan.FREE, False
    for who, what in steps:
        if what == "look":
            seen[who] = version(database)
            continue
        write = admin(database).set_plan if isinstance(what, Plan) else admin(database).set_disabled
        if seen[who] != now:
            with pytest.raises(Conflict) as refused:
                write(1, what, who, "r", seen[who])
            theirs = plan.value if isinstance(what, Plan) else ("enabled", "disabled")[disabled]
            assert (refused.value.by, refused.value.version, refused.value.theirs) == (last, now, theirs)
            continue
        write(1, what, who, "r", seen[who])
        if what not in (plan, disabled):
            now, last = now + 1, who
        plan, disabled = (what, disabled) if isinstance(what, Plan) else (plan, what)
    with database.read() as work:
        user = work.users.get(1)
    database.close()
    assert user is not None
    assert (user.plan, user.disabled, user.version) == (plan, disabled, now)


def test_a_conflict_names_both_values_and_may_be_overruled(join_either: Callable[[], Database]) -> None:
    database = join_either()
    admin(database).set_plan(1, Plan.PRO, "grace", "by contract", 1)
    with pytest.raises(Conflict) as refused:
        admin(database, NOW + 2 * MINUTE_MS).set_plan(1, Plan.BASIC, "ada", "asked by mail", 1)
    conflict = refused.value
    assert conflict.what == "user 1 was changed by grace 2 minutes ago; nothing was written over."
    assert (conflict.theirs, conflict.mine, conflict.did) == ("pro", "basic", "changed plan: free → pro")
    admin(database).set_plan(1, Plan.BASIC, "ada", "asked by mail", conflict.version)
    trail = rows(database, "SELECT operator, before, after FROM activity ORDER BY id")
    assert trail == [("grace", "free", "pro"), ("ada", "pro", "basic")]


def test_prices_of_one_backend_are_seen_before_they_are_replaced(join_either: Callable[[], Database]) -> None:
    tariff = TariffAdmin(join_either(), Changes(), lambda: NOW)
    tariff.set_price("ibm_*", 3_500_000, NOW + 1, "grace", "contract", 1)
    with pytest.raises(Conflict) as refused:
        tariff.set_price("ibm_*", 4_000_000, NOW + 2, "ada", "contract", 1)
    assert refused.value.by == "grace"
    assert refused.value.theirs.startswith("$3.50 a shot from 20")
    assert refused.value.mine.startswith("$4.00 a shot from 20")
    tariff.set_price("ionq_qpu", 4_000_000, NOW + 2, "ada", "contract", 1)
    tariff.set_price("ibm_*", 4_000_000, NOW + 2, "ada", "contract", refused.value.version)


def test_a_plan_is_seen_before_it_is_changed(join_either: Callable[[], Database]) -> None:
    tariff = TariffAdmin(join_either(), Changes(), lambda: NOW)
    tariff.set_limits(PlanLimits(Plan.BASIC, 75_000), "grace", "sales", 1)
    with pytest.raises(Conflict) as refused:
        tariff.set_limits(PlanLimits(Plan.BASIC, 60_000), "ada", "sales", 1)
    assert (refused.value.theirs, refused.value.mine) == ("75,000 shots a month on *", "60,000 shots a month on *")
    tariff.set_limits(PlanLimits(Plan.BASIC, 60_000), "ada", "sales", refused.value.version)
    with join_either().read() as work:
        assert work.tariff.limits(Plan.BASIC).monthly_shots == 60_000
        assert work.tariff.limits(Plan.BASIC).version == 3


def test_a_ticket_that_somebody_answered_is_not_answered_over(join_either: Callable[[], Database]) -> None:
    support = Support(join_either(), Changes(), lambda: NOW)
    ticket = support.open(1, Priority.LOW, "Help", "Please.")
    support.resolve(ticket.id, "Created the customer", "grace", ticket.version)
    with pytest.raises(Conflict) as refused:
        support.resolve(ticket.id, "Sent a link", "ada", ticket.version)
    assert (refused.value.theirs, refused.value.by) == ("resolved: Created the customer", "grace")
    support.reopen(ticket.id, "not solved", "grace", refused.value.version)
    with pytest.raises(Conflict) as again:
        support.resolve(ticket.id, "Sent a link", "ada", refused.value.version)
    assert again.value.theirs == "open"
    support.resolve(ticket.id, "Sent a link", "ada", again.value.version)
    with join_either().read() as work:
        found = work.tickets.get(ticket.id)
    assert found is not None
    assert (found.resolution, found.operator, found.version) == ("Sent a link", "ada", 4)


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        *((-5, "a moment ago"), (59_999, "a moment ago"), (60_000, "a minute ago"), (59 * 60_000, "59 minutes ago")),
        *((60 * 60_000, "an hour ago"), (24 * 60 * 60_000, "a day ago"), (49 * 60 * 60_000, "2 days ago")),
    ],
)
def test_how_long_ago(ms: int, words: str) -> None:
    assert ago(ms) == words
