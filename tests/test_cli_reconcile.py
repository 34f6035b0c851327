"""`bioql-console reconcile`: the answer other programs read, beside a server, and without one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from bioql_console.cli import app
from bioql_console.core import now_ms
from bioql_console.demo_data import fill_data_dir
from tests.waiting import wait_until

CONSOLE = (sys.executable, "-m", "bioql_console")
PROMISED = ["ok", "from", "to", "checked", "totals", "differences", "on_its_way"]
EACH = {"kind", "what", "cause", "repair", "user_id", "stripe_id", "day", "ledger_cents", "stripe_cents"}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CONSOLE, "reconcile", *(str(each) for each in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, env={**os.environ})


@pytest.fixture
def server(data_dir: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A `serve` on a Sandbox with demo data."""
    fill_data_dir(data_dir, 6, 1)
    ready = tmp_path / "ready.json"
    command = ("serve", "--env", "sandbox", "--port", "0", "--data-dir", str(data_dir), "--ready-file", str(ready))
    process = subprocess.Popen([*CONSOLE, *command], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 30)
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        process.wait(20)


def test_beside_a_server_it_agrees_and_then_does_not(server: dict[str, Any], data_dir: Path) -> None:
    done = run("--data-dir", data_dir, "--json")
    clean = json.loads(done.stdout)
    assert (done.returncode, clean["ok"], clean["differences"], list(clean)[:7]) == (0, True, [], PROMISED)
    assert clean["checked"]["payments"] == clean["checked"]["entries"] > 0

    pays = {"amount": "4242", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    answer = httpx.post(
        f"{server['stripe_base']}/v1/payment_intents",
        data=pays,
        headers={"Authorization": f"Bearer {server['stripe_secret_key']}"},
        trust_env=False,
    )
    payment = answer.json()["id"]

    made_ms = now_ms()
    wait_until(lambda: now_ms() > made_ms + 2_000, 10)  # nothing of it may be on its way
    done = run("--data-dir", data_dir, "--json")
    found = json.loads(done.stdout)
    (one,) = found["differences"]
    assert done.returncode == 1
    assert set(one) >= EACH
    assert (one["kind"], one["stripe_id"], one["stripe_cents"]) == ("payment_foreign", payment, 4_242)
    assert found["totals"][-1]["difference_cents"] == found["totals"][-1]["named_cents"] == 4_242
    assert found["totals"][-1]["unexplained_cents"] == 0

    words = run("--data-dir", data_dir)
    assert words.returncode == 1
    assert "Payment that is not ours (1)" in words.stdout
    assert server["stripe_secret_key"] not in words.stdout + words.stderr + done.stdout

    earlier = run("--data-dir", data_dir, "--from", "2020-01-01", "--to", "2020-12-31", "--json")
    assert (earlier.returncode, json.loads(earlier.stdout)["totals"]) == (0, [])


@pytest.mark.parametrize("wrong", [("--from", "yesterday"), ("--from", "2026-02-01", "--to", "2026-01-01")])
def test_wrong_usage_is_two(data_dir: Path, wrong: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, ["reconcile", "--data-dir", str(data_dir), *wrong])
    assert answer.exit_code == 2


def test_without_the_offline_stripe_there_is_nothing_to_compare_with(data_dir: Path) -> None:
    fill_data_dir(data_dir, 1, 1)
    done = run("--data-dir", data_dir)
    assert done.returncode == 1
    assert "sandbox.not_running" in done.stderr
