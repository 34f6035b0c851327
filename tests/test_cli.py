"""The command line, as tests outside this project and operators use it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import bioql_console
from tests.storage.raw import raw
from tests.waiting import wait_until

CONSOLE = (sys.executable, "-m", "bioql_console")


def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CONSOLE, *arguments], capture_output=True, text=True, timeout=110, check=False, **more)


class Server:
    """A `serve` of our own and what it said of itself."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process, self.ready = process, ready


@pytest.fixture
def server(data_dir: Path, tmp_path: Path) -> Iterator[Server]:
    assert run("demo", "--data-dir", str(data_dir), "--users", "3").returncode == 0
    ready = tmp_path / "ready.json"
    command = ("serve", "--env", "sandbox", "--port", "0", "--data-dir", str(data_dir), "--ready-file", str(ready))
    process = subprocess.Popen([*CONSOLE, *command], stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 30)
        assert process.poll() is None, "it ended at once"
        assert ready.stat().st_mode & 0o077 == 0
        yield Server(process, json.loads(ready.read_text()))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_says_which_version_it_is() -> None:
    assert run("--version").stdout == f"bioql-console {bioql_console.__version__}\n"


def test_serve_tells_how_to_reach_it_and_ends_cleanly(server: Server, data_dir: Path) -> None:
    names = {"url", "webhook_url", "database", "stripe_base", "stripe_secret_key", "stripe_publishable_key"}
    assert names | {"webhook_secret", "pid"} <= set(server.ready)
    assert server.ready["webhook_url"] == f"{server.ready['url']}/webhooks/stripe"
    assert server.ready["pid"] == server.process.pid
    health = httpx.get(f"{server.ready['url']}/health", trust_env=False).json()
    assert health["stripe_enabled"] is True

    beside = run("verify", "--data-dir", str(data_dir), "--json")
    found = json.loads(beside.stdout)
    assert (beside.returncode, found["ok"], found["users"], found["differences"]) == (0, True, 3, [])
    second = run("serve", "--env", "sandbox", "--port", "0", "--data-dir", str(data_dir))
    assert second.returncode == 1
    assert "is using this data folder already" in second.stderr

    os.kill(server.process.pid, signal.SIGTERM)
    said, _ = server.process.communicate(timeout=20)
    assert server.process.returncode == 0
    assert "Enabled: True" in said
    assert "Invoice Threshold: $3000" in said
    assert "Stripe webhook handler enabled" in said


def test_paying_through_serve(server: Server, data_dir: Path) -> None:
    from bioql_console.services.demo import demo_api_key

    headers = {"Authorization": f"Bearer {demo_api_key(1, 1)}"}
    with httpx.Client(base_url=server.ready["url"], headers=headers, trust_env=False) as http:
        url = http.post("/billing/create-payment", json={"amount": 350.0}).json()["url"]
        form = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "j@uni.example"}
        assert httpx.post(url, data=form, trust_env=False).status_code == 303
        wait_until(lambda: http.get("/dashboard/invoices").json()["current_balance"] == 0)


def test_doctor_beside_serve_names_each_check_and_cure(server: Server, data_dir: Path) -> None:
    done = run("doctor", "--json", env={**os.environ, "HOME": str(data_dir)})
    found = json.loads(done.stdout)
    assert set(found) >= {"ok", "checks"}
    assert all({"id", "ok", "what", "cure"} <= set(check) for check in found["checks"])
    assert all(check["cure"] for check in found["checks"] if check["ok"] is False)


def test_serve_without_its_secrets_says_so_loudly(data_dir: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    command = ("serve", "--env", "test", "--secrets", "env", "--port", "0", "--data-dir", str(data_dir))
    process = subprocess.Popen(
        [*CONSOLE, *command, "--ready-file", str(ready)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 30)
        told = json.loads(ready.read_text())
        assert "stripe_secret_key" not in told
        health = httpx.get(f"{told['url']}/health", trust_env=False).json()
        assert (health["stripe_enabled"], health["stripe_webhooks_enabled"]) == (False, False)
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert "Enabled: False" in said
    assert "DISABLED" in said


def test_serve_with_secrets_in_its_environment(data_dir: Path, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    secrets = {"STRIPE_SECRET_KEY": "sk_test_FakeForTests", "STRIPE_WEBHOOK_SECRET": "whsec_FakeForTests"}
    command = ("serve", "--env", "test", "--secrets", "env", "--port", "0", "--data-dir", str(data_dir))
    process = subprocess.Popen(
        [*CONSOLE, *command, "--ready-file", str(ready)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **secrets},
    )
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 30)
        told = json.loads(ready.read_text())
        health = httpx.get(f"{told['url']}/health", trust_env=False).json()
        assert (health["stripe_enabled"], health["stripe_webhooks_enabled"]) == (True, True)
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert "FakeForTests" not in said + ready.read_text()
    left = [path for path in data_dir.rglob("*") if path.is_file() and b"FakeForTests" in path.read_bytes()]
    assert not left


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("serve", "--port", "70000"), ("gui", "--env", "moon"), ("demo", "--users", "0")]
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr


def test_verify_without_a_ledger_says_what_to_do(data_dir: Path) -> None:
    done = run("verify", "--data-dir", str(data_dir))
    assert done.returncode == 1
    assert "→" in done.stderr


def test_verify_finds_a_planted_difference(data_dir: Path) -> None:
    assert run("demo", "--data-dir", str(data_dir), "--users", "3").returncode == 0
    with raw(data_dir / "sandbox" / "bioql.db") as database:
        database.execute("UPDATE balances SET receivable_micros = receivable_micros + 10000 WHERE user_id = 1")
    done = run("verify", "--data-dir", str(data_dir), "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["ok"] is False
    assert "0.01" in found["differences"][0]["what"]


def test_demo_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    sums = []
    for name in ("one", "two"):
        folder = tmp_path / name
        assert run("demo", "--data-dir", str(folder), "--users", "20", "--seed", "7").returncode == 0
        sums.append(json.loads(run("verify", "--data-dir", str(folder), "--json").stdout)["users"])
    assert sums == [20, 20]
    again = run("demo", "--data-dir", str(tmp_path / "one"), "--users", "20")
    assert "nothing was added" in again.stdout


def test_flow_without_a_screen_ends_at_zero(tmp_path: Path) -> None:
    pictures = tmp_path / "artifacts"
    command = [sys.executable, "-P", "-m", "bioql_console.flow", "--artifacts", str(pictures)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(pictures.glob("step-*.png"))) == 13
    assert "The balance is $0.00" in done.stdout
    assert "Warning" not in done.stderr


def test_shots_takes_every_screen(tmp_path: Path) -> None:
    done = run("shots", str(tmp_path / "shots"), "--theme", "dark")
    assert done.returncode == 0, done.stderr
    names = {path.stem for path in (tmp_path / "shots").glob("*.png")}
    pages = {"overview", "users", "balances", "payments", "meter", "webhooks", "server", "activity", "settings"}
    assert pages <= names
