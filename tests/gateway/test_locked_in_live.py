"""In Live nothing but GET leaves: each method of the gateway is tried there over loopback, all along the walks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Outgoing
from bioql_console.services.key_permissions import PROBES, Answer, explore
from bioql_console.services.stripe_catalog import CALLS, Access
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.services.stripe_transport import LockedInLive, WriteGuard
from tests.gateway.lab import Lab, call_of
from tests.gateway.live_standin import LiveStandin
from tests.gateway.thin_walk import thin_events
from tests.gateway.walks import WALKS
from tests.stripe_calls import shape

LIVE_KEY = "rk_live_obviouslyfake"
WRITES = {(call.method, shape(call.path)): set(call.used_by) for call in CALLS if call.method != "GET"}


class Held(LockedInLive):
    """The lock that is there by default, and what it kept in."""

    def __init__(self) -> None:
        super().__init__(Environment.LIVE)
        self.back: list[tuple[str, str]] = []

    def allow(self, outgoing: Outgoing) -> None:
        try:
            super().allow(outgoing)
        except OperatorError:
            self.back.append((outgoing.method, outgoing.path))
            raise


class LiveBeside(Lab):
    """Each method is tried in Live, where this sandbox's objects are live ones, before the walk goes on with it.

    Attributes:
        left: Every request that came over the wire, with its method.
        held: Methods of the gateway that were kept from writing, with the call.
        broke: What else failed in Live, with the error's code.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.held: set[tuple[str, tuple[str, str]]] = set()
        self.broke: set[tuple[str, str]] = set()
        self._guard = Held()
        self._standin = LiveStandin(self._inner, self.sandbox.secret_key)
        self.left = self._standin.left
        self.live = self.gateway_with(self._guard)

    def gateway_with(self, guard: WriteGuard) -> StripeGateway:
        return StripeGateway(LIVE_KEY, Environment.LIVE, base=self._standin.url, guard=guard)

    def close(self) -> None:
        self._standin.close()
        super().close()

    def call(self, method: str, *args: Any, fails: type[Exception] | None = None, **named: Any) -> Any:
        try:
            found = getattr(self.live, method)(*args, **named)
            _ = list(found) if isinstance(found, Iterator) else found
        except OperatorError as error:
            if error.code == "live.locked":
                self.held.add((method, call_of(*self._guard.back[-1])))
            else:
                self.broke.add((method, error.code))
        return super().call(method, *args, fails=fails, **named)


@contextmanager
def beside(folder: Path) -> Iterator[LiveBeside]:
    lab = LiveBeside(folder)
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> list[LiveBeside]:
    """Every walk, with each of its steps tried in Live."""
    made = []
    for walk in (*WALKS, thin_events):
        with beside(tmp_path_factory.mktemp("live")) as lab:
            walk(lab)
            made.append(lab)
    return made


def test_nothing_but_get_leaves(tried: list[LiveBeside]) -> None:
    left = [each for lab in tried for each in lab.left]
    assert [each for each in left if each[0] != "GET"] == []
    reads = {(call.method, shape(call.path)) for call in CALLS} - set(WRITES)
    reads -= {("GET", "/v1/billing/meters/{}")}  # asked about a meter that was just made
    assert {call_of(method, urlsplit(path).path) for method, path in left} == reads, "All of them work in Live."


def test_every_method_that_writes_was_kept_from_it(tried: list[LiveBeside]) -> None:
    """Each got as far as its first write, and was told why it goes no further."""
    held = set().union(*(lab.held for lab in tried))
    writers = set().union(*WRITES.values())
    assert {method for method, _ in held} == writers
    assert all(method in WRITES[call] for method, call in held)


def test_reading_works_in_live(tried: list[LiveBeside]) -> None:
    """What was kept in was kept in by the lock: nothing else stopped it before."""
    broke = set().union(*(lab.broke for lab in tried))
    assert {code for _, code in broke} <= {"stripe.not_found"}, broke


def test_questions_of_what_a_key_may_do_write_nothing(tmp_path: Path) -> None:
    with beside(tmp_path) as lab:
        reach = explore(lab.live, restricted=True)
        assert {method for method, _ in lab.left} == {"GET"}
        for permission, *_ in PROBES:
            assert reach.of(permission) is (Answer.LOCKED if permission.access is Access.WRITE else Answer.YES)
        assert len(lab._guard.back) == sum(probe[0].access is Access.WRITE for probe in PROBES)


def test_every_write_of_the_catalogue_is_kept_in(tmp_path: Path) -> None:
    """Also those that come second or third in a method, those of v2, and any that nobody thought of."""
    with beside(tmp_path) as lab:
        for method, path in (*WRITES, ("POST", "/v1/charges"), ("POST", "/v2/billing/meter_events")):
            with pytest.raises(OperatorError, match="LIVE is locked"):
                lab.live._client.raw_request(method.lower(), path.replace("{}", "x_1"))
        assert lab.left == []


class ArmedOnce(Held):
    """Armed for one request; locked again after it."""

    def __init__(self) -> None:
        super().__init__()
        self.armed = True

    def allow(self, outgoing: Outgoing) -> None:
        if not self.armed:
            super().allow(outgoing)
        self.armed = False


def test_a_write_that_stripe_asks_to_repeat_later_is_asked_about_again(tmp_path: Path) -> None:
    with beside(tmp_path) as lab:
        lab.control("faults", status=429, path="/v1/billing/meters", count=1)
        gateway = lab.gateway_with(ArmedOnce())
        with pytest.raises(OperatorError, match="LIVE is locked"):
            gateway.rename_meter("mtr_1", "Shots")
        assert lab.left == [("POST", "/v1/billing/meters/mtr_1")]
