"""Stripe answers wrongly, half, late or not at all: a raw server on loopback behind the real client."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.services.stripe_gateway import StripeGateway, _Door
from bioql_console.services.stripe_transport import Limits
from tests.services.loopback import answering, http
from tests.waiting import wait_until

KEY = "rk_test_obviouslyfake"
FAILURE = b'{"error": {"type": "api_error", "message": "Something went wrong."}}'
LIMITS = Limits(connect_s=2, read_s=0.3, network_retries=2, rate_limit_retries=3)
MADE = b'{"id": "mtr_1", "object": "billing.meter", "livemode": false}'
# Half an answer may be asked for again, as a broken connection is.
LONGEST_TRIES = 4
Trouble = Callable[[socket.socket, threading.Event], None]


def say(answer: bytes) -> Trouble:
    return lambda connection, _over: connection.sendall(answer)


def reset(connection: socket.socket, _over: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def hang(_connection: socket.socket, over: threading.Event) -> None:
    over.wait(0.4)


TROUBLES: dict[str, tuple[Trouble, int, str]] = {
    "429": (say(http(FAILURE, "429 Too Many Requests", "Retry-After: 1")), 4, "Stripe asks us to slow down."),
    "500": (say(http(FAILURE, "500 Internal Server Error")), 3, "Stripe has a problem of its own (HTTP 500)."),
    "502 of a proxy": (say(http(b"<html>Bad gateway</html>", "502 Bad Gateway")), 3, "problem of its own (HTTP 502)"),
    "connection reset": (reset, 3, "Stripe can't be reached."),
    "no answer": (hang, 3, "Stripe did not answer in time."),
    "half an answer": (say(http(MADE)[:-20]), 1, ""),
    "sign-in page": (say(http(b"<html>Welcome to the hotel</html>")), 1, "was not Stripe, or its answer was cut off"),
}


class Asked:
    """What came over the wire."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def note(self, connection: socket.socket) -> None:
        head = connection.recv(65_536).decode("latin-1")
        self.keys += re.findall(r"(?i)^idempotency-key: (\S+)", head, re.MULTILINE)


@contextmanager
def gateway_before(trouble: Trouble, times: int = 99) -> Iterator[tuple[StripeGateway, Asked]]:
    """A gateway whose Stripe is in trouble that often, and answers well afterwards."""
    asked = Asked()

    def answer(connection: socket.socket, over: threading.Event) -> None:
        asked.note(connection)
        if len(asked.keys) <= times:
            trouble(connection, over)
        else:
            connection.sendall(http(MADE))

    with answering(answer) as url:
        gateway = StripeGateway(KEY, Environment.TEST, base=url, limits=LIMITS)
        door: _Door = gateway.v1._requestor._client
        door._sleep_time_seconds = lambda *_: 0  # type: ignore[method-assign, assignment]
        try:
            yield gateway, asked
        finally:
            gateway.close()


@pytest.mark.fault(
    "Stripe",
    "Stripe answers 429, 500, 502, half, with a sign-in page, not at all, or cuts the connection, for good",
    "The call ends in bounded time, after at most four tries under one idempotency key, with a sentence and a cure.",
    figure="7 troubles",
)
@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_that_lasts_ends_with_a_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioql_console.services.stripe_transport.asked_pause_ms", lambda _headers: 1)
    trouble, tries, words = TROUBLES[name]
    with gateway_before(trouble) as (gateway, asked):
        with pytest.raises(OperatorError) as told:
            gateway.rename_meter("mtr_1", "Shots")
        assert words in told.value.what
        assert told.value.fix
        assert told.value.code.startswith("stripe.")
        wait_until(lambda: len(asked.keys) >= tries)
        assert len(asked.keys) <= LONGEST_TRIES
        assert len(set(asked.keys)) == 1, "a repeat is the same call to Stripe"
        assert KEY not in f"{told.value.what} {told.value.fix}"


@pytest.mark.fault(
    "Stripe",
    "Stripe answers 429, 500, 502, nothing, or cuts the connection, once",
    "The call is made again under the same idempotency key and succeeds; nobody notices.",
    figure="5 troubles, 2 tries under 1 key each",
)
@pytest.mark.parametrize("name", ["429", "500", "502 of a proxy", "connection reset", "no answer"])
def test_trouble_that_passes_is_not_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioql_console.services.stripe_transport.asked_pause_ms", lambda _headers: 1)
    with gateway_before(TROUBLES[name][0], times=1) as (gateway, asked):
        gateway.rename_meter("mtr_1", "Shots")
        assert len(asked.keys) == 2
        assert len(set(asked.keys)) == 1
