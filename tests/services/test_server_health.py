"""Asking a server how it is: each answer means something, and none can break or hold the one who asks."""

import gzip
import json
import socket
import threading
import time
from typing import Any

import pytest

from bioql_console.services.server_health import LARGEST_ANSWER, RESTART, check
from tests.services.loopback import answering, free_port, http, saying

WELL = {"status": "healthy", "stripe_enabled": True, "stripe_webhooks_enabled": True, "version": "3.0.0-stripe"}


def look(**changes: Any) -> Any:
    """The report on a server that answers so; None leaves a line out."""
    health = {name: value for name, value in (WELL | changes).items() if value is not None}
    with saying(http(json.dumps(health).encode())) as address:
        return check(address)


def test_healthy_server() -> None:
    report = look(database="connected", service="bioql")
    assert report.healthy
    assert (report.words, report.cure) == ("The server is healthy.", "")
    assert (report.version, report.database) == ("3.0.0-stripe", "connected")
    assert report.latency_ms is not None


def test_the_incident_is_seen_and_said() -> None:
    report = look(stripe_enabled=False, stripe_webhooks_enabled=False)
    assert report.reachable
    assert not report.healthy
    assert report.words.startswith("It was started without its Stripe credentials")
    assert "customers can't pay" in report.words
    assert report.cure == RESTART


def test_half_of_the_incident() -> None:
    report = look(stripe_webhooks_enabled=False)
    assert not report.healthy
    assert report.words == "It was started without its webhook secret: payments are made but not noticed."
    assert report.cure == RESTART


def test_older_server_that_does_not_say() -> None:
    report = look(stripe_enabled=None, stripe_webhooks_enabled=None)
    assert (report.stripe_enabled, report.webhooks_enabled) == (None, None)
    assert "does not say" in report.words
    assert report.cure


@pytest.mark.parametrize("value", ["true", "false", 1, 0, [], {}])
def test_only_true_and_false_count_as_an_answer(value: object) -> None:
    assert look(stripe_enabled=value).stripe_enabled is None


@pytest.mark.parametrize("state", ["unavailable", "disconnected"])
def test_server_without_its_database_is_not_healthy(state: str) -> None:
    report = look(database=state)
    assert not report.healthy
    assert state in report.words
    assert report.cure


def test_long_words_of_a_server_are_cut() -> None:
    assert len(look(version="9" * 500).version) == 60


@pytest.mark.parametrize("end", ["", "/", "/health", "/health/"])
def test_address_with_and_without_health(end: str) -> None:
    asked = []

    def answer(connection: socket.socket, _: threading.Event) -> None:
        asked.append(connection.recv(65_536).split(b" ")[1])
        connection.sendall(http(json.dumps(WELL).encode()))

    with answering(answer) as address:
        assert check(address + end).healthy
    assert asked == [b"/health"]


# --- something else answers -------------------------------------------------------------------------------------------

STRANGE = {
    "a web page": http(b"<html>It works!</html>"),
    "an error page": http(b"<html>Bad gateway</html>", "502 Bad Gateway"),
    "a healthy body with an error": http(json.dumps(WELL).encode(), "503 Service Unavailable"),
    "elsewhere": http(b"", "302 Found", "Location: http://127.0.0.1:1/health"),
    "nothing": http(b"", "204 No Content"),
    "a list": http(b"[1, 2]"),
    "another program's object": http(b'{"ok": true}'),
    "a number": http(b"7"),
    "no UTF-8": http(b'{"status": "\xff\xfe"}'),
    "nested without end": http(b"[" * 60_000),
    "more than anybody needs": http(b'{"status": "' + b"x" * 5_000_000 + b'"}'),
    "a bomb": http(gzip.compress(b" " * 20_000_000), "200 OK", "Content-Encoding: gzip"),
    "broken compression": http(b"not gzip", "200 OK", "Content-Encoding: gzip"),
    "cut off": http(json.dumps(WELL).encode())[:-10],
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no answer": b"",
}


@pytest.mark.parametrize("what", STRANGE)
def test_whatever_else_answers_is_not_a_healthy_server(what: str) -> None:
    with saying(STRANGE[what]) as address:
        report = check(address)
    assert not report.reachable
    assert not report.healthy
    assert report.words
    assert report.cure


def test_answer_is_read_only_so_far() -> None:
    sent = 0

    def pour(connection: socket.socket, over: threading.Event) -> None:
        nonlocal sent
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            sent += connection.send(b"x" * 1000)

    with answering(pour) as address:
        assert not check(address).reachable
    assert sent < 100 * LARGEST_ANSWER


# --- nobody answers ---------------------------------------------------------------------------------------------------


def test_nobody_there() -> None:
    report = check(f"http://127.0.0.1:{free_port()}")
    assert not report.reachable
    assert report.words == "No server answers at this address."
    assert "Server page" in report.cure


def test_server_that_hangs_costs_the_deadline_and_no_more() -> None:
    with answering(lambda _, over: over.wait(10)) as address:
        started = time.monotonic()
        report = check(address, timeout_s=0.3)
    assert report.words == "The server does not answer within 0.3 s."
    assert time.monotonic() - started < 2


def test_server_that_trickles_costs_the_deadline_and_no_more() -> None:
    """Each byte comes in time, the whole never would."""

    def trickle(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.02):
            connection.sendall(b"x")

    with answering(trickle) as address:
        started = time.monotonic()
        report = check(address, timeout_s=0.3)
    assert report.words == "The server does not answer within 0.3 s."
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "http://", "ftp://127.0.0.1", "http://[", "http://127.0.0.1:99999", "http://127.0.0.1:x",
     "http://a b", "http://\n", "http://\x00", "file:///health", "http://ö" + "x" * 300, "http://." ],
)  # fmt: skip
def test_address_that_is_none_is_said_and_not_thrown(url: str) -> None:
    report = check(url, timeout_s=0.5)
    assert not report.reachable
    assert "Settings" in report.cure


def test_proxy_of_the_machine_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert look().healthy
