"""The two processes of the soak: the stand-in for Stripe, and the window with its server."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from bioql_console.core import now_ms
from bioql_console.domain.environment import Environment
from bioql_console.services.credentials import Credentials
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.settings import Settings, save

ROOT = Path(__file__).resolve().parents[3]
ENDS_WITHIN_S = 30


@dataclass
class Stage:
    """Where everything is."""

    data_dir: Path
    stripe_url: str
    stripe_key: str
    webhook_secret: str
    window_url: str
    stripe: "subprocess.Popen[str]"
    window: "subprocess.Popen[str]"

    @property
    def processes(self) -> dict[str, int]:
        """Ours, by what they are."""
        return {"window": self.window.pid, "stripe": self.stripe.pid}

    def control(self, name: str, **body: object) -> Any:
        """Move the stand-in's levers."""
        return _control(self.stripe_url, name, **body)

    def signs_of_window(self) -> Iterator[Awaitable[dict[str, float]]]:
        """What the window says of itself, each time it does."""
        while self.window.poll() is None:
            yield asyncio.to_thread(_line, self.window)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Both processes running on an empty folder, ended in order afterwards."""
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    generous = {"registrations_per_minute": 10_000, "requests_per_second": 10_000, "wrong_keys_per_minute": 10_000}
    settings = replace(Settings(), environment="test", dev_mode=False, port=0, welcome_credit_micros=0)
    save(replace(settings, invoice_threshold_cents=100_000_000, **generous), data_dir)  # type: ignore[arg-type]
    stripe = _start("stripe", str(folder / "stripe.db"))
    try:
        found = _line(stripe)
        secrets = Credentials(KeychainSecrets(), now_ms)
        key = _control(found["url"], "keys", permissions=None)["key"]
        secrets.save_secret_key(Environment.TEST, key)
        secrets.save_webhook_secret(Environment.TEST, found["webhook_secret"])
        window = _start("console", str(data_dir), found["url"])
        try:
            addresses = _line(window)
            _tell(stripe, addresses["webhook_url"])
            _line(stripe)
            _tell(window, "go")
            yield Stage(data_dir, found["url"], key, found["webhook_secret"], addresses["url"], stripe, window)
        finally:
            window.send_signal(signal.SIGTERM)
            _end(window)
    finally:
        _end(stripe)


def _control(stripe_url: str, name: str, **body: object) -> Any:
    answer = httpx.post(f"{stripe_url}/_sandbox/{name}", json=body, trust_env=False)
    answer.raise_for_status()
    return answer.json()


def _start(name: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", f"tests.soak.around_window.{name}", *arguments]
    # Ctrl+C is for us: what was found is told before they end.
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def _tell(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended with {process.wait(ENDS_WITHIN_S)}.")
    return dict(json.loads(line))


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    finally:
        process.stdout.close()
        process.wait()
