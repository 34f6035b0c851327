"""Webhooks acknowledged durably by a real `serve`, beside the original design and beside a bare loop.

Each server has one core and wrk the other; 32 connections send signed events of 2.7 KB, each of them new. The servers
take turns: those that are not asked are stopped, so that none works off its inbox while another is measured.
"""

import hashlib
import hmac
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.figures import Figure, Skipped
from tests.bench.peers import libraries, missing
from tests.waiting import wait_until

FLOOR = (
    "one interpreter does it, and no part of it is large (py-spy, shares of its time): the head with its guards 23 %, "
    "the JSON 12, the signature by Stripe's own check 13, the secrets as the keychain has them now 6, handing over "
    "and answering 14, storing eleven columns with six indexes 13; a tenth is left to applying. The bare loop guards "
    "nothing, reads no JSON and stores three columns with one index."
)
ROUNDS = 5
ROUND_S, CONNECTIONS = 2, 32
SECRET = "whsec_bench"
# As many as the fastest answers in a round, and half as many again.
EVENTS = {"ours": 24_000, "original": 4_000, "bare": 40_000}
numbers = count(1)
SENDING = """
local requests, next, bad = {{}}, 0, 0
local file = io.open("{path}", "rb")
while true do
  local size = file:read(8)
  if not size then break end
  requests[#requests + 1] = file:read(tonumber(size))
end
file:close()
function request()
  next = next % #requests + 1
  return requests[next]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("bench %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status))
end
"""


class Round(NamedTuple):
    """What wrk saw. `p99_ms` is of single requests."""

    per_s: float
    p99_ms: float


class Server(NamedTuple):
    """A server that can be asked."""

    name: str
    process: "subprocess.Popen[str]"
    port: int
    secret: str
    database: Path
    table: str


