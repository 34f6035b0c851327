"""`serve` on a team's server, with its password from the environment or from libpq's own file."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bioql_console.demo_data import fill_data_dir
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.reconciling import ReconcileOptions, run_reconcile
from bioql_console.services.demo import demo_api_key
from bioql_console.verifying import run_verify
from tests.teams.network import PASSWORD, Network
from tests.waiting import wait_until

pytestmark = pytest.mark.postgresql


@contextmanager
def serving(data_dir: Path, url: str, **environment: str) -> Iterator[dict[str, Any]]:
    """A running `serve`; ends it by SIGTERM and looks that nothing it wrote or said holds the password."""
    ready = data_dir / "ready.json"
    command = [sys.executable, "-m", "bioql_console", "serve", "--env", "sandbox", "--port", "0", "--database", url]
    options = ("--data-dir", str(data_dir), "--ready-file", str(ready), "--secrets", "env")
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    said = ""
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 40)
        if process.poll() is None:
            yield json.loads(ready.read_text())
            process.send_signal(signal.SIGTERM)
    finally:
        if process.poll() is None and not ready.exists():
            process.kill()
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    written = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())
    assert PASSWORD not in said
    assert PASSWORD.encode() not in written


def test_paying_through_serve_on_the_teams_server(server: Network, data_dir: Path) -> None:
    owner = server.cluster.format("shop")
    server.run("CREATE DATABASE shop", f"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}' IN ROLE bioql_operator")
    fill_data_dir(data_dir, 3, 1, owner)
    url = server.address("shop", "shop").url()
    with serving(data_dir, url, PGPASSWORD=PASSWORD) as ready:
        assert ready["database"] == url
        headers = {"Authorization": f"Bearer {demo_api_key(1, 1)}"}
        with httpx.Client(base_url=ready["url"], headers=headers, trust_env=False) as http:
            page = http.post("/billing/create-payment", json={"amount": 350.0}).json()["url"]
            form = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "j@uni.example"}
            assert httpx.post(page, data=form, trust_env=False).status_code == 303
            wait_until(lambda: http.get("/dashboard/invoices").json()["current_balance"] == 0, 20)
    found = run_verify(None, owner)
    assert (found.ok, found.total.users) == (True, 3)


def test_a_password_file_of_libpqs_is_heeded(server: Network, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(f"localhost:{server.port}:till:ada:{PASSWORD}\n")
    file.chmod(0o600)
    with serving(data_dir, server.address("till", "ada").url(), PGPASSFILE=str(file)) as ready:
        assert httpx.get(f"{ready['url']}/health", trust_env=False).status_code == 200


def test_a_server_that_may_only_read_does_not_start(server: Network, data_dir: Path) -> None:
    server.run("CREATE ROLE reader LOGIN IN ROLE bioql_viewer")
    refused = refusal(data_dir, "sandbox", server.cluster.format("till").replace("//tests@", "//reader@"))
    assert "[db.right_missing]" in refused
    assert "GRANT bioql_operator TO reader;" in refused


def test_a_server_of_another_environment_does_not_start(server: Network, data_dir: Path) -> None:
    till = server.cluster.format("till")
    refused = refusal(data_dir, "live", till)
    assert "[db.other_environment]" in refused
    assert "This database is the ledger of SANDBOX, so LIVE can't use it" in refused
    assert "--env sandbox" in refused
    with pytest.raises(OperatorError) as stopped:
        run_reconcile(ReconcileOptions(None, None, data_dir, till, Environment.LIVE))
    assert stopped.value.code == "db.other_environment"


def refusal(data_dir: Path, environment: str, url: str) -> str:
    """What `serve` says as it does not start."""
    command = ("serve", "--env", environment, "--port", "0", "--data-dir", str(data_dir), "--database", url)
    done = subprocess.run(
        [sys.executable, "-m", "bioql_console", *command, "--secrets", "env"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr
