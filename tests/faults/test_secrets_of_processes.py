"""Secrets from the keychain in every process that uses them: in no file, no word and no process's surroundings."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from bioql_console.core import now_ms
from bioql_console.domain.environment import Environment
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.secrets import SECRET_KEY_NAME, WEBHOOK_SECRET_NAME
from bioql_console.services.signature import sign
from tests.keychains import KeychainSession
from tests.legacy_files import make_file, sample_content
from tests.sandbox.conftest import Running
from tests.sandbox.conftest import serving as stripe
from tests.services.leaks import files_with
from tests.waiting import wait_until

CANARY = "CanaryOfProcesses"
KEY, SECRET = f"sk_test_{CANARY}4711", f"whsec_{CANARY}4712"


class Session:
    """Commands of one data folder; what they say is kept, and they are looked at while they run."""

    def __init__(self, data_dir: Path, folder: Path, running: Running) -> None:
        self._data_dir, self._running = data_dir, running
        self.said = folder / "said"
        self.said.mkdir()
        self.processes = 0

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        self.processes += 1
        command = [sys.executable, "-m", "tests.live.console_at", self._running.url, *words, "--env", "test"]
        with (self.said / f"{self.processes}-{words[0]}").open("wb") as file:
            return subprocess.Popen(
                [*command, "--data-dir", str(self._data_dir)], stdout=file, stderr=subprocess.STDOUT
            )

    def run(self, *words: str) -> int:
        """Its exit code; nobody finds a secret in its surroundings until then."""
        process, found = self.start(*words), set[str]()

        def ended() -> bool:
            found.update(tells(process.pid))
            return process.poll() is not None

        wait_until(ended, 60)
        assert not found
        return process.wait(10)

    @contextmanager
    def serving(self) -> Iterator[tuple[dict[str, Any], "subprocess.Popen[bytes]"]]:
        ready = self._data_dir / "ready.json"
        ready.unlink(missing_ok=True)
        process = self.start("serve", "--port", "0", "--ready-file", str(ready))
        try:
            wait_until(lambda: ready.exists() or process.poll() is not None, 40)
            yield json.loads(ready.read_text()), process
        finally:
            process.terminate()
            process.wait(30)


def tells(pid: int) -> list[str]:
    """Where arguments or environment of a process, or of one that it started, hold a secret."""
    found = []
    folder = Path(f"/proc/{pid}")
    with suppress(OSError):
        found = [f"{pid} {name}" for name in ("cmdline", "environ") if CANARY.encode() in (folder / name).read_bytes()]
        children = [
            int(each) for task in (folder / "task").iterdir() for each in (task / "children").read_text().split()
        ]
        found += [place for child in children for place in tells(child)]
    return found


def is_used(told: dict[str, Any]) -> None:
    """A customer joins and runs; an event of Stripe's is heard, and one that is signed wrongly is not."""
    with httpx.Client(base_url=told["url"], trust_env=False, timeout=30) as http:
        made = http.post("/auth/register", json={"name": "Ada", "email": "ada@uni.example"})
        assert made.status_code == 201, made.text
        run = {"api_key": made.json()["user"]["api_key"], "shots": 10, "backend": "simulator", "success": True}
        assert http.post("/billing/record-usage", json=run).status_code == 200
        body = json.dumps(
            {"id": "evt_1", "object": "event", "type": "customer.updated", "livemode": False, "data": {"object": {}}}
            | {"created": now_ms() // 1000}
        ).encode()
        for secret, status in ((SECRET, 200), (f"{SECRET}0", 400)):
            headers = {"Stripe-Signature": sign(body, secret, now_ms())}
            assert http.post("/webhooks/stripe", content=body, headers=headers).status_code == status
        assert http.get("/health").status_code == 200


@pytest.mark.fault(
    "Secrets",
    "`serve` is used with secrets from the keychain, and then aborted; beside it and after it the command line "
    "reconciles, backs up and brings in, also while Stripe fails",
    "None is in a file, a log, a crash's last words, an answer, or the arguments and environment of any process.",
    figure="2 secrets, 5 processes, found in 0 places",
)
@pytest.mark.keychain
@pytest.mark.timeout(240)
def test_no_process_tells_its_secrets(data_dir: Path, tmp_path: Path, keyring_session: KeychainSession) -> None:
    kept = KeychainSecrets()
    kept.put(Environment.TEST, SECRET_KEY_NAME, KEY)
    kept.put(Environment.TEST, WEBHOOK_SECRET_NAME, SECRET)
    with stripe(tmp_path / "stripe.db") as running:
        running.control("keys", key=KEY)
        session = Session(data_dir, tmp_path, running)
        with session.serving() as (told, server):
            is_used(told)
            assert session.run("reconcile", "--json") in (0, 1)
            assert session.run("backup", str(tmp_path / "copies")) == 0
            assert tells(server.pid) == []
            server.send_signal(signal.SIGABRT)
            assert server.wait(30) == -signal.SIGABRT
        users_db = make_file(tmp_path / "users.db", sample_content())
        assert session.run("import", str(users_db)) == 0
        running.control("faults", status=401, path="/v1/", count=99)
        assert session.run("reconcile") == 1
    assert session.processes == 5
    assert files_with(CANARY, data_dir, session.said, tmp_path / "copies", Path(os.environ["HOME"])) == []
    assert list((tmp_path / "copies").iterdir()), "there is a copy to look into"
    words = "".join(path.read_text() for path in session.said.iterdir())
    assert "bioql_fake_key" not in words, "of the old file"
