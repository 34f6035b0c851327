"""Requests that two programs would read differently: each is refused once, and nothing behind it is read as another."""

import os

import pytest

from tests.attacks.target import GOOD, HOST, Target, get, post
from tests.sites import JANES_KEY

BODY = b'{"api_key": "bioql_x"}'
LENGTH = f"Content-Length: {len(BODY)}"
# Would be answered 200 if anybody took it for a request of its own.
SMUGGLED = GOOD


def headed(*lines: str, path: str = "/auth/validate", version: str = "1.1") -> bytes:
    head = [f"POST {path} HTTP/{version}", "Host: 127.0.0.1", *lines]
    return "".join(f"{line}\r\n" for line in head).encode("latin-1") + b"\r\n"


CHUNKED = headed("Transfer-Encoding: chunked")

CONTRADICTIONS = {
    "length and chunks": headed(LENGTH, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks and length": headed("Transfer-Encoding: chunked", "Content-Length: 4") + b"0\r\n\r\n",
    "two lengths": headed(LENGTH, "Content-Length: 3") + BODY,
    "the same length twice": headed(LENGTH, LENGTH) + BODY,
    "a list of lengths": headed(f"{LENGTH}, {len(BODY)}") + BODY,
    "a negative length": headed("Content-Length: -1") + BODY,
    "a length with a plus": headed(f"Content-Length: +{len(BODY)}") + BODY,
    "a length in hexadecimal": headed("Content-Length: 0x16") + BODY,
    "a length with an underscore": headed("Content-Length: 2_2") + BODY,
    "a length beyond every number": headed(f"Content-Length: {'9' * 40}") + BODY,
    "chunks inside gzip": headed("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "chunks, then identity": headed("Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "identity": headed("Transfer-Encoding: identity") + BODY,
    "chunks, misspelled": headed("Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunks behind a vertical tab": headed("Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "chunks twice": headed("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "a space before the colon": headed("Transfer-Encoding : chunked") + b"0\r\n\r\n",
    "a space before another colon": headed(LENGTH, "X-Note : a") + BODY,
    "a folded line": headed("Transfer-Encoding:", " chunked") + b"0\r\n\r\n",
    "chunks for HTTP/1.0": headed("Transfer-Encoding: chunked", version="1.0") + b"0\r\n\r\n",
    "a line without a colon": headed(LENGTH, "nonsense") + BODY,
    "a null byte in a header": headed(LENGTH, "X-Note: a\0b") + BODY,
    "bare line feeds": headed(LENGTH).replace(b"\r\n", b"\n") + BODY,
    "bare carriage returns": headed(LENGTH).replace(b"\r\n", b"\r") + BODY,
    "a chunk of negative size": CHUNKED + b"-1\r\n",
    "a chunk beyond every number": CHUNKED + b"f" * 20 + b"\r\n",
    "a chunk size with 0x": CHUNKED + b"0x16\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"16\r\n" + BODY + b"more\r\n0\r\n\r\n",
    "a chunk with bare line feeds": CHUNKED + b"16\n" + BODY + b"\n0\n\n",
    "two keys": headed(LENGTH, "X-API-Key: a", "X-API-Key: b") + BODY,
    "two signatures": headed(LENGTH, "Stripe-Signature: a", "Stripe-Signature: b", path="/webhooks/stripe") + BODY,
    "HTTP/2 in clothes of HTTP/1": headed(LENGTH, version="2.0") + BODY,
    "a version of tomorrow": headed(LENGTH, version="1.9") + BODY,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + os.urandom(200),
    "noise": b"\x80" + os.urandom(300),
    "another protocol, with a body": headed(LENGTH, "Connection: Upgrade", "Upgrade: websocket") + BODY,
}


@pytest.mark.fault(
    "Requests",
    "requests whose end two programs see in different places",
    "Each is refused with 400 and the connection ends: what follows is never taken for a request.",
    figure="37 shapes",
)
@pytest.mark.parametrize("shape", CONTRADICTIONS)
def test_what_can_be_read_in_two_ways_is_not_read(target: Target, shape: str) -> None:
    for pieces in ([CONTRADICTIONS[shape] + SMUGGLED], [CONTRADICTIONS[shape], SMUGGLED]):
        answers = target.ask(*pieces, answers=2)
        assert (answers.statuses, answers.ended) == ((400,), True)
        assert '{"error": "' in answers.text


def test_an_upgrade_is_not_made_and_what_follows_it_is_not_read(target: Target) -> None:
    for protocol in ("websocket", "h2c"):
        answers = target.ask(get("/health", "Connection: Upgrade", f"Upgrade: {protocol}"), SMUGGLED, answers=2)
        assert (answers.statuses, answers.ended) == ((200,), True)
    tunnel = b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n"
    assert target.ask(tunnel, SMUGGLED, answers=2).statuses == (400,)


def test_a_refusal_does_not_overtake_what_was_asked_before(target: Target) -> None:
    run = b'{"api_key": "%s", "shots": 1, "backend": "simulator"}' % JANES_KEY.encode()
    answers = target.ask(post("/billing/record-usage", run) + b"nonsense\r\n\r\n" + SMUGGLED, answers=2)
    assert (answers.statuses, answers.ended) == ((200,), True)
    assert '"recorded":true' in answers.text


def test_what_is_refused_by_us_and_framed_well_leaves_the_connection_in_step(target: Target) -> None:
    for refused, status in (
        (post("/auth/validate", b"no object"), 400),
        (post("/nothing", SMUGGLED), 404),
        (post("/auth/validate", SMUGGLED * 1_500), 413),
    ):
        answers = target.ask(refused, GOOD, answers=2)
        assert answers.statuses == (status, 200)


def test_a_trailer_is_no_header(target: Target) -> None:
    chunks = b"2\r\n{}\r\n0\r\nX-API-Key: %s\r\nHost: evil.example\r\n\r\n" % JANES_KEY.encode()
    assert target.ask(CHUNKED + chunks).status == 401
    assert (
        target.ask(CHUNKED.replace(b"Transfer", b"X-API-Key: %s\r\nTransfer" % JANES_KEY.encode()) + chunks).status
        == 200
    )


@pytest.mark.fault(
    "Requests",
    "thousands of requests in one breath on one connection",
    "A few are queued; then the connection ends, and memory stays as it was.",
    figure="5,000 sent at once, fewer than 50 answered",
)
def test_a_flood_of_pipelined_requests_ends_the_connection(target: Target) -> None:
    answers = target.ask(GOOD * 5_000, answers=5_000)
    assert answers.ended
    assert set(answers.statuses) == {200}
    assert len(answers.statuses) < 50
