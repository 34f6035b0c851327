"""Whose server this is, which addresses it has, and by which methods: one name, one spelling, one meaning."""

import pytest

from bioql_console.server.app import WEBHOOK_PATH
from bioql_console.server.heads import has_one_spelling
from bioql_console.server.operations import OPERATIONS
from tests.attacks.target import Target, get, post
from tests.sites import JANES_ID, JANES_KEY

# One of each kind of route: the API, with and without a key, the webhook endpoint, the dashboard.
ROUTES = [*((each.method, each.path) for each in OPERATIONS), ("GET", "/"), ("GET", "/dashboard.html")]

EVIL = {
    "another name": ["Host: evil.example"],
    "another name with our port": ["Host: evil.example:{port}"],
    "our name as its user": ["Host: 127.0.0.1@evil.example"],
    "another name as our user": ["Host: evil.example@127.0.0.1"],
    "our name with a path": ["Host: 127.0.0.1/evil.example"],
    "our name with a question": ["Host: 127.0.0.1?evil.example"],
    "our name as a part of theirs": ["Host: 127.0.0.1.evil.example"],
    "our name and a list": ["Host: 127.0.0.1, evil.example"],
    "a port that is none": ["Host: 127.0.0.1:evil"],
    "a name of the network's root": ["Host: localhost."],
    "our address as one number": ["Host: 2130706433"],
    "no name": ["Host:"],
    "no line": [],
    "ours, then theirs": ["Host: 127.0.0.1", "Host: evil.example"],
    "theirs, then ours": ["Host: evil.example", "Host: 127.0.0.1"],
    "theirs, said to a proxy": ["Host: evil.example", "X-Forwarded-Host: 127.0.0.1"],
}


def asked(method: str, path: str, lines: list[str], port: int) -> bytes:
    head = [f"{method} {path} HTTP/1.1", *(line.format(port=port) for line in lines)]
    head += [f"Authorization: Bearer {JANES_KEY}", "Content-Length: 0"]
    return "".join(f"{line}\r\n" for line in head).encode() + b"\r\n"


@pytest.mark.fault(
    "Requests",
    "DNS rebinding: a request that names another server, on every route, the webhook's and the dashboard's too",
    "It is refused with 400 or 421 before anything of it is looked at.",
    figure="16 ways of naming it, 19 routes",
)
@pytest.mark.parametrize("way", EVIL)
def test_no_route_answers_to_another_name(target: Target, way: str) -> None:
    for method, path in ROUTES:
        answers = target.ask(asked(method, path.replace("{user_id}", "1"), EVIL[way], target.place[1]))
        assert answers.status in (400, 421), path
        assert "Access-Control" not in answers.text


