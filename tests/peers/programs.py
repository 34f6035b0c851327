"""A real `serve` of the sandbox, the official Stripe command line beside it, and Node.js."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.sources import ROOT
from tests.stripe_cli import stripe_cli
from tests.waiting import wait_until

CONSOLE = (sys.executable, "-m", "bioql_console")
HERE = ROOT / "tests/peers"


class Serve:
    """A running `serve` and the sandbox inside it.

    Args:
        ready: What it said of itself.
        sandbox: Plain HTTP to the sandbox, with its key.
    """

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.sandbox = httpx.Client(
            base_url=ready["stripe_base"], auth=(ready["stripe_secret_key"], ""), trust_env=False, timeout=10
        )

    def deliveries(self, event: str) -> list[Any]:
        """How an event fared with each who takes it."""
        found: list[Any] = self.sandbox.get("/_sandbox/deliveries", params={"event": event}).json()["data"]
        return found

    @contextmanager
    def direct_delivery_paused(self) -> Iterator[None]:
        """Meanwhile only the command line brings events."""
        self.sandbox.post("/_sandbox/delivery", json={"paused": True})
        try:
            yield
        finally:
            self.sandbox.post("/_sandbox/delivery", json={"paused": False})


def make_demo(folder: Path) -> None:
    """Data with three users who owe something."""
    words = ("demo", "--data-dir", str(folder / "data"), "--users", "3")
    subprocess.run([*CONSOLE, *words], check=True, capture_output=True)


@contextmanager
def sandbox_server(folder: Path, webhook_secret: str) -> Iterator[Serve]:
    """`bioql-console serve --env sandbox` on free ports; the secret is accepted besides the sandbox's own."""
    data, ready = folder / "data", folder / "ready.json"
    ready.unlink(missing_ok=True)
    words = ("serve", "--env", "sandbox", "--secrets", "env", "--port", "0", "--data-dir", str(data))
    env = {**os.environ, "STRIPE_WEBHOOK_SECRET": webhook_secret}
    process = subprocess.Popen(
        [*CONSOLE, *words, "--ready-file", str(ready)], env=env, stdout=subprocess.DEVNULL, start_new_session=True
    )
    with process:
        try:
            wait_until(lambda: ready.exists() or process.poll() is not None, 30)
            made = Serve(json.loads(ready.read_text()))
            with made.sandbox:
                yield made
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


class CommandLine:
    """The official Stripe command line, with a home of its own and nothing to tell anybody."""

    def __init__(self, base: str, key: str, home: Path) -> None:
        self._where = ("--api-base", base, "--color", "off")
        self._env = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "PATH": os.environ["PATH"],
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
            "STRIPE_API_KEY": key,
        }

    def run(self, *words: str, key: str = "", fails: bool = False) -> str:
        """What one command printed."""
        env = self._env | ({"STRIPE_API_KEY": key} if key else {})
        done = subprocess.run(
            [str(stripe_cli()), *words, *self._where], env=env, capture_output=True, text=True, timeout=30, check=False
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + (done.stderr if fails else "")

    def json(self, *words: str) -> Any:
        """The object that one command printed."""
        return json.loads(self.run(*words))

    def trigger(self, event: str, *words: str) -> None:
        assert "Trigger succeeded" in self.run("trigger", event, *words)

    def listed(self, *words: str) -> list[Any]:
        """The objects of a list command."""
        found: list[Any] = self.json(*words, "--limit", "100")["data"]
        return found

    def listening(self, *words: str) -> AbstractContextManager["Said"]:
        """`stripe listen`, until the block ends."""
        return self.going_on("listen", "--skip-update", "--no-wss", *words)

    @contextmanager
    def going_on(self, *words: str) -> Iterator["Said"]:
        """A command that goes on until the block ends."""
        process = subprocess.Popen(
            [str(stripe_cli()), *words, *self._where],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with process:
            said = Said(process)
            try:
                said.until("Ready!")
                yield said
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(10)
                said.reading.join(5)


class Said:
    """What a program prints, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._new: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process = process
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._new.put(line.rstrip())

    def until(self, part: str) -> str:
        """The next line that holds this."""
        while True:
            self.lines.append(self._new.get(timeout=20))
            if part in self.lines[-1]:
                return self.lines[-1]


def node_missing() -> str:
    """Why stripe-node can't be asked; empty when it can."""
    if not (HERE / "node_modules/stripe").is_dir() or not shutil.which("node"):
        return "stripe-node is not installed; `scripts/setup dev` does it where npm is."
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = version.removeprefix("v").partition(".")[0]
    return "" if major.isdecimal() and int(major) >= 18 else f"stripe-node needs Node.js 18; this is {version}."
