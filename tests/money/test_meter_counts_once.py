"""Two senders, lost answers, refusals, clocks that jump: the meter counts what the books hold, each run once.

HISTORIES=500 in the environment plays more of them.
"""

import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from bioql_console.domain.environment import Environment
from bioql_console.domain.meter_errors import UNCLEAR
from bioql_console.domain.outbox import Message, MessageKind, MessageState
from bioql_console.services.changes import Changes
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.stripe_gateway import StripeGateway, _Door
from bioql_console.services.stripe_transport import Limits
from tests.money.test_collected_once import MEMORY
from tests.money.test_meter_errors import usage
from tests.money.world import DAY, HOUR, InProcess, World

EVENTS = "^/v1/billing/meter_events$"
names = itertools.count()


class Asking(InProcess):
    """As long as told to, 429 comes with this Retry-After; without one when empty."""

    retry_after = ""

    def request(self, *asked: Any) -> tuple[str, int, Mapping[str, str]]:
        body, status, headers = super().request(*asked)
        kept = {name: value for name, value in headers.items() if name.lower() != "retry-after"}
        return body, status, {**kept, **({"retry-after": self.retry_after} if self.retry_after else {})}


class Metered:
    """One customer, two senders on one ledger, and a way to Stripe that fails when told to."""

    def __init__(self, folder: Path) -> None:
        self.world = world = World(folder, "w")
        self.way = Asking(world.sandbox)
        # Without tries of stripe-python's own, so that each failure reaches the senders.
        limits = Limits(network_retries=0, rate_limit_retries=0)
        gateway = StripeGateway(world.sandbox.secret_key, Environment.SANDBOX, base="http://127.0.0.1:1", limits=limits)
        door: _Door = gateway.v1._requestor._client
        door._client = lambda: self.way  # type: ignore[method-assign, return-value, assignment]
        world.stripe._gateway = gateway
        make = (world.database, world.stripe, Changes(), world.now_ms)
        self.senders = [OutboxSender(*make, width=1) for _ in range(2)]
        self.user = world.register("ada", "pm_card_visa")
        self.senders[0].send_due()  # what registering queued

    def uses(self, shots: int) -> None:
        self.world.usage.record(self.world.user(self.user.id), shots=shots, backend="ionq_qpu")

    def fails(self, status: int | str, count: int = 1, retry_after: str = "", kept: bool = False) -> None:
        """The next meter events do."""
        self.way.retry_after = retry_after
        self.world.control("faults", status=status, count=count, path=EVENTS, kept=kept)

    def passes(self, seconds: int) -> None:
        """Time goes by; reports that are due by then have come."""
        self.world.advance(seconds)
        self.hears()

    def hears(self) -> None:
        if events := self.world.pending_events():
            self.world.deliver(events)
        self.world.reports.run_due()

    def does(self, what: tuple[Any, ...]) -> None:
        name, *how = what
        if name == "uses":
            self.uses(*how)
        elif name == "sends":
            who, limit = how
            self.senders[who].send_due(limit)
        elif name == "fails":
            self.fails(*how)
        elif name == "passes":
            self.passes(*how)
        elif name == "refuses":
            self.world.control("meter_errors", code=how[0], count=how[1])
        else:
            self.sends_again()

    def sends_again(self) -> None:
        again = [message.id for message in usage(self.world, MessageState.REFUSED) if message.code != UNCLEAR]
        self.world.corrections.send_again(again, "ana")

    def settles(self) -> None:
        """Nothing fails any more, and the operator sends again what was refused."""
        self.world.control("faults", status=None)
        self.world.control("meter_errors", code=None)
        for _ in range(60):
            for sender in self.senders:
                sender.send_due()
            self.passes(HOUR)
            self.sends_again()
            if not usage(self.world, MessageState.WAITING):
                return
        raise AssertionError(usage(self.world, MessageState.WAITING))

    def counted(self) -> dict[str, int]:
        """Cents by identifier at Stripe; a name that is counted twice is an error by itself."""
        rows = self.world.sandbox._store.db.execute(
            "SELECT identifier, value FROM meter_events WHERE cancelled = 0"
        ).fetchall()
        assert len({name for name, _ in rows}) == len(rows), "one identifier was counted twice"
        return {name: int(value) for name, value in rows}

    def check(self) -> None:
        """Each run is counted once. Of equal runs of one minute, which of them broke off can not be told: any may
        stand for the other. What may be counted is an operator's to decide, and is counted at most once."""
        messages, counted = usage(self.world), self.counted()
        unclear = [each for each in messages if each.code == UNCLEAR]
        by_minute: dict[int, Counter[int]] = {}
        runs = {message.key: message for message in messages}
        for name, cents in counted.items():
            run = runs[name.partition(".")[0]]
            by_minute.setdefault(_minute(run), Counter())[cents] += 1
        for minute in {_minute(message) for message in messages}:
            here = by_minute.get(minute, Counter())
            sure = Counter(m.value for m in messages if _minute(m) == minute and m not in unclear)
            maybe = Counter(m.value for m in unclear if _minute(m) == minute)
            assert sure <= here <= sure + maybe, (sure, here, maybe)
        if not unclear:
            assert sum(counted.values()) == self.books_cents()

    def books_cents(self) -> int:
        found = self.world.rows("SELECT coalesce(-sum(micros), 0) FROM postings WHERE account = 'usage_revenue'")
        return int(found[0][0]) // 10_000


def _minute(message: Message) -> int:
    return message.occurred_ms // 60_000