def test_every_route_answers_to_the_names_of_this_machine(target: Target) -> None:
    for host in ("127.0.0.1", "localhost", "LOCALHOST:1", "[::1]:5001"):
        assert target.ask(b"GET /openapi.json HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode()).status == 200


def test_a_target_as_proxies_are_asked_names_the_same_server(target: Target) -> None:
    ours, theirs = b"http://127.0.0.1/openapi.json", b"http://evil.example/openapi.json"
    for address, host, status in ((ours, b"127.0.0.1", 200), (theirs, b"127.0.0.1", 400), (ours, b"evil.example", 400)):
        assert target.ask(b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (address, host)).status == status
    assert target.ask(b"GET %s HTTP/1.1\r\nHost: evil.example\r\n\r\n" % theirs).status == 421


ODD_PATHS = [
    "/../../etc/passwd",
    "/dashboard.html/../auth/user",
    "/./auth/user",
    "//auth/user",
    "/auth//user",
    "/auth/user/",
    "/auth/user;x=1",
    "/auth/%75ser",
    "/auth%2fuser",
    "/auth%2Fuser",
    "/auth%5cuser",
    "/auth\\user",
    "/%2e%2e/auth/user",
    "/auth/user%00",
    "/auth/user%00.html",
    "/auth/user%0d%0aX-Evil:1",
    "/auth/user%20",
    "/auth/user%252f",
    "/AUTH/USER",
    "/auth/us%c0%afer",
    "/auth/%ff",
    "/auth/%zz",
    "/auth/%",
    "/webhooks%2fstripe",
    "/webhooks/stripe/",
    "/static/../../settings.json",
    "/file:///etc/passwd",
    "//evil.example/%2e%2e",
    "/billing%2fusage%2f1",
    "/billing/usage/1%2f..%2f2",
]


@pytest.mark.fault(
    "Requests",
    "paths with dots, doubled or encoded slashes, encoded letters, null bytes",
    "They are addresses of nothing: 404, or 400 where they are no address; no route has a second name.",
    figure="30 paths",
)
def test_no_address_has_a_second_spelling(target: Target) -> None:
    for path in ODD_PATHS:
        for request in (get(path, f"Authorization: Bearer {JANES_KEY}"), post(path, b"{}")):
            answers = target.ask(request)
            assert answers.status in (400, 404), path
            assert "X-Evil" not in answers.text


@pytest.mark.parametrize(
    ("path", "one"), [("/a/b", True), ("/caf%C3%A9", True), ("/a%20b", True), ("/%61", False), ("/a%2Fb", False)]
)
def test_what_must_be_encoded_is_and_nothing_else(path: str, one: bool) -> None:
    assert has_one_spelling(path.encode()) is one


METHODS = ("HEAD", "PUT", "PATCH", "DELETE", "TRACE", "TRACK", "OPTIONS", "PROPFIND", "LOCK", "get", "GETT", "", "G\0T")


@pytest.mark.fault(
    "Requests",
    "other methods, and requests for other protocols",
    "Nothing is done: 405 with the methods that there are, or 400 for what is none.",
    figure="13 methods on each of 19 routes, 0 done",
)
def test_other_methods_do_nothing(target: Target) -> None:
    for method in METHODS:
        for known, path in [*ROUTES, ("POST", WEBHOOK_PATH)]:
            lines = ["Host: 127.0.0.1", "X-HTTP-Method-Override: " + known]
            with target.connect() as wire:
                wire.sendall(asked(method, path.replace("{user_id}", str(JANES_ID)), lines, 0))
                status = int(wire.recv(65_536)[9:12])
            assert status in ((200, 307) if (method, known) == ("HEAD", "GET") else (204, 400, 405)), (method, path)
    assert target.ask(b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 404


LARGE = [
    ("a header of a megabyte", b"X-Note: " + b"a" * 1_000_000 + b"\r\n", 431),
    ("a header's name of a megabyte", b"x" * 1_000_000 + b": a\r\n", 431),
    ("100,000 headers", b"X-Note: a\r\n" * 100_000, 431),
    ("200 headers", b"X-Note: a\r\n" * 200, 431),
    ("33 KiB of headers", (b"X-Note: " + b"a" * 1_000 + b"\r\n") * 33, 431),
    ("a header that never ends", b"X-Note: " + b"a" * 8_000_000, 431),
]


@pytest.mark.fault(
    "Requests",
    "a flood of headers, or one that is huge or never ends",
    "It is refused with 431 once it has 32 KiB or a hundred lines; memory stays as it was.",
    figure="6 ways of up to 1 MB and 100,000 lines; memory grew by less than 32 MiB",
)
@pytest.mark.parametrize(("what", "lines", "status"), LARGE, ids=[what for what, _, _ in LARGE])
def test_heads_have_a_size(target: Target, what: str, lines: bytes, status: int) -> None:
    before = target.memory_kib()
    answers = target.ask(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n" + lines + b"\r\n", answers=2)
    assert (answers.statuses, answers.ended) == ((status,), True)
    assert target.memory_kib() < before + 32 * 1024
    assert target.ask(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 431
