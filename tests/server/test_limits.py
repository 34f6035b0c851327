"""How often one may ask: each key for itself, each address for its wrong keys, and nobody at the cost of others."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.server.gate import Gate
from bioql_console.server.limits import Limits, TokenBuckets, network_of
from bioql_console.server.requests import ApiError
from bioql_console.services.demo import demo_api_key
from tests.sites import JANES_KEY, Site, open_site
from tests.waiting import until


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


# --- buckets ----------------------------------------------------------------------------------------------------------


def test_a_bucket_gives_all_at_once_and_then_one_after_the_other() -> None:
    clock = Clock()
    buckets = TokenBuckets(4, 1_000, clock)
    assert [buckets.take("ada") for _ in range(5)] == [0, 0, 0, 0, 250]
    assert buckets.take("bob") == 0
    clock.ms += 249
    assert buckets.take("ada") == 1
    clock.ms += 1
    assert [buckets.take("ada") for _ in range(2)] == [0, 250]
    clock.ms += 3_600_000
    assert [buckets.take("ada") for _ in range(5)] == [0, 0, 0, 0, 250]


def test_what_is_given_back_can_be_taken_again_and_never_becomes_more() -> None:
    buckets = TokenBuckets(2, 60_000, Clock())
    buckets.give_back("ada")
    assert [buckets.take("ada") for _ in range(3)] == [0, 0, 30_000]
    buckets.give_back("ada")
    assert [buckets.take("ada") for _ in range(2)] == [0, 30_000]


def test_a_million_names_fill_no_memory_and_push_out_only_the_idle() -> None:
    clock = Clock()
    buckets = TokenBuckets(1, 60_000, clock, most=100)
    buckets.take("ada")
    for number in range(10_000):
        buckets.take(f"stranger {number}")
        if number % 50 == 0:
            assert buckets.take("ada") == 60_000
    assert len(buckets) == 100
    assert "ada" in buckets


@given(st.integers(1, 500), st.sampled_from([1_000, 60_000]), st.lists(st.integers(0, 3_000), max_size=200))
def test_no_window_of_time_ever_gives_more_than_it_may(count: int, per_ms: int, pauses: list[int]) -> None:
    clock = Clock()
    buckets = TokenBuckets(count, per_ms, clock)
    given_ms = []
    for pause in pauses:
        clock.ms += pause
        if (wait := buckets.take("ada")) == 0:
            given_ms.append(clock.ms)
        else:
            assert 0 < wait <= per_ms
    for number, first in enumerate(given_ms):
        assert sum(first <= at < first + per_ms for at in given_ms[number:]) <= 2 * count


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_client_can_not_hide_among_its_own_addresses(host: str, client: str) -> None:
    assert network_of(host) == client


# --- the gate, with a database that can be watched --------------------------------------------------------------------


class Database:
    """Knows one key; counts who asks, and can be held up."""

    def __init__(self) -> None:
        self.valid = {"bioql_right"}
        self.asked: list[str] = []
        self.inside = self.most_inside = 0
        self.open = threading.Event()
        self.open.set()
        self._lock = threading.Lock()

    def authenticate(self, key: str) -> str | None:
        with self._lock:
            self.asked.append(key)
            self.inside += 1
            self.most_inside = max(self.inside, self.most_inside)
        self.open.wait(5)
        with self._lock:
            self.inside -= 1
        return key if key in self.valid else None


class Door:
    """A gate, its clock and its database."""

    def __init__(self, pool: ThreadPoolExecutor, requests: int = 5, wrong: int = 3) -> None:
        self.clock, self.database = Clock(), Database()
        parts = SimpleNamespace(
            limits=Limits(requests, wrong, 2),
            monotonic_ms=self.clock,
            user_admin=self.database,
            pool=pool,
            dev_keys_allowed=False,
        )
        self.gate = Gate(parts)  # type: ignore[arg-type]

    async def knock(self, key: str, address: str = "192.0.2.1") -> int:
        """The status that the caller gets."""
        request: Any = SimpleNamespace(client=SimpleNamespace(host=address))
        try:
            await self.gate.user(request, key)
        except ApiError as error:
            return error.status
        return 200

    def knocks(self, *keys: str, address: str = "192.0.2.1") -> list[int]:
        async def all_in_turn() -> list[int]:
            return [await self.knock(key, address) for key in keys]

        return asyncio.run(all_in_turn())


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def test_a_flood_of_wrong_keys_is_told_so_and_ends_by_itself(pool: ThreadPoolExecutor) -> None:
    door = Door(pool)
    assert door.knocks(*(f"bioql_wrong_{number}" for number in range(5))) == [401, 401, 401, 429, 429]
    assert door.knocks("bioql_wrong", address="192.0.2.2") == [401]
    door.clock.ms += 20_000
    assert door.knocks("bioql_wrong", "bioql_wrong") == [401, 429]


def test_valid_keys_come_in_through_a_flood_the_new_ones_too(pool: ThreadPoolExecutor) -> None:
    door = Door(pool)
    door.database.valid.add("bioql_second")
    assert door.knocks("bioql_right") == [200]
    assert door.knocks(*["bioql_wrong"] * 4)[-1] == 429
    assert door.knocks("bioql_right", "bioql_second") == [200, 200]


async def test_a_flood_has_one_look_up_of_the_database_and_known_keys_have_theirs() -> None:
    with ThreadPoolExecutor(8) as pool:
        door = Door(pool, requests=100)
        assert await door.knock("bioql_right") == 200
        assert [await door.knock("bioql_wrong") for _ in range(4)][-1] == 429
        door.database.asked.clear()
        door.database.most_inside = 0
        door.database.open.clear()
        flood = [asyncio.create_task(door.knock(f"bioql_wrong_{number}")) for number in range(50)]
        await until(lambda: len(door.database.asked) == 1)
        known = asyncio.create_task(door.knock("bioql_right"))
        await until(lambda: "bioql_right" in door.database.asked)
        door.database.open.set()
        assert await known == 200
        assert set(await asyncio.gather(*flood)) == {429}
        assert door.database.most_inside == 2


async def test_wrong_keys_that_come_all_at_once_are_counted_before_the_database_answers() -> None:
    with ThreadPoolExecutor(8) as pool:
        door = Door(pool)
        answers = await asyncio.gather(*(door.knock(f"bioql_wrong_{number}") for number in range(20)))
        assert sorted(answers) == [401] * 3 + [429] * 17


def test_a_busy_key_waits_and_costs_the_database_nothing(pool: ThreadPoolExecutor) -> None:
    door = Door(pool)
    assert door.knocks(*["bioql_right"] * 8) == [200] * 5 + [429] * 3
    assert len(door.database.asked) == 5
    door.clock.ms += 200
    assert door.knocks("bioql_right", "bioql_right") == [200, 429]


def test_a_key_that_was_taken_away_is_a_wrong_one(pool: ThreadPoolExecutor) -> None:
    door = Door(pool)
    assert door.knocks("bioql_right") == [200]
    door.database.valid.clear()
    assert door.knocks(*["bioql_right"] * 4) == [401, 401, 401, 429]


def test_live_servers_refuse_dev_keys_without_asking(pool: ThreadPoolExecutor) -> None:
    from bioql_console.server.requests import DevKey

    door = Door(pool)
    assert door.knocks(DevKey("bioql_dev_x")) == [401]
    assert door.database.asked == []


# --- over HTTP --------------------------------------------------------------------------------------------------------


def refused(answer: httpx.Response) -> str:
    """The sentence of a 429, whose `Retry-After` says the same."""
    assert answer.status_code == 429
    assert set(answer.json()) == {"error"}
    seconds = int(answer.headers["Retry-After"])
    sentence: str = answer.json()["error"]
    assert f"try again in {seconds} second" in sentence
    return sentence


def test_an_address_that_guesses_keys_waits_while_its_customers_work(data_dir: Path) -> None:
    with open_site(data_dir, wrong_keys_per_minute=2) as site:
        wrong = {"Authorization": "Bearer bioql_wrong"}
        answers = [site.http.get("/auth/user", headers=wrong) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert "wrong API keys" in refused(answers[-1])
        assert "wrong" in refused(site.http.post("/auth/validate", json={"api_key": "bioql_other"}))
        for number in (1, 2, 3):
            key = demo_api_key(1, number)
            assert site.http.post("/auth/validate", json={"api_key": key}).status_code == 200


def test_a_key_that_hurries_waits(data_dir: Path) -> None:
    with open_site(data_dir, requests_per_second=1) as site:
        answers = [site.http.post("/auth/validate", json={"api_key": JANES_KEY}) for _ in range(10)]
        assert "this API key" in refused(next(answer for answer in answers if answer.status_code != 200))


def test_registering_in_bulk_waits_and_nothing_is_made(data_dir: Path) -> None:
    with open_site(data_dir, registrations_per_minute=1) as site:
        body = {"name": "Ada", "email": "ada@uni.example"}
        assert site.http.post("/auth/register", json=body).status_code == 201
        assert "registrations" in refused(site.http.post("/auth/register", json={**body, "email": "b@uni.example"}))
        with site.console.store.read() as work:
            assert work.users.by_email("b@uni.example") is None


@pytest.mark.parametrize(("proxies", "statuses"), [((), [401, 429]), (("127.0.0.1",), [401, 401])])
def test_behind_a_trusted_proxy_each_client_counts_for_itself(
    data_dir: Path, proxies: tuple[str, ...], statuses: list[int]
) -> None:
    with open_site(data_dir, wrong_keys_per_minute=1, trusted_proxies=proxies) as site:
        assert [_guess(site, client) for client in ("198.51.100.1", "198.51.100.2")] == statuses


def _guess(site: Site, client: str) -> int:
    headers = {"Authorization": "Bearer bioql_wrong", "X-Forwarded-For": client}
    return site.http.get("/auth/user", headers=headers).status_code
