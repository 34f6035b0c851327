"""Whatever was missed, and whatever goes wrong while it is fetched: each event is applied once, in Stripe's order."""

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stripe
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.environment import Environment
from bioql_console.domain.paging import EventQuery
from bioql_console.domain.webhooks import EventState
from bioql_console.services import event_search, missed_events, stripe_checkout
from bioql_console.services.changes import Changes
from bioql_console.services.event_decisions import DECISIONS
from bioql_console.services.event_feed import families
from bioql_console.services.missed_events import Fetched, MissedEvents
from bioql_console.services.ports import Work
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.services.stripe_transport import Limits
from tests.money.test_collected_once import MEMORY
from tests.money.test_invoices_and_links import uses
from tests.money.world import BACK, DAY, InProcess, World

names = itertools.count()


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Mortal:
    """The world's ledger, in a process that is killed before one of its transactions."""

    world: World
    writes: int = 10**9
    words: str = "SQLite"

    def read(self) -> AbstractContextManager[Work]:
        return self.world.database.read()  # type: ignore[return-value]

    def write(self) -> AbstractContextManager[Work]:
        self.writes -= 1
        if self.writes < 0:
            raise Killed
        return self.world.database.write()  # type: ignore[return-value]


@dataclass
class Shaky:
    """A way to the sandbox on which some answers to questions about events go wrong."""

    through: InProcess
    faults: dict[int, int | str] = field(default_factory=dict)
    asked: int = 0

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[str, int, Mapping[str, str]]:
        fault = None
        if "/v1/events" in url:
            self.asked += 1
            fault = self.faults.pop(self.asked, None)
        if fault == "reset":
            raise stripe.APIConnectionError("connection reset by peer")
        if fault is not None:
            error = {"type": "api_error", "message": "Something went wrong."}
            return json.dumps({"error": error}), int(fault), {"retry-after": "3600"}
        return self.through.request(method, url, headers, post_data)


class Desk:
    """A console on a world whose events nobody delivers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = Mortal(world)
        self.way = Shaky(InProcess(world.sandbox))
        limits = Limits(network_retries=0, rate_limit_retries=0)
        gateway = StripeGateway(world.sandbox.secret_key, Environment.SANDBOX, base="http://127.0.0.1:1", limits=limits)
        gateway.v1._requestor._client._client = lambda: self.way
        world.stripe._gateway = gateway
        self.start()

    def start(self) -> None:
        """A process begins: it remembers nothing."""
        self.store.writes = 10**9
        self.missed = MissedEvents(
            self.store, self.world.stripe, Changes(), self.world.now_ms, self.world.applier.apply_waiting
        )

    def fetch(self, **options: Any) -> Fetched:
        return self.missed.fetch("ana", **options)

    def here(self) -> list[str]:
        """Ids in order of arrival."""
        return [row[0] for row in self.world.rows("SELECT event_id FROM inbox ORDER BY sequence")]

    def at_stripe(self) -> list[dict[str, Any]]:
        """What the ledger cares about, in Stripe's order."""
        return [event for event in self.world.objects("event") if event["type"] in DECISIONS]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    yield from opened(folder)


def opened(folder: Path) -> Iterator[Desk]:
    place = folder / str(next(names))
    place.mkdir()
    world = World(place, "w", folder)
    yield Desk(world)
    world.close()
    shutil.rmtree(place)


def month(world: World) -> int:
    """A link is paid, some of it refunded, more is used, and a month ends, without a word to us; the user's id."""
    ada = world.register("ada", "pm_card_visa")
    world.deliver(world.pending_events())
    world.advance(20 * DAY)
    uses(world, ada, 360)
    world.send()
    assert world.pay(world.links.open(ada.id, **BACK).url) == 303  # type: ignore[arg-type]
    world.advance(3_600)
    payment = world.objects("payment_intent")[-1]["id"]
    world.control("refunds", payment_intent=payment, amount=5_000)
    uses(world, ada, 20)
    world.send()
    world.advance(12 * DAY)
    return ada.id


