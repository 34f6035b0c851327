"""`stripe listen` against the sandbox: the real command line gets every event, and its answers are recorded."""

import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sandbox.conftest import Running
from tests.sandbox.receivers import Receiver
from tests.stripe_cli import stripe_cli, stripe_cli_missing
from tests.waiting import wait_until

real_cli = pytest.mark.skipif(bool(stripe_cli_missing()), reason=stripe_cli_missing() or "it is there")


@contextmanager
def command_line(running: Running, home: Path, *words: str) -> Iterator["queue.SimpleQueue[str]"]:
    """What the real command line prints, line by line."""
    plain = {"HOME": str(home), "PATH": os.environ["PATH"], "STRIPE_CLI_TELEMETRY_OPTOUT": "1"}
    command = [str(stripe_cli()), *words, "--api-base", running.url, "--color", "off"]
    process = subprocess.Popen(
        command,
        env={**plain, "STRIPE_API_KEY": running.sandbox.secret_key},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.put(line.rstrip())

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    with process:
        try:
            yield said
        finally:
            process.terminate()
            process.wait(10)
            reading.join(5)


def until_said(said: "queue.SimpleQueue[str]", part: str) -> str:
    while part not in (line := said.get(timeout=15)):
        pass
    return line


def secret_in(line: str) -> str:
    secret = line.partition("secret is ")[2].partition(" ")[0]
    assert secret.startswith("whsec_")
    return secret


def listening(address: str) -> tuple[str, ...]:
    return ("listen", "--all-snapshot", "--forward-to", address, "--skip-update", "--no-wss")


@real_cli
def test_it_gets_what_happens_signed_with_a_secret_of_its_own(
    running: Running, receiver: Receiver, tmp_path: Path
) -> None:
    running.control("delivery", paused=True)
    with command_line(running, tmp_path, *listening(receiver.url)) as said:
        secret = secret_in(until_said(said, "Ready!"))
        assert secret != running.sandbox.webhook_secret
        running.api.customers.create({"name": "Zoë"})
        until_said(said, "[200] POST")
        (event,) = receiver.verified(secret)
        assert (event["type"], event["data"]["object"]["name"]) == ("customer.created", "Zoë")
        wait_until(lambda: running.control_get("deliveries")["data"])
        (delivery,) = running.control_get("deliveries")["data"]
        assert (delivery["event"], delivery["state"], delivery["status_codes"]) == (event["id"], "succeeded", [200])


@real_cli
def test_several_listen_and_one_that_comes_later_gets_what_comes_later(
    running: Running, receiver: Receiver, tmp_path: Path
) -> None:
    running.api.customers.create({"name": "before anybody listened"})
    with (
        command_line(running, tmp_path / "one", *listening(receiver.url)) as one,
        command_line(running, tmp_path / "two", *listening(receiver.url)) as two,
    ):
        secret = secret_in(until_said(one, "Ready!"))
        assert secret == secret_in(until_said(two, "Ready!"))
        running.api.customers.create({"name": "heard twice"})
        until_said(one, "[200] POST")
        until_said(two, "[200] POST")
        names = [event["data"]["object"]["name"] for event in receiver.verified(secret)]
        assert names == ["heard twice"] * 2


@real_cli
def test_an_event_is_sent_again_on_demand(running: Running, receiver: Receiver, tmp_path: Path) -> None:
    running.api.customers.create({"name": "Ada"})
    event = running.events()[-1]
    with command_line(running, tmp_path, *listening(receiver.url)) as said:
        secret = secret_in(until_said(said, "Ready!"))
        with command_line(running, tmp_path / "other", "events", "resend", event["id"]):
            until_said(said, "[200] POST")
        assert [one["id"] for one in receiver.verified(secret)] == [event["id"]]


def test_only_who_has_the_key_gets_a_session(running: Running) -> None:
    asked = {"websocket_features[]": "webhooks", "device_name": "x"}
    refused = running.raw.post("/v1/stripecli/sessions", data=asked, auth=("sk_test_of4another", ""))
    assert refused.status_code == 401
    session = running.raw.post("/v1/stripecli/sessions", data=asked).json()
    again = running.raw.post("/v1/stripecli/sessions", data=asked).json()
    assert session["secret"] == again["secret"]
    assert session["websocket_id"] != again["websocket_id"]
    address = session["websocket_url"].replace("ws://", "http://")
    head = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    assert running.raw.get(address, headers={**head, "Websocket-Id": "cliws_guessed"}).status_code == 401
    page = {**head, "Websocket-Id": session["websocket_id"], "Origin": "http://evil.example"}
    assert running.raw.get(address, headers=page).status_code == 403
