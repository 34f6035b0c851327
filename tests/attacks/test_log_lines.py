"""What strangers send does not write the operator's log: not its lines, not its length, and no secret."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bioql_console.server.crowd import Tally
from bioql_console.services.logs import FORMAT, RedactingFormatter
from tests.attacks.target import Target, get, post, serving
from tests.sites import JANES_KEY

FORGED = "\r\n2026-01-01 00:00:00,000 INFO bioql_console: Forged\r\n"
ESCAPES = "\x1b[2J\x1b[31mred\x07\x08\u202egpj.exe\u2028"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Target]:
    """A server whose log nobody else has written to."""
    with serving(tmp_path) as target:
        yield target


@pytest.mark.fault(
    "Requests",
    "thousands of malformed requests, with forged log lines, terminal codes and keys in every place",
    "The log grows by one line for each kind and minute, in our own words: no text, key or line of theirs is in it.",
    figure="2,000 requests, at most 6 lines",
)
def test_a_flood_writes_a_handful_of_our_own_lines(alone: Target) -> None:
    before = len(alone.log().splitlines())
    evil = (FORGED + ESCAPES + JANES_KEY).encode()
    for _ in range(250):
        alone.ask(b"GET /" + evil)
        alone.ask(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Note: \0" + evil)
        alone.ask(get("/?" + FORGED.replace("\r\n", "%0d%0a").replace(" ", "%20"), "Host: evil.example"))
        alone.ask(get("/%0d%0aForged", "User-Agent: Forged\x1b[2J"))
        alone.ask(get("/auth/user", f"Authorization: Bearer Forged{JANES_KEY}"))
        alone.ask(post("/auth/validate", b'{"api_key": "Forged\\r\\nForged"}', f"X-Forwarded-For: Forged{JANES_KEY}"))
        alone.ask(post("/webhooks/stripe", evil, "Stripe-Signature: t=1,v1=Forged"))
        alone.ask(post("/billing/record-usage", b'{"api_key": "x", "backend": "Forged\\n"}'))
    said = alone.log().splitlines()[before:]
    assert len(said) <= 6, said
    assert not [line for line in said if "Forged" in line or JANES_KEY[6:] in line or "\x1b" in line]
    alone.is_well()


# --- a line of the log ------------------------------------------------------------------------------------------------


def written(message: str, error: Exception | None = None) -> list[str]:
    """The lines of a file into which a record with this text was written."""
    info = None
    if error is not None:
        try:
            raise error
        except type(error):
            info = sys.exc_info()
    record = logging.LogRecord("bioql_console", logging.ERROR, __file__, 1, "It says %s", (message,), info)
    return RedactingFormatter(FORMAT).format(record).encode("utf-8").decode("utf-8").splitlines()


@pytest.mark.fault(
    "Requests",
    "text with line ends, terminal codes, hidden or turned letters or half characters in a log record",
    "It stays within its record: further lines are indented, and what is no plain letter is written out.",
    figure="100 random texts, each as a message and in a traceback",
)
@given(st.text(st.characters(codec=None), max_size=80))
@example(FORGED + ESCAPES)
@example("\x85\x0b\x0c\x1c\x1d\x1e\u2029\ud800\x00")
def test_only_a_record_begins_a_line(text: str) -> None:
    for lines in (written(text), written("so", ValueError(text))):
        first, *more = lines
        assert first[:4].isdigit()
        assert all(line.startswith("    ") for line in more)
        assert not [letter for line in lines for letter in line if ord(letter) < 32 or letter in "\u202e\u200f\ufeff"]


# --- counting ---------------------------------------------------------------------------------------------------------


@pytest.mark.expected_logs("Too large", "Too slow")
def test_trouble_is_said_at_once_and_then_by_the_minute(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [100.0]
    tally = Tally(lambda: now_s[0])
    for _ in range(1_000):
        tally.note("Too large")
    tally.note("Too slow")
    now_s[0] += 60
    tally.note("Too large")
    said = [record.getMessage() for record in caplog.records]
    assert said == ["Too large", "Too slow", "Too large (1000 times since the last of these lines)"]