def many(world: World, number: int, first_s: int, *, apart_s: int = 1) -> None:
    """Customers whom nobody here knows are deleted at Stripe, one after another."""
    with world.sandbox._store.transaction():
        for count in range(number):
            event = {
                "id": f"evt_many{count:05d}",
                "object": "event",
                "api_version": "2026-10-28.endive",
                "created": first_s + count * apart_s,
                "livemode": False,
                "type": "customer.deleted",
                "pending_webhooks": 0,
                "request": None,
                "data": {"object": {"id": f"cus_many{count}", "object": "customer", "deleted": True}},
            }
            world.sandbox._store.put(event)


# --- in order, however many ---


def test_more_than_one_batch_arrives_oldest_first(desk: Desk) -> None:
    many(desk.world, 320, desk.world.now_ms() // 1000 - 5 * DAY)
    found = desk.fetch()
    assert [event.id for event in found.events] == [f"evt_many{count:05d}" for count in range(320)]
    assert desk.here() == [event.id for event in found.events]
    assert (found.progress.missed, found.left, found.problem) == (320, 0, None)


def test_more_than_is_held_at_once_is_fetched_in_rounds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "MOST_HELD", 50)
    many(desk.world, 320, desk.world.now_ms() // 1000 - 5 * DAY)
    found = desk.fetch()
    assert desk.here() == [f"evt_many{count:05d}" for count in range(320)]
    assert (len(found.events), found.progress.missed, found.left) == (320, 320, 0)


def test_progress_is_told_with_the_whole(desk: Desk) -> None:
    many(desk.world, 130, desk.world.now_ms() // 1000 - DAY)
    told: list[event_search.Progress] = []
    desk.fetch(progress=told.append)
    assert told[-1].settled == told[-1].missed == 130
    assert [step.settled for step in told] == sorted(step.settled for step in told)
    assert {step.missed for step in told if step.settled} == {130}, "The whole is known before the first is fetched."


def test_ended_in_the_middle_keeps_what_is_there_and_goes_on_from_it(desk: Desk) -> None:
    many(desk.world, 130, desk.world.now_ms() // 1000 - DAY)
    told: list[int] = []
    ended = desk.fetch(progress=lambda step: told.append(step.settled), cancelled=lambda: bool(told and told[-1] >= 50))
    assert ended.cancelled
    assert len(ended.events) == 50
    assert ended.left == 80
    rest = desk.fetch()
    assert len(rest.events) == 80
    assert desk.here() == [f"evt_many{count:05d}" for count in range(130)]


@pytest.mark.parametrize(("fault", "code"), [(429, "rate_limited"), (500, "failed"), ("reset", "unreachable")])
def test_a_failure_in_the_middle_says_what_is_here_and_a_retry_goes_on(desk: Desk, fault: int | str, code: str) -> None:
    many(desk.world, 130, desk.world.now_ms() // 1000 - DAY)
    desk.way.faults = {90: fault}
    broken = desk.fetch()
    assert broken.problem is not None
    assert broken.problem.code == f"stripe.{code}"
    assert 0 < len(broken.events) < 130
    assert desk.here() == [event.id for event in broken.events]
    assert broken.left == 130 - len(broken.events)
    assert len(desk.fetch().events) == broken.left
    assert desk.here() == [f"evt_many{count:05d}" for count in range(130)]


def test_an_event_that_another_one_answers_for_is_not_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list alone proves nothing, and neither does an answer about something else."""
    many(desk.world, 2, desk.world.now_ms() // 1000 - DAY)
    gateway = desk.world.stripe.gateway()
    honest = gateway.retrieve_event
    monkeypatch.setattr(gateway, "retrieve_event", lambda _event_id: honest("evt_many00001"))
    problem = desk.fetch().problem
    assert problem is not None
    assert "evt_many00000" in problem.what
    assert desk.here() == []


def test_what_stripe_has_forgotten_meanwhile_is_left_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    many(desk.world, 3, desk.world.now_ms() // 1000 - DAY)
    gateway = desk.world.stripe.gateway()
    honest = gateway.retrieve_event
    gone = "evt_nobody_has_this"
    monkeypatch.setattr(
        gateway, "retrieve_event", lambda event_id: honest(gone if event_id == "evt_many00001" else event_id)
    )
    found = desk.fetch()
    assert (found.problem, found.left) == (None, 0)
    assert desk.here() == ["evt_many00000", "evt_many00002"]


# --- how far it is complete ---


def coverage(desk: Desk) -> Any:
    with desk.world.database.read() as work:
        return work.coverage.get()


def test_a_later_look_begins_where_the_last_one_was_complete(desk: Desk) -> None:
    many(desk.world, 250, desk.world.now_ms() // 1000 - 20 * DAY, apart_s=3_600)
    first = desk.missed.catch_up()
    assert first is not None
    assert len(first.events) == 250
    desk.start()
    desk.world.advance(DAY)
    again = desk.missed.catch_up()
    assert again is not None
    assert again.looked_at < 5
    assert 0 <= desk.world.now_ms() - missed_events.POLL_GRACE_MS - coverage(desk).complete_until_ms < 60_000


def test_new_sorts_of_events_are_looked_for_in_all_that_stripe_has(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.missed.catch_up()
    desk.world.advance(DAY)
    monkeypatch.setattr("bioql_console.services.event_feed.DECISIONS", {**DECISIONS, "charge.expired": None})
    look = desk.missed.catch_up()
    assert look is not None
    assert 0 <= desk.world.now_ms() - missed_events.KEPT_MS - look.since_ms < 60_000


def test_a_month_away_is_said_to_be_beyond_stripes_list(desk: Desk) -> None:
    world = desk.world
    desk.missed.catch_up()
    last_ms = coverage(desk).complete_until_ms
    month(world)
    world.advance(40 * DAY)
    desk.start()
    desk.missed.catch_up()
    found = coverage(desk)
    assert found.lost_from_ms == last_ms
    assert 0 <= world.now_ms() - missed_events.KEPT_MS - found.lost_until_ms < 60_000
    desk.missed.catch_up()
    assert coverage(desk).lost_from_ms == last_ms, "It stays until somebody has looked at the money."
    desk.missed.reconciled("ana", "Compared with Stripe's payments")
    assert coverage(desk).lost_from_ms is None


def test_a_ledger_that_begins_now_has_lost_nothing(desk: Desk) -> None:
    desk.missed.catch_up()
    assert coverage(desk).lost_from_ms is None


def test_of_two_consoles_one_looks_until_it_is_gone(desk: Desk) -> None:
    other = MissedEvents(desk.world.database, desk.world.stripe, Changes(), desk.world.now_ms)
    assert desk.missed.catch_up(claim_ms=90_000) is not None
    assert other.catch_up(claim_ms=90_000) is None
    desk.world.advance(60)
    assert desk.missed.catch_up(claim_ms=90_000) is not None
    desk.world.advance(60)
    assert other.catch_up(claim_ms=90_000) is None
    desk.world.advance(60)
    assert other.catch_up(claim_ms=90_000) is not None
    other.stop_following()
    assert desk.missed.catch_up(claim_ms=90_000) is not None


def test_two_consoles_at_once_name_each_event_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second fetches everything while the first waits for its first answer."""
    many(desk.world, 60, desk.world.now_ms() // 1000 - DAY)
    other = MissedEvents(desk.world.database, desk.world.stripe, Changes(), desk.world.now_ms)
    both: list[Fetched] = []

    def meanwhile(step: event_search.Progress) -> None:
        if step.missed and not both:
            both.append(other.fetch("ben"))

    both.append(desk.fetch(progress=meanwhile))
    assert [len(one.events) for one in both] == [60, 0]
    assert both[1].left == 0
    assert desk.world.rows("SELECT DISTINCT deliveries FROM inbox") == [(1,)]


# --- the property ---

FAULTS = st.dictionaries(st.integers(1, 60), st.sampled_from((429, 500, 503, "reset")), max_size=4)
ENDS = st.lists(st.tuples(FAULTS, st.integers(0, 12) | st.just(10**9)), max_size=5)


@settings(
    max_examples=int(os.environ.get("HISTORIES", "12")),
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    data=st.data(),
    heard=st.sets(st.integers(0, 60)),
    later=st.sets(st.integers(0, 60)),
    ends=ENDS,
    sizes=st.tuples(st.integers(2, 6), st.integers(1, 7), st.integers(2, 12)),
)
def test_each_event_is_applied_once_in_stripes_order(
    folder: Path,
    data: st.DataObject,
    heard: set[int],
    later: set[int],
    ends: list[tuple[dict[int, int | str], int]],
    sizes: tuple[int, int, int],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module, name, size in zip(
            (stripe_checkout, event_search, event_search), ("PAGE", "BATCH", "MOST_HELD"), sizes, strict=True
        ):
            patch.setattr(module, name, size)
        for desk in opened(folder):
            world = desk.world
            user_id = month(world)
            bodies = world.pending_events()
            order = data.draw(st.permutations([body for n, body in enumerate(bodies) if n in heard]))
            deliver(world, list(order))
            delivered = set(desk.here())
            for faults, writes in ends:
                desk.way.faults, desk.way.asked, desk.store.writes = dict(faults), 0, writes
                try:
                    desk.fetch()
                except Killed:
                    desk.start()
            # What a webhook brings late, while nothing else goes on.
            late = [body for n, body in enumerate(bodies) if n in later]
            desk.way.faults, desk.store.writes = {}, 10**9
            deliver(world, late)
            delivered |= {json.loads(body)["id"] for body in late}
            found = desk.fetch()
            assert (found.problem, found.left) == (None, 0)
            check(desk, user_id, delivered)


def deliver(world: World, bodies: list[bytes]) -> None:
    if bodies:
        world.deliver(bodies)


def check(desk: Desk, user_id: int, delivered: set[str]) -> None:
    world, at_stripe = desk.world, desk.at_stripe()
    here = desk.here()
    assert len(here) == len(set(here))
    assert {event["id"] for event in at_stripe} <= set(here)
    place = {event_id: number for number, event_id in enumerate(here)}
    fetched = [event for event in at_stripe if event["id"] not in delivered]
    ours = sorted(fetched, key=lambda event: place[event["id"]])
    assert [event["created"] for event in ours] == sorted(event["created"] for event in ours)
    for _, events in itertools.groupby(sorted(fetched, key=object_id), key=object_id):
        told = [event["id"] for event in events]
        assert told == sorted(told, key=lambda event_id: place[event_id]), "Of one object, in Stripe's own order."
    with world.database.read() as work:
        assert work.inbox.counts().get(EventState.RECEIVED, 0) == 0
        rows = work.inbox.page(EventQuery(), None, 500).rows
    assert {row.id for row in rows if row.state is EventState.QUARANTINED} == set()
    world.drain()
    world.check_books()
    assert world.cash_cents() == world.collected_cents()
    assert world.net_cents(user_id) == world.stripe_position_cents(world.user(user_id))


def object_id(event: dict[str, Any]) -> str:
    return str(event["data"]["object"]["id"])


def test_types_about_one_object_are_read_from_one_list() -> None:
    groups = families(sorted(DECISIONS), 20)
    assert sorted(kind for group in groups for kind in group) == sorted(DECISIONS)
    assert all(len(group) <= 20 for group in groups)
    for sort in ("invoice", "customer", "charge", "checkout"):
        assert sum(any(kind.startswith(sort) for kind in group) for group in groups) == 1
    big = families([f"a.{number}" for number in range(45)], 20)
    assert [len(group) for group in big] == [20, 20, 5]
    assert DAY_MS * 30 == missed_events.KEPT_MS
