"""The computer's clock is wrong, or jumps while the server runs: a real `serve` under libfaketime."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from bioql_console.core import now_ms
from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.environment import Environment
from bioql_console.domain.outbox import MessageState
from bioql_console.domain.paging import CheckoutQuery
from bioql_console.domain.webhooks import EventState
from bioql_console.services.signature import sign
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.storage.database import Database, sqlite_url
from tests.faults.clocks import LIBRARY, Clock, serving
from tests.sandbox.conftest import Running
from tests.sandbox.conftest import serving as stripe
from tests.sites import PAYING_CARD
from tests.waiting import wait_until

SIX_MINUTES_S = 360
DAY_S = 86_400
TEST_KEY = "rk_test_obviouslyfake"
SECRET = "whsec_obviouslyfakeobviouslyfake"
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (Debian package faketime)")


def deliver(told: dict[str, Any], number: int) -> httpx.Response:
    """Stripe's event, signed by Stripe's clock, which is right."""
    now_ms = time.time_ns() // 1_000_000
    event = {
        "id": f"evt_clock{number}",
        "object": "event",
        "type": "customer.updated",
        "created": now_ms // 1000,
        "livemode": False,
        "data": {"object": {"id": "cus_1", "object": "customer"}},
    }
    body = json.dumps(event).encode()
    signature = sign(body, told["webhook_secret"], now_ms)
    return httpx.post(told["webhook_url"], content=body, headers={"Stripe-Signature": signature}, trust_env=False)


def once(told: dict[str, Any], number: int, status: int, words: str = "") -> httpx.Response:
    """The answer, once the server's clock is the one that was set."""
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers.append(deliver(told, number))
        return answers[-1].status_code == status and words in answers[-1].text

    wait_until(answered, 15)
    return answers[-1]