def run() -> list[Figure | Skipped]:
    """Requests a second and their p99."""
    if why := missing("wrk"):
        return [Skipped("a second", why)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        servers = [
            stack.enter_context(_rival("original", "tests.rivals.flask_original", folder)),
            stack.enter_context(_rival("bare", "tests.rivals.raw_loop", folder)),
            stack.enter_context(_ours(folder)),
        ]
        # Each has asked its first questions by then: imports and the first connection are no part of a rate.
        for server in servers:
            _round(server, folder)
        found: dict[str, list[Round]] = {server.name: [] for server in servers}
        for _ in range(ROUNDS):
            for server in servers:
                found[server.name].append(_round(server, folder))
    per_s = {name: median(each.per_s for each in rounds) for name, rounds in found.items()}
    p99_ms = {name: median(each.p99_ms for each in rounds) for name, rounds in found.items()}
    flask, bare = "Flask, construct_event, commit", "httptools, HMAC, group commit"
    rates = [
        Figure("a second", per_s["ours"], per_s["original"], 20, "/s", more_is_better=True, peer=flask, floor=FLOOR),
        Figure("a second, bare", per_s["ours"], per_s["bare"], 0.6, "/s", more_is_better=True, peer=bare, floor=FLOOR),
    ]
    return [*rates, Figure("p99", p99_ms["ours"], p99_ms["original"], 0.02, peer=flask, floor=FLOOR)]


def _round(server: Server, folder: Path) -> Round:
    """Ask one server as fast as it answers; what it acknowledged has to be in its database."""
    script, requests = folder / "sending.lua", folder / "requests"
    _write_requests(requests, server, EVENTS[server.name])
    script.write_text(SENDING.format(path=requests), encoding="utf-8")
    server.process.send_signal(signal.SIGCONT)
    before = _stored(server)
    command = [
        "taskset",
        "-c",
        _cores()[1],
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{ROUND_S}s",
        "-s",
        str(script),
        "--timeout",
        "30s",
    ]
    done = subprocess.run([*command, f"http://127.0.0.1:{server.port}"], check=True, capture_output=True, text=True)
    words = next(line for line in done.stdout.splitlines() if line.startswith("bench ")).split()
    answered, took_us, p99_us, errors = map(int, words[1:])
    stored = _stored(server) - before
    server.process.send_signal(signal.SIGSTOP)
    assert not errors, done.stdout
    assert stored >= min(answered, EVENTS[server.name]), f"{server.name}: {answered} acknowledged, {stored} stored"
    return Round(answered * 1e6 / took_us, p99_us / 1000)


def _write_requests(path: Path, server: Server, wanted: int) -> None:
    at_s = int(time.time())
    with path.open("wb") as file:
        for number in (next(numbers) for _ in range(wanted)):
            body = _event(number, at_s)
            signed = hmac.digest(server.secret.encode(), b"%d." % at_s + body, hashlib.sha256).hex()
            head = (
                f"POST /webhooks/stripe HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nAccept: */*; q=0.5, application/xml\r\n"
                "Content-Type: application/json; charset=utf-8\r\nCache-Control: no-cache\r\n"
                f"Content-Length: {len(body)}\r\nStripe-Signature: t={at_s},v1={signed}\r\n\r\n"
            )
            request = head.encode() + body
            file.write(b"%08d" % len(request) + request)


def _event(number: int, at_s: int) -> bytes:
    """A `checkout.session.completed` of somebody else's, as large as Stripe's are."""
    return EVENT.replace(b"NUMBER", b"%012d" % number).replace(b"SECONDS", b"%d" % at_s)


NOTHING = """
after_expiration allow_promotion_codes automatic_surcharge billing_address_collection client_reference_id consent
consent_collection currency_conversion customer_creation discounts expires_at invoice locale origin_context
payment_link payment_method_configuration_details permissions recovered_from saved_payment_method_options
setup_intent shipping_address_collection shipping_cost submit_type subscription ui_mode wallet_options
"""


def _template() -> bytes:
    nothing = NOTHING.split()
    session = dict.fromkeys(nothing) | {
        "id": "cs_test_NUMBER",
        "object": "checkout.session",
        "amount_subtotal": 2500,
        "amount_total": 2500,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": "https://console.example/cancelled",
        "created": 1,
        "currency": "usd",
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": "cus_NUMBER",
        "customer_details": {
            "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
            "email": "someone@uni.example",
            "name": "Someone",
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "invoice_creation": {
            "enabled": False,
            "invoice_data": dict.fromkeys(
                ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
            ),
        },
        "livemode": False,
        "metadata": {},
        "mode": "payment",
        "payment_intent": "pi_NUMBER",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card", "link", "us_bank_account"],
        "payment_status": "paid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "complete",
        "success_url": "https://console.example/paid?session_id={CHECKOUT_SESSION_ID}",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "url": None,
    }
    event = {
        "id": "evt_NUMBER",
        "object": "event",
        "api_version": "2025-03-31.basil",
        "created": "SECONDS",
        "data": {"object": session},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "checkout.session.completed",
    }
    return json.dumps(event, indent=2).encode().replace(b'"SECONDS"', b"SECONDS")


EVENT = _template()


def _stored(server: Server) -> int:
    with closing(sqlite3.connect(server.database)) as file:
        (rows,) = file.execute(f"SELECT count(*) FROM {server.table}").fetchone()
    return int(rows)


def _cores() -> tuple[str, str]:
    first, *rest = sorted(os.sched_getaffinity(0))
    return str(first), str(rest[0] if rest else first)


@contextmanager
def _rival(name: str, module: str, folder: Path) -> Iterator[Server]:
    database = folder / f"{name}.db"
    command = ["taskset", "-c", _cores()[0], sys.executable, "-m", module, str(database), SECRET]
    env = os.environ | {"PYTHONPATH": str(libraries("flask"))}
    with _ended(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Server(name, process, port, SECRET, database, "events")


@contextmanager
def _ours(folder: Path) -> Iterator[Server]:
    ready = folder / "ready.json"
    command = ["taskset", "-c", _cores()[0], sys.executable, "-m", "bioql_console", "serve", "--env", "sandbox"]
    command += ["--port", "0", "--data-dir", str(folder / "data"), "--ready-file", str(ready)]
    with _ended(subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True)) as process:
        wait_until(lambda: ready.exists() or process.poll() is not None, 60)
        said = json.loads(ready.read_text())
        port = int(said["url"].rpartition(":")[2])
        database = Path(said["database"].removeprefix("sqlite:///"))
        yield Server("ours", process, port, said["webhook_secret"], database, "inbox")


@contextmanager
def _ended(process: "subprocess.Popen[str]") -> "Iterator[subprocess.Popen[str]]":
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()
