"""Bodies that are too large, compressed, nested or endless: refused in words, in bounded memory."""

import gzip
import json
import subprocess
import sys

import pytest

from bioql_console.services.signature import sign
from tests.attacks.target import GOOD, HOST, Target, post
from tests.sites import JANES_KEY

MIB = 1024 * 1024
BOMB = gzip.compress(b" " * 50 * MIB)


def chunked(path: str, chunks: bytes) -> bytes:
    return b"POST %s HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (path.encode(), HOST) + chunks


@pytest.mark.fault(
    "Requests",
    "compressed bodies, such as 48 KiB that become 50 MiB",
    "They are refused with 415 and never unpacked, by the API and by the webhook endpoint.",
    figure="6 codings on 4 routes; memory grew by less than 16 MiB",
)
def test_nothing_is_unpacked(target: Target) -> None:
    before = target.memory_kib()
    assert len(BOMB) < 64 * 1024
    for path in ("/auth/validate", "/auth/register", "/billing/record-usage", "/webhooks/stripe"):
        for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"):
            assert target.ask(post(path, BOMB, f"Content-Encoding: {coding}")).status == 415
    assert target.memory_kib() < before + 16 * 1024


@pytest.mark.fault(
    "Requests",
    "bodies beyond their size, with a length, in chunks, or with a length that is a lie",
    "They are refused with 413 at 64 KiB, webhooks at 256 KiB, and what comes after that is thrown away or cut off.",
    figure="up to 62 MiB sent, refused at 64 and 256 KiB; memory grew by less than 16 MiB",
)
@pytest.mark.parametrize(("path", "largest"), [("/auth/validate", 64 * 1024), ("/webhooks/stripe", 256 * 1024)])
def test_bodies_have_a_size(target: Target, path: str, largest: int) -> None:
    before = target.memory_kib()
    head = b"POST %s HTTP/1.1\r\n%sContent-Length: " % (path.encode(), HOST)
    assert target.ask(head + b"999999999999999\r\n\r\n").status == 413
    assert target.ask(post(path, b" " * (largest + 1)), GOOD, answers=2).statuses == (413, 200)
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert target.ask(chunked(path, chunk * (largest // 0x10000 + 1) + b"0\r\n\r\n")).status == 413
    endless = target.ask(chunked(path, b""), *[chunk] * 1_000, answers=2)
    assert (set(endless.statuses) <= {413}, endless.ended) == (True, True)
    assert target.memory_kib() < before + 16 * 1024


@pytest.mark.fault(
    "Requests",
    "a small body in a large wrapping: chunks of one byte, long extensions, endless trailers",
    "The connection ends at 2 MiB, whatever they say.",
    figure="3 wrappings, 10 MB and more sent of each",
)
@pytest.mark.parametrize(
    "wrapping", [b"1;" + b"a" * 60_000 + b"\r\n \r\n", b"1\r\n \r\n" * 10_000, b"0\r\n" + b"X-Note: a\r\n" * 6_000]
)
def test_wrappings_have_a_size(target: Target, wrapping: bytes) -> None:
    pieces = [wrapping] if wrapping.startswith(b"0") else [wrapping] * 200
    if wrapping.startswith(b"0"):
        pieces += [b"X-Note: a\r\n" * 6_000] * 200
    answers = target.ask(chunked("/auth/validate", b""), *pieces, answers=2)
    assert answers.ended
    assert set(answers.statuses) <= {413}


DEEP = b"[" * 30_000 + b"]" * 30_000
ODD = [
    b"",
    b"null",
    b"[]",
    b"\xff\xfe{}",
    b'{"api_key": "\\ud800"}',
    b'{"api_key": ["x"]}',
    b'{"api_key": {"a": 1}}',
    b'{"api_key": 1e999999999}',
    b'{"api_key": NaN}',
    b'{"api_key": ' + b"9" * 60_000 + b"}",
    DEEP,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
]
ODD_RUNS = [
    b'{"api_key": "%s", "shots": 1e99999999, "backend": "simulator"}' % JANES_KEY.encode(),
    b'{"api_key": "%s", "shots": 1, "backend": "\\u0000"}' % JANES_KEY.encode(),
    b'{"api_key": "%s", "shots": 1, "backend": "simulator", "usage_id": "\\ud800"}' % JANES_KEY.encode(),
    b'{"api_key": "%s", "shots": true, "backend": ["simulator"]}' % JANES_KEY.encode(),
]


@pytest.mark.fault(
    "Requests",
    "JSON that is deep, endless in digits, not a number, half a character, or no object",
    "It is refused with 400 or 401; it is never a failure of ours.",
    figure="12 bodies on 6 routes and 4 runs, 0 answers of 500",
)
def test_odd_json_is_refused(target: Target) -> None:
    paths = ("/auth/register", "/auth/validate", "/billing/check-limits", "/webhooks/stripe")
    for path in paths:
        for body in ODD:
            assert target.ask(post(path, body)).status in (400, 401), (path, body[:60])
    for body in ODD_RUNS:
        assert target.ask(post("/billing/record-usage", body)).status == 400, body
    bearer = f"Authorization: Bearer {JANES_KEY}"
    for path in ("/billing/create-payment", "/support/ticket"):
        for body in ODD:
            assert target.ask(post(path, body, bearer)).status == 400, (path, body[:60])


@pytest.mark.fault(
    "Events",
    "a signed event with amounts beyond every ledger, half characters or null bytes in its ids",
    "It is stored, acknowledged and put aside with the reason; it is never a failure of ours.",
    figure="9 values in 7 places of 4 kinds of event, 0 answers of 500",
)
@pytest.mark.parametrize("kind", ["checkout.session.completed", "invoice.paid", "charge.refunded", "customer.updated"])
def test_signed_nonsense_is_put_aside(target: Target, kind: str) -> None:
    odd: tuple[object, ...] = (10**30, -(10**30), 10**19, 1e300, True, "\ud800", "a\0b", [1], {"id": "\ud800"})
    for number, value in enumerate(odd):
        names = ("id", "customer", "payment_intent", "amount", "amount_total", "amount_paid", "created")
        content = {"object": "checkout.session", **dict.fromkeys(names, value)}
        found = {"id": f"evt_{kind}_{number}", "object": "event", "type": kind, "livemode": False}
        body = json.dumps({**found, "data": {"object": content}}).encode()
        signature = sign(body, target.ready["webhook_secret"], target.now_ms())
        assert target.ask(post("/webhooks/stripe", body, f"Stripe-Signature: {signature}")).status == 200
    command = [sys.executable, "-m", "bioql_console", "verify", "--data-dir", str(target.data_dir)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
