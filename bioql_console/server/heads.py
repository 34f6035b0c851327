"""Which request heads are answered at all: those that every program before and behind us reads alike."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

LARGEST_HEAD = 32 * 1024
MOST_HEADERS = 100

# Sent twice, one reader takes the first and another the last.
SINGLE = frozenset(
    (
        b"authorization",
        b"content-encoding",
        b"content-type",
        b"host",
        b"origin",
        b"stripe-signature",
        b"transfer-encoding",
        b"x-api-key",
    )
)
VERSIONS = ("1.0", "1.1")
# Letters that an address may hold as they are, beside those that always may.
PLAIN = "/:@!$&'()*+,;=~"


class Refusal(NamedTuple):
    """The answer to what is no request, after which the connection ends."""

    status: int
    sentence: str


NO_HTTP = Refusal(400, "This is no HTTP request")
TOO_LARGE_HEAD = Refusal(431, "The head of the request is too large")


def refusal_of(version: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], upgrade: bool) -> Refusal | None:
    """Why a head is not answered; None when nobody can take it for something else.

    The parser has refused contradicting lengths, control characters and odd line ends already.

    Args:
        headers: Names in lower case.
        upgrade: Whether it asks for another protocol.
    """
    if version not in VERSIONS:
        return Refusal(400, "Only HTTP/1.0 and HTTP/1.1 are spoken here")
    values = dict(headers)
    if len(values) < len(headers):
        times = Counter(name for name, _ in headers)
        for name in SINGLE & times.keys():
            if times[name] > 1:
                return Refusal(400, f"The header {name.decode()} may be there only once")
    host = values.get(b"host")
    if host is None and version != "1.0":
        return Refusal(400, "The header host is missing")
    coding = values.get(b"transfer-encoding")
    if coding is not None and (coding.strip().lower() != b"chunked" or version == "1.0"):
        return Refusal(400, "Bodies are sent plain or chunked, and in no other way")
    if b"#" in target:
        return Refusal(400, "An address here has no part after a #")
    if not _is_of(target, host or b""):
        return Refusal(400, "The address and the header host name different servers")
    if upgrade and (coding is not None or values.get(b"content-length", b"0").strip(b"0")):
        return Refusal(400, "Another protocol can't be asked for together with a body")
    return None


def _is_of(target: bytes, host: bytes) -> bool:
    """Whether a request's target, if it names a server as requests to proxies do, names that of the Host header."""
    if target.startswith(b"/") or target == b"*":
        return True
    _, _, rest = target.partition(b"://")
    return rest.partition(b"/")[0].partition(b"?")[0].lower() == host.lower()


def has_one_spelling(raw_path: bytes) -> bool:
    """Whether a path is written in the one way that it should be.

    `/%61uth` and `/billing%2fusage` would be routes of ours under names that a proxy's rules don't know.
    """
    if b"%" not in raw_path:
        return True
    return quote(unquote(raw_path.decode("ascii")), safe=PLAIN).encode().lower() == raw_path.lower()
