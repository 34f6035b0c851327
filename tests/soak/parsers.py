"""Coverage-guided bytes (atheris) into what reads strangers' bytes: signature, event, request body, head of a request.

Each may refuse in its own words; anything else that is raised, and any believed signature that was not made with the
secret, breaks a promise.
"""

import argparse
import asyncio
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

EXECUTIONS = 1_000_000
SECONDS = 120
SECRET = "whsec_fuzz"
NOW_MS = 1_790_000_000_000
LONGEST_INPUT = 2_048
MISSING = """\
atheris is not installed. It is made for Linux on x86-64 only, so scripts/setup leaves it out:
  .venv/bin/python -m pip install --require-hashes -r requirements-fuzz.lock"""


EVENT = b'{"id":"evt_1","object":"event","type":"invoice.paid","livemode":false,"created":1790000000,"api_version":"x",'
EVENT += b'"data":{"object":{"id":"in_1","customer":{"id":"cus_1"},"amount":350}}}'
RUN = b'{"api_key":"bioql_x","shots":100.0,"backend":"simulator","success":true,"amount":350.00,"usage_id":"run-1"}'
# What each reader likes, to begin with; the first byte says whose it is.
BEGINNINGS = (
    b"\0t=1790000000,v1=" + b"0" * 64 + b",v1=" + b"f" * 64 + b",v0=00\n" + EVENT,
    b"\1" + EVENT,
    b"\2" + RUN,
    b"\3/billing/usage/1%20?limit=5&after=1-1\nHost:127.0.0.1\nTransfer-Encoding:chunked\nContent-Length:5",
)


def fuzz(executions: int, seconds: int, corpus: Path) -> None:
    """In this process, which libFuzzer ends by itself: 0 when nothing was found.

    Args:
        corpus: A folder with inputs to begin with.
    """
    import atheris

    with atheris.instrument_imports(include=["bioql_console", "stripe._webhook", "json"]):
        from starlette.requests import Request

        from bioql_console.domain.webhooks import EventSource
        from bioql_console.server import heads, requests, values
        from bioql_console.services import event_content, event_intake, signature

    runner = asyncio.new_event_loop()

    def read_signature(data: bytes) -> None:
        header, _, body = data.partition(b"\n")
        verdict = signature.verify(body, header.decode("latin-1"), [SECRET, "whsec_old"], NOW_MS)
        # Whoever doesn't know the secret can't be believed; the fuzzer doesn't.
        assert not verdict.ok, "a signature was believed that nobody made"

    def read_event(data: bytes) -> None:
        with suppress(event_intake.MalformedEvent):
            event = event_intake.parse(data, "", EventSource.HTTP, NOW_MS)
            target = event_content.part_of(event_content.part_of(json.loads(event.body), "data"), "object")
            with suppress(event_content.Misfit):
                event_content.cents_of(target, "amount")
            event_content.text_of(target, "customer").encode()
            event.id.encode()

    def read_body(data: bytes) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": data[:64]}
        request = Request(scope, receive)
        with suppress(requests.ApiError):
            body = runner.run_until_complete(requests.json_body(request))
            requests.sdk_key(request, body)
            for read in (
                lambda: values.shots_of(body, "shots"),
                lambda: values.text_of(body, "backend", values.LONGEST_ID).encode(),
                lambda: values.amount(body.get("amount")),
                lambda: values.flag_of(body, "success"),
                lambda: values.page_of(request),
            ):
                with suppress(requests.ApiError):
                    read()

    def read_head(data: bytes) -> None:
        target, *lines = data.split(b"\n")
        headers = [(name.lower(), value) for name, _, value in (line.partition(b":") for line in lines)]
        heads.refusal_of("1.1", target, headers, upgrade=False)
        path = target.partition(b"?")[0]
        if path.isascii():
            heads.has_one_spelling(path)

    readers = (read_signature, read_event, read_body, read_head)

    def one(data: bytes) -> None:
        if data:
            readers[data[0] % len(readers)](data[1:])

    options = [f"-runs={executions}", f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", "-rss_limit_mb=1024"]
    atheris.Setup([sys.argv[0], str(corpus), *options, "-timeout=5"], one)
    atheris.Fuzz()


@pytest.mark.fault(
    "Signature",
    "a million inputs, guided by coverage, to what reads signatures, events, bodies and heads",
    "Each is refused in our own words, none is believed without the secret, and none is a failure of ours.",
    figure="1,000,000 executions in 123 s, 0 found",
)
def main() -> int:
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--executions", type=int, default=EXECUTIONS, help=f"at most ({EXECUTIONS:,})")
    reading.add_argument("--seconds", type=int, default=SECONDS, help=f"at most ({SECONDS})")
    reading.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    asked = reading.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print(MISSING)
        return 2
    if asked.here is not None:
        fuzz(asked.executions, asked.seconds, asked.here)
        return 0
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number, beginning in enumerate(BEGINNINGS):
            (Path(folder) / str(number)).write_bytes(beginning)
        words = (f"--here={folder}", f"--executions={asked.executions}", f"--seconds={asked.seconds}")
        command = [sys.executable, "-m", "tests.soak.parsers", *words]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        print(f"BROKEN:\n{done.stderr[-5_000:]}")
        return 1
    ended = [line.strip() for line in done.stderr.splitlines() if "DONE" in line]
    print(f"{ended[-1]} ({time.monotonic() - began_s:.0f} s): nothing was raised that should not be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