def doctors_word(data_dir: Path, check: str) -> tuple[bool, str]:
    """Of `doctor`, on this computer's clock, beside the server whose sandbox stands in for Stripe."""
    command = [sys.executable, "-m", "bioql_console", "doctor", "--json", "--data-dir", str(data_dir)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    return next((each["ok"], each["what"]) for each in json.loads(found)["checks"] if each["id"] == check)


@pytest.mark.fault(
    "Clock",
    "the clock is six minutes fast, six minutes slow, and jumps while the server runs",
    "Events are refused and never let in late; the refusal says that they are signed rightly and how many seconds the "
    "clock is off. Set right, it hears at once, without a restart; `doctor` compares the clock with Stripe's.",
    figure="6 minutes each way, set while it runs",
)
def test_a_wrong_clock_is_named_with_its_offset_and_the_tolerance_stays(data_dir: Path, tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    with serving(data_dir, clock) as told:
        assert deliver(told, 1).status_code == 200
        clock.set(SIX_MINUTES_S)
        fast = once(told, 2, 400)
        assert "too old. It is signed rightly, so this computer's clock is 36" in fast.json()["error"]
        ok, words = doctors_word(data_dir, "clock")
        assert not ok
        assert " s behind Stripe's" in words, "here it is the sandbox's clock that is fast"
        clock.set(-SIX_MINUTES_S)
        slow = once(told, 3, 400, "in the future")
        assert "in the future. It is signed rightly, so this computer's clock is 3" in slow.json()["error"]
        assert slow.json()["error"].endswith(" s slow.")
        clock.set(0)
        once(told, 2, 200)
        assert deliver(told, 3).status_code == 200
        assert doctors_word(data_dir, "clock") == (True, "This computer's clock agrees with Stripe's.")


class Customers:
    """People at the server, and Stripe beside it, whose clock is right."""

    def __init__(self, told: dict[str, Any], running: Running, http: httpx.Client) -> None:
        self._told, self._running, self._http = told, running, http

    def register(self, name: str) -> str:
        answer = self._http.post("/auth/register", json={"name": name, "email": f"{name}@uni.example"})
        assert answer.status_code == 201, answer.text
        key: str = answer.json()["user"]["api_key"]
        return key

    def uses(self, key: str, shots: int) -> None:
        run = {"api_key": key, "shots": shots, "backend": "ibm_kyoto", "success": True}
        assert self._http.post("/billing/record-usage", json=run).json()["recorded"] is True

    def owes(self, key: str) -> float:
        owed: float = self._http.get("/dashboard/invoices", headers=_key(key)).json()["current_balance"]
        return owed

    def pays(self, key: str) -> None:
        """By link, everything, at Stripe."""
        asked = {"amount": self.owes(key)}
        answer = self._http.post("/billing/create-payment", json=asked, headers=_key(key))
        assert answer.status_code == 200, answer.text
        page = urlsplit(answer.json()["url"]).path
        assert self._running.raw.post(page, data=PAYING_CARD).status_code == 303

    def hears(self) -> set[tuple[int, str]]:
        """Stripe delivers every event that there is, signed now; the answers, each with its reason."""
        return {self._hears_of(event) for event in self._running.events()}

    def waits_for(self, status: int, words: str = "") -> None:
        """Until the clock is the one that was set."""
        event = self._running.events()[0]

        def is_set() -> bool:
            code, said = self._hears_of(event)
            return code == status and words in said

        wait_until(is_set, 15)

    def _hears_of(self, event: dict[str, Any]) -> tuple[int, str]:
        body = json.dumps(event).encode()
        headers = {"Stripe-Signature": sign(body, SECRET, now_ms())}
        answer = self._http.post(self._told["webhook_url"], content=body, headers=headers)
        return answer.status_code, answer.json().get("error", "")


def _key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.fault(
    "Clock",
    "the clock jumps a day ahead, then a day back, while customers run, pay and register, and once more before the end",
    "Nothing is lost or counted twice, at Stripe or in the books. Events are refused meanwhile, and say how many "
    "seconds the clock is off; usage that is dated ahead waits for an operator and says so; the end takes seconds.",
    figure="86,400 s ahead and back: 3 payments and 5 runs, 0 lost, 0 doubled",
)
def test_a_clock_that_jumps_by_a_day_loses_and_doubles_nothing(data_dir: Path, tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    env = {"STRIPE_SECRET_KEY": TEST_KEY, "STRIPE_WEBHOOK_SECRET": SECRET}
    options = ("--env", "test", "--secrets", "env")
    with stripe(tmp_path / "stripe.db") as running:
        running.control("keys", key=TEST_KEY)
        meter = StripeGateway(TEST_KEY, Environment.TEST, base=running.url).create_meter().id
        program = ("tests.faults.on_a_set_clock", running.url)
        with (
            serving(data_dir, clock, program, *options, **env) as told,
            httpx.Client(base_url=told["url"], trust_env=False, timeout=30) as http,
        ):
            people = Customers(told, running, http)
            ada = people.register("ada")
            people.uses(ada, 200)
            people.waits_for(200)
            people.pays(ada)
            assert people.hears() == {(200, "")}

            clock.set(DAY_S)
            people.waits_for(400, "It is signed rightly, so this computer's clock is 864")
            bob = people.register("bob")
            people.uses(bob, 200)
            people.pays(bob)
            people.uses(ada, 100)

            clock.set(-DAY_S)
            people.waits_for(400, "in the future. It is signed rightly, so this computer's clock is 86")
            carl = people.register("carl")
            people.uses(carl, 200)
            people.pays(carl)
            people.uses(bob, 100)

            clock.set(0)
            people.waits_for(200)
            for _once_and_once_more in range(2):
                assert people.hears() == {(200, "")}
            wait_until(lambda: [people.owes(key) for key in (ada, bob, carl)] == [300.0, 300.0, 0.0], 20)
            wait_until(lambda: settled(data_dir), 40)
            clock.set(DAY_S)
        assert_books_and_stripe_agree(data_dir, running, meter)


def ledger_of(data_dir: Path) -> Database:
    return Database(sqlite_url(data_dir / "test" / "bioql.db"), now_ms)


def settled(data_dir: Path) -> bool:
    """Nothing waits to be applied or sent."""
    ledger = ledger_of(data_dir)
    with ledger.read() as work:
        applied = not work.inbox.counts().get(EventState.RECEIVED, 0)
        sent = not [each for each in work.outbox.sums() if each.state is MessageState.WAITING]
    ledger.close()
    return applied and sent


def assert_books_and_stripe_agree(data_dir: Path, running: Running, meter: str) -> None:
    """What was used, paid and credited: each once, on both sides. Stripe takes no usage of tomorrow: that is said."""
    ledger = ledger_of(data_dir)
    with ledger.read() as work:
        assert work.verifier.run().ok
        states = work.inbox.counts()
        (refused,) = [each for each in work.outbox.sums() if each.state is MessageState.REFUSED]
        people = [work.users.by_email(f"{name}@uni.example") for name in ("ada", "bob", "carl")]
        links = work.checkouts.page(CheckoutQuery(), None, 100).rows
        told = {link.user_name: link.amount_cents for link in links if link.state is CheckoutState.PAID}
    ledger.close()
    assert not states.get(EventState.QUARANTINED, 0)
    assert told == {"ada": 59_000, "bob": 59_000, "carl": 59_000}, "600 each, of which 10 were a present"
    assert len(links) == 3
    assert (refused.count, refused.cents, refused.code) == (2, 90_000, "timestamp_in_future")
    balances = {each.name: each.balance for each in running.api.customers.list({"limit": 10}).data}
    assert balances == {name: -cents for name, cents in told.items()}
    gateway, now = StripeGateway(TEST_KEY, Environment.TEST, base=running.url), now_ms()
    counted = {
        user.name: gateway.meter_total(meter, str(user.stripe_customer_id), now - 2 * DAY_S * 1000, now)
        for user in people
        if user
    }
    assert counted == {"ada": 60_000, "bob": 30_000, "carl": 60_000}
