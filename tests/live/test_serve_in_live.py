"""The server without a window in Live: locked unless its command line says what is armed, and for which account."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bioql_console.sandbox import Sandbox
from tests.gateway.live_standin import LiveStandin
from tests.legacy_files import make_file, sample_content
from tests.live.live_desk import LIVE_KEY
from tests.money.world import InProcess
from tests.waiting import wait_until

ADA = {"name": "Ada", "email": "ada@uni.example"}
USES = {"shots": 100, "backend": "simulator", "success": True}


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[LiveStandin]:
    sandbox = Sandbox(tmp_path / "live-stripe.db")
    made = LiveStandin(InProcess(sandbox), sandbox.secret_key)
    yield made
    made.close()
    sandbox.close()


def command(standin: LiveStandin, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.live.console_at", standin.url, *arguments)


def surroundings() -> dict[str, str]:
    return {**os.environ, "STRIPE_SECRET_KEY": LIVE_KEY, "STRIPE_WEBHOOK_SECRET": "whsec_obviouslyfakeobviouslyfake"}


@contextmanager
def serving(standin: LiveStandin, data_dir: Path, *more: str) -> Iterator[tuple[httpx.Client, list[str]]]:
    """`serve` in Live; what it said stands in the list once it ended."""
    ready, said = data_dir / "ready.json", list[str]()
    options = ("--env", "live", "--secrets", "env", "--port", "0", "--data-dir", str(data_dir))
    asked = command(standin, "serve", *options, "--ready-file", str(ready), *more)
    process = subprocess.Popen(asked, stdout=subprocess.PIPE, text=True, env=surroundings())
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 40)
        assert process.poll() is None, "it ended at once"
        url = json.loads(ready.read_text())["url"]
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as http:
            yield http, said
    finally:
        process.terminate()
        said += process.communicate(timeout=20)[0].splitlines()
        ready.unlink(missing_ok=True)


def used(http: httpx.Client, key: str) -> Any:
    return http.post("/billing/record-usage", json={**USES, "api_key": key})


def run(asked: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(asked, capture_output=True, text=True, timeout=50, check=False, env=surroundings())


@pytest.mark.fault(
    "Stripe",
    "`serve` runs in Live, locked; customers register, use and pay, and every command of the command line runs",
    "Nothing but GET leaves: usage is kept and waits, customers are told that payment is not available.",
    figure="0 writes",
)
def test_locked_it_only_reads(standin: LiveStandin, data_dir: Path, tmp_path: Path) -> None:
    with serving(standin, data_dir) as (http, said):
        assert http.post("/auth/register", json=ADA).status_code == 502
        made = http.post("/auth/register", json={**ADA, "create_stripe_account": False}).json()
        assert used(http, made["user"]["api_key"]).json()["recorded"] is True
        for name in (("doctor",), ("verify",), ("reconcile", "--env", "live"), ("backup", "--env", "live")):
            run(command(standin, *name, "--data-dir", str(data_dir)))
    users_db = make_file(tmp_path / "users.db", sample_content())
    brought_in = run(command(standin, "import", str(users_db), "--env", "live", "--data-dir", str(data_dir)))
    assert brought_in.returncode == 0, brought_in.stderr
    assert list((data_dir / "backups").iterdir()), "both made a copy"
    assert standin.writes == []
    assert "LIVE: locked, only reading leaves for Stripe (see --arm)" in said


def test_armed_for_an_account_it_sends_those_kinds(standin: LiveStandin, data_dir: Path) -> None:
    options = ("--env", "live", "--secrets", "env", "--port", "0", "--data-dir", str(data_dir))
    other = ("--arm", "usage", "--account", "Another Company")
    wrong = run(command(standin, "serve", *options, *other))
    assert wrong.returncode == 1
    assert "[live.wrong_account]" in wrong.stderr
    with serving(standin, data_dir, "--arm", "customers", "--account", "acct_sandbox") as (http, said):
        assert standin.writes == []
        made = http.post("/auth/register", json=ADA)
        assert made.status_code == 201
        assert standin.writes == [("POST", "/v1/customers")]
        assert used(http, made.json()["user"]["api_key"]).json()["recorded"] is True
    assert standin.writes == [("POST", "/v1/customers")], "usage was not armed, and waits"
    assert "LIVE: armed for Customers' own" in said
