"""The computer's clock is wrong, or jumps while the server runs: a real `serve` under libfaketime."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bioql_console.services.signature import sign
from tests.waiting import wait_until

SIX_MINUTES_S = 360
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (Debian package faketime)")


class Clock:
    """The clock of a child process, which can be set while it runs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    def set(self, ahead_s: int) -> None:
        self._file.write_text(f"{ahead_s:+d}s\n")

    @property
    def env(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # The file is read once a second.
            "FAKETIME_CACHE_DURATION": "1",
            # Waiting threads would hang otherwise.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@contextmanager
def serving(data_dir: Path, clock: Clock) -> Iterator[dict[str, Any]]:
    """`serve` in the Sandbox, whose clock is set from outside."""
    ready = data_dir / "ready.json"
    command = [sys.executable, "-m", "bioql_console", "serve", "--env", "sandbox", "--port", "0"]
    command += ["--data-dir", str(data_dir), "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **clock.env})
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 40)
        assert process.poll() is None, "it ended at once"
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        assert process.wait(20) == 0


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