STEPS = st.one_of(
    st.tuples(st.just("uses"), st.integers(1, 5)),
    st.tuples(st.just("uses"), st.integers(1, 5)),
    st.tuples(st.just("sends"), st.integers(0, 1), st.sampled_from((1, 2, 500))),
    st.tuples(st.just("sends"), st.integers(0, 1), st.sampled_from((1, 2, 500))),
    st.tuples(st.just("fails"), st.just("reset"), st.integers(1, 3)),
    st.tuples(st.just("fails"), st.just("hang"), st.integers(1, 2)),
    st.tuples(st.just("fails"), st.just(429), st.integers(1, 2), st.sampled_from(("", "1", "90", "7200"))),
    st.tuples(st.just("fails"), st.just(500), st.integers(1, 2), st.just(""), st.booleans()),
    st.tuples(st.just("passes"), st.sampled_from((61, 200, 900, HOUR, 5 * HOUR, 14 * HOUR, 20 * HOUR, DAY))),
    st.tuples(
        st.just("refuses"), st.sampled_from(("archived_meter", "meter_event_customer_not_found")), st.integers(1, 2)
    ),
    st.tuples(st.just("sends again")),
)
LOST = ("fails", "reset", 1)
FIRST = ("sends", 0, 500)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def metered(folder: Path, tmp_path: Path) -> Iterator[Metered]:
    made = Metered(tmp_path)
    yield made
    made.world.close()


@pytest.mark.fault(
    "Stripe",
    "calls that report usage fail in every way",
    "Each run is counted once by Stripe's meter, or refused to an operator with the reason.",
    figure="20 random histories of up to 25 steps in each run, 0 cents off",
)
@pytest.mark.timeout(3_600)
@settings(
    max_examples=int(os.environ.get("HISTORIES", "20")),
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=4, max_size=25))
@example(  # a lost answer, then a try that never came: Stripe forgets from the first one on
    steps=[("uses", 3), LOST, FIRST, ("passes", 20 * HOUR), ("fails", 429, 1), FIRST, ("passes", 20 * HOUR), FIRST]
)
@example(  # two of the same minute and value: one never came, the other's answer was lost
    steps=[
        ("uses", 3),
        ("uses", 3),
        ("fails", "hang", 1),
        ("sends", 0, 1),
        ("passes", 20 * HOUR),
        LOST,
        ("sends", 1, 1),
        ("passes", 5 * HOUR),
        FIRST,
        ("passes", HOUR),
        FIRST,
    ]
)
def test_each_run_is_counted_once(folder: Path, steps: Sequence[tuple[Any, ...]]) -> None:
    place = folder / str(next(names))
    place.mkdir()
    metered = Metered(place)
    try:
        for step in steps:
            metered.does(step)
        metered.settles()
        metered.check()
    finally:
        metered.world.close()
        shutil.rmtree(place)


# --- the lane rests


@pytest.mark.parametrize(("asked", "at_least_s"), [("90", 90), ("7200", 7_200), ("", 2)])
def test_the_lane_rests_as_a_whole_for_what_stripe_asks(metered: Metered, asked: str, at_least_s: int) -> None:
    sender = metered.senders[0]
    for shots in (1, 2, 3):
        metered.uses(shots)
    metered.fails(429, 1, asked)
    assert sender.send_due() == 0, "the first one meets it, and the others are not tried"
    assert [message.attempts for message in usage(metered.world)] == [1, 0, 0]
    words, until_ms = sender.rests
    assert words == "Stripe asks us to slow down."
    assert at_least_s * 1_000 <= until_ms - metered.world.now_ms() <= at_least_s * 1_200
    metered.world.advance(at_least_s - 1)
    assert sender.send_due() == 0
    metered.world.advance(at_least_s // 5 + 3)
    assert sender.rests == ("", 0)
    assert sender.send_due() == 3
    metered.check()


# --- tries that broke off


def breaks_off(metered: Metered, *shots: int, how: str) -> None:
    """Each is tried, without an answer: "reset" is counted, "hang" is not."""
    for each in shots:
        metered.uses(each)
        metered.fails(how)
        metered.senders[0].send_due(500)
        metered.world.control("faults", status=None)
        metered.senders[0].go_on_with_usage()


@pytest.mark.parametrize(("how", "name"), [("reset", ""), ("hang", ".2")])
def test_a_try_that_broke_off_days_ago_is_settled_by_the_meter(metered: Metered, how: str, name: str) -> None:
    breaks_off(metered, 3, how=how)
    metered.world.advance(3 * DAY)
    metered.senders[1].send_due()
    (message,) = usage(metered.world)
    assert (message.state, message.identifier) == (MessageState.SENT, f"{message.key}{name}")
    assert metered.counted() == {message.identifier: 600}


def test_what_the_total_does_not_tell_is_an_operators_to_decide(metered: Metered) -> None:
    breaks_off(metered, 3, how="reset")
    (message,) = usage(metered.world)
    gateway = metered.world.stripe.gateway()
    at_ms = message.occurred_ms
    gateway.send_meter_event("another-program", "quantum_shot", message.stripe_customer_id, 7, at_ms, {})
    metered.world.advance(DAY)
    metered.senders[1].send_due()
    (message,) = usage(metered.world)
    assert (message.state, message.code) == (MessageState.REFUSED, UNCLEAR)
    assert message.error == "It may be counted already."
    assert sum(metered.counted().values()) == 607


def test_usage_that_is_too_old_but_counted_is_not_collected_again(metered: Metered) -> None:
    breaks_off(metered, 3, how="reset")
    metered.world.advance(36 * DAY)
    metered.senders[1].send_due()
    (message,) = usage(metered.world)
    assert message.state is MessageState.SENT
    assert message.kind is MessageKind.METER_EVENT
