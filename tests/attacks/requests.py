"""What a fuzzer sends: requests that are nearly right, in pieces, with bytes that were changed on the way."""

import json
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bioql_console.server.operations import OPERATIONS
from tests.sites import JANES_ID, JANES_KEY

Pieces = list[bytes]

METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "CONNECT", "PATCH", "get", "")
ROUTES = [(each.method, each.path.replace("{user_id}", str(JANES_ID))) for each in OPERATIONS]
VERSIONS = ("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "http/1.1", "")
SCRAPS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"\t",
    b"\x0b",
    b"\xff",
    b"%00",
    b"%2f",
    b"..",
    b"/",
    b"#",
    b";",
    b"0",
)
KEYS = (JANES_KEY, "bioql_dev_x", "bioql_wrong", "", "\xe9", "x" * 201)
LINES = (
    "Host: evil.example",
    "Host: 127.0.0.1",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Content-Length: 0",
    "Content-Length: -1",
    "Content-Encoding: gzip",
    "Content-Type: text/plain",
    "Origin: https://evil.example",
    "Origin: null",
    "Sec-Fetch-Site: cross-site",
    "Access-Control-Request-Method: POST",
    "X-Forwarded-For: 1.2.3.4",
    "Stripe-Signature: t=1,v1=00",
    "Cookie: a=b",
    "X-Note: \x80\xff",
)

# Values for any field, right for some and wrong for most.
VALUES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 10, 350.0, 0.1, 1e300, 10**30, -(10**30), float("nan"), float("inf")),
    *("", " ", "x", "simulator", "ibm_torino", "high", "eve@uni.example", "usd", "paid", "pi_1", "cus_demo0000001"),
    *("\0", "\ud800", "\u202e", "é", "x" * 300, "9" * 5_000, "1e999999999", "<b>", "'; --", "../..", "{}", "\r\nX: y"),
    *([], {}, [1], {"a": 1}, [[[[]]]], {"id": "pi_1"}, {"user_id": "2"}, {"$gt": 0}, ["x"] * 50),
)
values = st.sampled_from(VALUES)
FIELDS = (
    *("api_key", "shots", "shots_executed", "requested_shots", "backend", "usage_id", "success", "amount"),
    *("name", "email", "payment_method_id", "priority", "subject", "message"),
)


fields = st.tuples(st.sampled_from(FIELDS), values)


@st.composite
def bodies(draw: DrawFn) -> bytes:
    """JSON of the API's fields, with values that fit and others; sometimes no JSON at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=40))
    found = dict(draw(st.lists(fields, max_size=3)))
    if draw(st.booleans()):
        found |= {"api_key": draw(st.sampled_from(KEYS)), "shots": draw(st.integers(-1, 10)), "backend": "simulator"}
    return json.dumps(found).encode()


EVENT_TYPES = (
    *("checkout.session.completed", "checkout.session.expired", "invoice.paid", "invoice.created", "charge.refunded"),
    *("refund.updated", "charge.dispute.created", "customer.updated", "customer.subscription.deleted", "x.y", ""),
)


@st.composite
def events(draw: DrawFn) -> bytes:
    """Events of Stripe's, nearly."""
    names = ("id", "object", "customer", "amount", "amount_total", "payment_intent", "currency", "status", "metadata")
    content = dict(draw(st.lists(st.tuples(st.sampled_from(names), values), max_size=4)))
    found: dict[str, object] = {
        "id": draw(st.text("ev_01", min_size=1, max_size=12)),
        "object": "event",
        "type": draw(st.sampled_from(EVENT_TYPES)),
        "livemode": draw(st.sampled_from((False, False, True))),
        "created": draw(st.sampled_from((1_790_000_000, "2026-01-01T00:00:00Z", "soon", -1, 10**30, None))),
        "data": {"object": content},
    }
    if draw(st.integers(0, 3)) == 0:
        found[draw(st.sampled_from(sorted(found)))] = draw(values)
    return json.dumps(found).encode()


@st.composite
def requests(draw: DrawFn, sign: Callable[[bytes], str] | None = None) -> bytes:
    """One request.

    Args:
        sign: Makes the signature of an event, so that some are believed.
    """
    if sign is not None and draw(st.integers(0, 7)) == 0:
        body = draw(events())
        return _request("POST", "/webhooks/stripe", "HTTP/1.1", [f"Stripe-Signature: {sign(body)}"], body)
    method, path = draw(st.sampled_from(ROUTES))
    method = draw(st.sampled_from((method,) * 12 + METHODS))
    version = draw(st.sampled_from(VERSIONS[:1] * 12 + VERSIONS))
    path += draw(st.sampled_from(("",) * 8 + ("/", "?limit=2", "?after=1-1", "%20", "/../x", "?%00", "#a", "//")))
    lines = draw(st.lists(st.sampled_from(LINES), max_size=2)) if draw(st.booleans()) else []
    lines += [f"Authorization: Bearer {draw(st.sampled_from(KEYS))}"]
    body = draw(bodies()) if method not in ("GET", "HEAD") else b""
    request = _request(method, path, version, lines, body, chunked=draw(st.integers(0, 4)) == 0)
    return _damaged(draw, request) if draw(st.booleans()) else request


def _request(method: str, path: str, version: str, lines: list[str], body: bytes, chunked: bool = False) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = "".join(f"{line}\r\n" for line in (f"{method} {path} {version}", "Host: 127.0.0.1", length, *lines))
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked and body else body
    return head.encode("latin-1") + b"\r\n" + framed


def _damaged(draw: DrawFn, request: bytes) -> bytes:
    """Something taken out, put in, or there twice."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(request) - 1)))
        scrap = draw(st.sampled_from(SCRAPS) | st.binary(min_size=1, max_size=3))
        until = min(len(request), place + draw(st.integers(0, 6)))
        request = draw(
            st.sampled_from(
                (
                    request[:place] + scrap + request[place:],
                    request[:place] + request[until:],
                    request[:place] + scrap + request[until:],
                    request[:until] + request[place:],
                )
            )
        )
    return request


@st.composite
def conversations(draw: DrawFn, sign: Callable[[bytes], str] | None = None) -> tuple[int, Pieces]:
    """Requests on one connection: how many, and the pieces in which they arrive."""
    sent = draw(st.lists(requests(sign), min_size=1, max_size=4))
    data = b"".join(sent)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=2)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return len(sent), [piece for piece in pieces if piece]
