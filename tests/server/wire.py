"""How deployed clients write their requests, byte for byte, and what kinds of values they read."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.sites import JANES_KEY

PAGE = "https://dashboard.bioql.example"

# Header by header in the order and spelling of each client; {host} and {length} are filled in.
SDK = """\
POST {path} HTTP/1.1
Host: {host}
User-Agent: python-requests/2.31.0
Accept-Encoding: gzip, deflate
Accept: */*
Connection: keep-alive
Content-Type: application/json
X-API-Key: {key}
ngrok-skip-browser-warning: true
Content-Length: {length}

"""
OLD_SDK = """\
POST {path} HTTP/1.1
Accept-Encoding: identity
Content-Length: {length}
Host: {host}
User-Agent: Python-urllib/3.8
Content-Type: application/json
Connection: close

"""
BROWSER_GET = f"""\
GET {{path}} HTTP/1.1
Host: {{host}}
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: */*
Accept-Language: en-US,en;q=0.5
Accept-Encoding: gzip, deflate, br, zstd
Referer: {PAGE}/
authorization: Bearer {{key}}
ngrok-skip-browser-warning: true
Origin: {PAGE}
Connection: keep-alive
Sec-Fetch-Dest: empty
Sec-Fetch-Mode: cors
Sec-Fetch-Site: cross-site

"""
BROWSER_POST = BROWSER_GET.replace("GET", "POST", 1).replace(
    "authorization:", "content-type: application/json\nContent-Length: {length}\nauthorization:"
)
BROWSER_ASKS = f"""\
OPTIONS {{path}} HTTP/1.1
Host: {{host}}
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: */*
Access-Control-Request-Method: POST
Access-Control-Request-Headers: authorization,content-type,ngrok-skip-browser-warning
Referer: {PAGE}/
Origin: {PAGE}
Connection: keep-alive
Sec-Fetch-Dest: empty
Sec-Fetch-Mode: cors
Sec-Fetch-Site: cross-site

"""
CURL = """\
POST {path} HTTP/1.1
Host: {host}
User-Agent: curl/7.88.1
Accept: */*
Content-Type: application/json
Content-Length: {length}

"""
PROBE = "GET {path} HTTP/1.1\nHost: {host}\nUser-Agent: curl/7.88.1\nAccept: */*\n\n"


# --- kinds of values --------------------------------------------------------------------------------------------------


def money(value: Any) -> bool:
    """A JSON number with at most two decimals. Numbers with a point are read as Decimal, so their digits are there."""
    return type(value) is int or (type(value) is Decimal and -2 <= value.as_tuple().exponent <= 0)


def count(value: Any) -> bool:
    return type(value) is int and value >= 0


def text(value: Any) -> bool:
    return type(value) is str and bool(value)


def flag(value: Any) -> bool:
    return type(value) is bool


def text_or_null(value: Any) -> bool:
    return value is None or text(value)


def starts(prefix: str) -> Callable[[Any], bool]:
    return lambda value: text(value) and value.startswith(prefix)


def each(kind: Any) -> Callable[[Any], bool]:
    return lambda value: type(value) is list and bool(value) and all(fits(one, kind) for one in value)


def fits(value: Any, kind: Any) -> bool:
    """Whether a value has exactly the fields of a kind, and each of them is as its kind says."""
    if isinstance(kind, dict):
        return type(value) is dict and set(value) == set(kind) and all(fits(value[name], kind[name]) for name in kind)
    if callable(kind):
        return bool(kind(value))
    return value == kind and isinstance(value, bool) == isinstance(kind, bool)


# --- exchanges --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exchange:
    """A request, and the answer's status and content. `body` is sent as it stands."""

    what: str
    head: str
    path: str
    status: int
    answer: Any
    body: str = ""
    key: str = JANES_KEY

    def request(self, host: str) -> bytes:
        body = self.body.encode()
        head = self.head.format(path=self.path, host=host, key=self.key, length=len(body))
        return head.replace("\n", "\r\n").encode() + body
