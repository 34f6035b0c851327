"""The end of a server whose calls to Stripe are never answered."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from bioql_console.core import now_ms
from bioql_console.domain.environment import Environment
from bioql_console.domain.outbox import MessageKind, MessageState
from bioql_console.services.stripe_gateway import StripeGateway
from bioql_console.storage.database import Database, sqlite_url
from tests.sandbox.conftest import Running
from tests.sandbox.conftest import serving as serving_stripe
from tests.waiting import wait_until

MANY = 1_000
# The product waits for 20 s between two bytes of an answer, and for 5 s until what customers asked for is answered.
READ_S = 9


def calls(stripe: Running) -> int:
    """How many met no answer."""
    left: int = stripe.control_get("faults")["faults"][0]["count"]
    return MANY - left


@pytest.mark.fault(
    "Processes",
    "`serve` is told to end while Stripe answers nothing any more, with usage on its way and a customer waiting",
    "It ends with exit code 0 once the calls in hand are given up, after 20 s at most: none is made again, and what "
    "was not sent is sent next time.",
    figure="2 calls in hand, 0 made after the end was asked for",
)
def test_it_ends_while_stripe_answers_nothing(data_dir: Path, tmp_path: Path) -> None:
    key, ready = "rk_test_obviouslyfake", data_dir / "ready.json"
    command = [sys.executable, "-m", "tests.live.console_at"]
    options = ["--env", "test", "--secrets", "env", "--port", "0", "--data-dir", str(data_dir)]
    surroundings = {"STRIPE_SECRET_KEY": key, "STRIPE_WEBHOOK_SECRET": "whsec_obviouslyfakeobviouslyfake"}
    with serving_stripe(tmp_path / "stripe.db") as stripe:
        stripe.control("keys", key=key)
        StripeGateway(key, Environment.TEST, base=stripe.url).create_meter()
        server = subprocess.Popen(
            [*command, stripe.url, "serve", *options, "--ready-file", str(ready)],
            stdout=subprocess.DEVNULL,
            env={**os.environ, **surroundings, "BIOQL_TESTS_READ_S": str(READ_S)},
        )
        try:
            wait_until(lambda: ready.exists() or server.poll() is not None, 40)
            url = json.loads(ready.read_text())["url"]
            with httpx.Client(base_url=url, trust_env=False, timeout=30) as http, ThreadPoolExecutor() as customers:
                ada = http.post("/auth/register", json={"name": "Ada", "email": "ada@uni.example"}).json()["user"]
                stripe.control("faults", status="hang", path=".*", count=MANY)
                run = {"api_key": ada["api_key"], "shots": 200, "backend": "ibm_kyoto", "success": True}
                assert http.post("/billing/record-usage", json=run).json()["recorded"] is True
                owner = {"Authorization": f"Bearer {ada['api_key']}"}
                page = customers.submit(http.post, "/billing/create-payment", json={"amount": 590.0}, headers=owner)
                wait_until(lambda: calls(stripe) >= 2, 30)
                asked = calls(stripe)
                server.terminate()
                assert server.wait(60) == 0
                assert calls(stripe) - asked <= 1, "one may have been made in the very moment"
                with suppress(httpx.HTTPError):
                    assert page.result().status_code >= 500
        finally:
            server.kill()
    ledger = Database(sqlite_url(data_dir / "test" / "bioql.db"), now_ms)
    with ledger.read() as work:
        assert work.verifier.run().ok
        (waiting,) = [each for each in work.outbox.sums() if each.kind is MessageKind.METER_EVENT]
        assert (waiting.state, waiting.cents) == (MessageState.WAITING, 60_000)
    ledger.close()
