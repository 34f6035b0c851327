"""Clients that keep the server waiting, alone or by the thousand: they lose their place, and nobody else notices."""

import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bioql_console.server.connection import BODY_S, HEAD_S, IDLE_S, LINGER_S
from tests.attacks.target import GOOD, HOST, SECONDS, Target, serving
from tests.sites import JANES_KEY

MANY = 5_000
SHORT = b"POST /%s HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n"

# What is sent at first, and a byte that goes on coming; None when nothing does.
SLOW: dict[str, tuple[bytes, bytes | None]] = {
    "nothing at all": (b"", None),
    "half a line": (b"GET /hea", None),
    "HTTP/0.9": (b"GET /health\r\n", None),
    "line ends": (b"", b"\r\n"),
    "a header, byte by byte": (b"GET /health HTTP/1.1\r\n" + HOST + b"X-Note: ", b"a"),
    "a header after an answer": (GOOD + b"GET /health HTTP/1.1\r\n", b"a"),
    "no body for the API": (SHORT % b"auth/validate", None),
    "a body for the API, byte by byte": (SHORT % b"auth/validate", b" "),
    "a body for the webhook, byte by byte": (SHORT % b"webhooks/stripe", b" "),
    "a body that nobody reads": (SHORT % b"nothing", b" "),
    "a body that is promised": (
        SHORT.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n") % b"auth/validate",
        None,
    ),
    "a body after its refusal": (b"POST /auth/validate HTTP/1.1\r\n" + HOST + b"Content-Length: 99999\r\n\r\n", b" "),
    "chunks, byte by byte": (b"POST /auth/validate HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1", b"0"),
}
BOUND_S = max(IDLE_S, HEAD_S, BODY_S) + LINGER_S


@pytest.mark.fault(
    "Requests",
    "slowloris: heads, bodies and pauses drawn out, byte by byte or with nothing at all",
    "Each connection ends after 10 to 20 seconds with 408 or nothing, whatever it sends; others are served meanwhile.",
    figure="13 ways at once, none over 21 s",
)
def test_whoever_draws_it_out_is_shown_the_door_and_others_are_served(target: Target) -> None:
    began_s = time.monotonic()
    with ExitStack() as stack, selectors.DefaultSelector() as waiting:
        for what, (first, drip) in SLOW.items():
            wire = stack.enter_context(target.connect())
            wire.sendall(first)
            wire.setblocking(False)
            waiting.register(wire, selectors.EVENT_READ, (what, drip))
        served = 0
        while waiting.get_map():
            assert time.monotonic() < began_s + BOUND_S + 10, [key.data[0] for key in waiting.get_map().values()]
            for key, _ in waiting.select(0.25):
                if _is_over(key.fileobj):  # type: ignore[arg-type]
                    waiting.unregister(key.fileobj)
            for key in list(waiting.get_map().values()):
                if key.data[1] is not None:
                    _drip(key.fileobj, key.data[1])  # type: ignore[arg-type]
            assert target.ask(GOOD).status == 200
            served += 1
        assert served > 10


def _is_over(wire: socket.socket) -> bool:
    try:
        return not wire.recv(65_536)
    except ConnectionError:
        return True


def _drip(wire: socket.socket, byte: bytes) -> None:
    try:
        wire.send(byte)
    except OSError:
        return  # it is over; the next look finds it so


def test_whoever_reads_no_answers_is_cut_off(target: Target) -> None:
    before = target.memory_kib()
    with target.connect() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        wire.setblocking(False)
        try:
            while True:
                wire.send(b"GET /dashboard.html HTTP/1.1\r\n" + HOST + b"\r\n")
        except OSError:
            pass
        assert target.ask(GOOD).status == 200
        assert target.memory_kib() < before + 32 * 1024


# --- crowds -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may open more than there will be connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < MANY + 500:
        pytest.skip(f"this system lets a program open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, MANY + 500), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def crowd(target: Target, stack: ExitStack, count: int, opening: Callable[[int], bytes]) -> list[socket.socket]:
    wires = []
    for number in range(count):
        wire = stack.enter_context(target.connect())
        wires.append(wire)
        try:
            wire.sendall(opening(number))
        except OSError:  # it had to give way already
            continue
    return wires


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that was started with room for 1,024 files, as many systems do."""
    with serving(tmp_path_factory.mktemp("narrow"), "bash", "-c", 'ulimit -Sn 1024; exec "$@"', "bash") as target:
        yield target


@pytest.mark.fault(
    "Requests",
    "5,000 connections that say nothing, or draw out a head or a body",
    "Good requests are answered: whoever keeps the server waiting longest gives way, and the log says so in one line.",
    figure="5,000 at once, at most 2,000 held, memory +64 MiB at most",
)
def test_a_crowd_that_says_nothing_keeps_nobody_out(narrow: Target, many_files: None) -> None:
    before = narrow.memory_kib()
    openings = (b"", b"GET /health HTTP/1.1\r\n", (SHORT % b"auth/validate") + b" " * 500)
    known = b"GET /auth/user HTTP/1.1\r\n%sAuthorization: Bearer %s\r\n\r\n" % (HOST, JANES_KEY.encode())
    with ExitStack() as stack:
        for part in range(10):
            crowd(narrow, stack, MANY // 10, lambda number: openings[number % len(openings)])
            assert narrow.ask(GOOD).status == 200, part
            assert narrow.ask(known).status == 200, part
        held = len(list(Path(f"/proc/{narrow.process.pid}/fd").iterdir()))
        assert held < 2_256
        assert narrow.memory_kib() < before + 64 * 1024
    assert narrow.log().count("connections are taken; those that wait longest give way") == 1
    narrow.is_well()


@pytest.mark.fault(
    "Requests",
    "a crowd of bodies that are never finished",
    "They may fill 64 MiB together; who sends more is answered 503 and asked to come back.",
    figure="500 bodies of 200 kB; memory grew by less than 160 MiB",
)
def test_unfinished_bodies_fill_no_memory(narrow: Target, many_files: None) -> None:
    before = narrow.memory_kib()
    opening = b"POST /webhooks/stripe HTTP/1.1\r\n" + HOST + b"Content-Length: 262144\r\n\r\n" + b" " * 200_000
    with ExitStack() as stack:
        wires = crowd(narrow, stack, 500, lambda number: opening)
        wires[-1].settimeout(SECONDS)
        assert b" 503 " in wires[-1].recv(65_536)
        assert narrow.ask(GOOD).status == 200
        assert narrow.memory_kib() < before + 160 * 1024
    narrow.is_well()
