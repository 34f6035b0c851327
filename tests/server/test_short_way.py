"""Webhooks in order take a short way through the server. Nobody who sends one can tell."""

import json
import re
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from bioql_console.domain.webhooks import ReceivedEvent
from bioql_console.server import short_way
from bioql_console.services.event_intake import InboxWriter
from bioql_console.services.signature import sign
from tests.sites import Site
from tests.waiting import wait_until

MOST_COMMITS = 10


def request(site: Site, number: int, more: str = "", version: str = "1.1") -> bytes:
    """A delivery of an event of its own."""
    event = {"id": f"evt_{number}", "object": "event", "type": "price.updated", "livemode": False, "data": {}}
    body = json.dumps(event | {"created": site.console.now_ms() // 1000}).encode()
    signature = sign(body, site.console.webhook_secrets()[0], site.console.now_ms())
    head = (
        f"POST /webhooks/stripe HTTP/{version}\r\nHost: {httpx.URL(site.url).netloc.decode()}\r\n{more}"
        f"Content-Length: {len(body)}\r\nStripe-Signature: {signature}\r\n\r\n"
    )
    return head.encode() + body


def connect(site: Site) -> socket.socket:
    url = httpx.URL(site.url)
    return socket.create_connection((url.host, url.port or 80), timeout=10)


def read_until(connection: socket.socket, done: Callable[[bytes], bool]) -> bytes:
    found = b""
    while not done(found) and (more := connection.recv(65_536)):
        found += more
    return found


def answers(site: Site, sent: bytes, count: int) -> bytes:
    """What comes back on one connection, until so many answers are there or it ends."""
    with connect(site) as connection:
        connection.sendall(sent)
        return read_until(connection, lambda found: found.count(b"}") >= count)


def test_a_hundred_webhooks_at_once_share_a_few_commits(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard: with a commit for each, the disk would decide how many are acknowledged."""
    sizes: list[int] = []
    commit = InboxWriter._commit

    def counted(writer: InboxWriter, events: list[ReceivedEvent]) -> None:
        sizes.append(len(events))
        commit(writer, events)

    monkeypatch.setattr(InboxWriter, "_commit", counted)
    connections = [connect(site) for _ in range(100)]
    with site.console.store.write():  # whoever stores waits
        for number, connection in enumerate(connections):
            connection.sendall(request(site, number))
        assert site.http.get("/openapi.json").status_code == 200  # read after all of them
    for connection in connections:
        with connection:
            assert read_until(connection, lambda found: b"}" in found).startswith(b"HTTP/1.1 200 OK")
    assert len(site.events()) == 100
    assert sum(sizes) == 100
    assert len(sizes) <= MOST_COMMITS


def test_both_ways_answer_alike(site: Site) -> None:
    short = answers(site, request(site, 1), 1)
    long = answers(site, request(site, 2, "Sec-Fetch-Site: none\r\n"), 1)
    assert len(site.events()) == 2

    def without_date(answer: bytes) -> list[bytes]:
        return [line for line in answer.split(b"\r\n") if not line.startswith(b"date:")]

    assert without_date(short) == without_date(long)
    assert b"\r\ndate: " in short


@pytest.mark.parametrize(("more", "version"), [("Connection: close\r\n", "1.1"), ("", "1.0")])
def test_the_connection_ends_where_the_client_wants_that(site: Site, more: str, version: str) -> None:
    with connect(site) as connection:
        connection.sendall(request(site, 1, more, version))
        answer = read_until(connection, lambda _: False)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer


def test_requests_one_behind_the_other_are_answered_in_their_order(site: Site) -> None:
    wrong = request(site, 2).replace(b"price.updated", b"price.deleted")
    found = answers(site, request(site, 1) + wrong + request(site, 3), 3)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200", b"400", b"200"]
    assert sorted(event.id for event in site.events()) == ["evt_1", "evt_3"]


def test_who_waits_too_long_for_the_database_is_told_to_come_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_way, "LONGEST_STORING_S", 0.05)
    with site.console.store.write():
        found = answers(site, request(site, 1), 1)
        assert found.startswith(b"HTTP/1.1 503")
        assert b"the database does not answer" in found
    assert "does not answer" in site.console.listener.rejections()[0].reason
    assert answers(site, request(site, 2), 1).startswith(b"HTTP/1.1 200")


def test_a_client_that_leaves_before_its_answer_breaks_nothing(site: Site) -> None:
    with site.console.store.write():
        connection = connect(site)
        connection.sendall(request(site, 1))
        assert site.http.get("/openapi.json").status_code == 200
        connection.close()
        assert site.http.get("/openapi.json").status_code == 200
    wait_until(partial(_has, site, "evt_1"))
    assert answers(site, request(site, 2), 1).startswith(b"HTTP/1.1 200")


def _has(site: Any, event_id: str) -> bool:
    return event_id in [event.id for event in site.events()]
