"""The real Stripe CLI with a session at Stripe: its secret is used, its end and its silence are noticed and mended."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioql_console.domain.environment import Environment
from bioql_console.domain.paging import EventQuery
from bioql_console.server.host import Host, Served, bind
from bioql_console.server.webhook_endpoint import WebhookEndpoint
from bioql_console.services.changes import Changes
from bioql_console.services.event_intake import InboxWriter
from bioql_console.services.listener import ListenerStatus
from bioql_console.services.redaction import redacted
from bioql_console.services.stripe_cli import CliState, CliStatus, SessionSecret, StripeCli
from bioql_console.storage.database import Database, sqlite_url
from tests.services.leaks import files_with
from tests.services.stripe_sessions import Sessions, opening_sessions
from tests.stripe_cli import stripe_cli, stripe_cli_missing
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(stripe_cli_missing()), reason=stripe_cli_missing() or "it is there")

SECRET = "whsec_canary0session"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Desk:
    """A listener that knows no secret but the session's, and the command line that feeds it."""

    def __init__(self, data_dir: Path, base: str) -> None:
        self.database = Database(sqlite_url(data_dir / "bioql.db"), now_ms)
        self.database.open(data_dir / "backups")
        self.changes, self.secret = Changes(), SessionSecret()
        self.listener = ListenerStatus(self.changes)
        self.writer = InboxWriter(self.database)
        self.endpoint = WebhookEndpoint(self.writer, self.secret.all, self.listener, now_ms)
        self.host: Host | None = None
        self.cli = StripeCli(
            Environment.SANDBOX,
            data_dir / "stripe-cli",
            data_dir / "logs/stripe-cli.log",
            configured=lambda: str(stripe_cli()),
            secret_key=lambda: "sk_test_canary4242",
            stripe_base=base,
            listener=self.listener,
            secret=self.secret,
            changes=self.changes,
            now_ms=now_ms,
        )

    def listen(self) -> None:
        """On a port of its own, each time another one."""
        self.deafen()
        listening = bind("127.0.0.1", 0)
        self.host = Host([Served(self.endpoint, listening)])
        self.host.start()
        self.listener.turn_on(f"http://127.0.0.1:{listening.getsockname()[1]}/webhooks/stripe")

    def deafen(self) -> None:
        if self.host is not None:
            self.host.stop()

    def close(self) -> None:
        self.cli.close()
        self.deafen()
        self.writer.close()
        self.database.close()

    def heard(self) -> list[tuple[str, str]]:
        with self.database.read() as work:
            return [(event.id, event.source.value) for event in work.inbox.page(EventQuery(), None, 100).rows]

    def until_it_listens(self) -> None:
        wait_until(lambda: self.cli.status.state is CliState.LISTENING, 10)


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    with opening_sessions(SECRET) as made:
        yield made


@pytest.fixture
def desk(sessions: Sessions, data_dir: Path) -> Iterator[Desk]:
    made = Desk(data_dir, sessions.url)
    made.listen()
    made.cli.start()
    made.until_it_listens()
    yield made
    made.close()


def statuses(desk: Desk) -> list[CliStatus]:
    """Whatever it shows from now on."""
    seen: list[CliStatus] = []
    desk.changes.subscribe(lambda change: seen.append(desk.cli.status) if change.topic == "cli" else None)
    return seen


def event(number: int) -> dict[str, object]:
    thing = {"id": "cus_1", "object": "customer", "name": "Zoë Canary"}
    plain = {"id": f"evt_{number}", "object": "event", "type": "customer.deleted", "livemode": False}
    return {**plain, "created": now_ms() // 1000, "api_version": "2026-10-28.endive", "data": {"object": thing}}


def test_what_it_forwards_is_verified_with_the_sessions_secret(desk: Desk, sessions: Sessions) -> None:
    sessions.send(event(1))
    wait_until(lambda: desk.heard() == [("evt_1", "cli")])
    wait_until(lambda: desk.cli.status.forwarded == 1)
    wait_until(lambda: any(each["type"] == "webhook_response" for each in sessions.responses))
    desk.cli.stop()
    assert desk.secret.all() == [], "Its secret is accepted while it runs, and no longer."


def test_its_secret_and_what_it_forwards_are_in_no_file(desk: Desk, sessions: Sessions, data_dir: Path) -> None:
    assert list(desk.cli.secrets()) == [SECRET]
    sessions.send(event(1))
    wait_until(lambda: desk.cli.status.forwarded == 1)
    assert redacted(f"x {SECRET}") == "x [redacted]"
    assert not any(SECRET in line or "Canary" in line for line in desk.cli.tail())
    desk.close()
    desk.database.open(data_dir / "backups")  # for the fixture, which closes it again
    assert not files_with(SECRET, data_dir)
    assert not files_with("Canary", data_dir / "logs")


def test_killed_it_is_noticed_and_started_again(desk: Desk, sessions: Sessions) -> None:
    first = desk.cli.pid
    assert first is not None
    seen = statuses(desk)
    os.kill(first, 9)
    wait_until(lambda: [one.reason for one in seen if one.state is CliState.RESTARTING] == ["It was killed."])
    wait_until(lambda: desk.cli.pid not in (None, first), 10)
    desk.until_it_listens()
    assert desk.cli.pid not in (None, first)
    assert sessions.opened == 2
    sessions.send(event(2))
    wait_until(lambda: desk.heard() == [("evt_2", "cli")])


def test_a_broken_connection_is_no_silence(desk: Desk, sessions: Sessions) -> None:
    """By itself it says nothing while it is deaf."""
    pid = desk.cli.pid
    seen = statuses(desk)
    sessions.break_off()
    wait_until(lambda: [one.state for one in seen][:2] == [CliState.RECONNECTING, CliState.LISTENING], 15)
    assert desk.cli.pid == pid
    sessions.send(event(3))
    wait_until(lambda: desk.heard() == [("evt_3", "cli")])


def test_another_port_of_the_listener_is_followed(desk: Desk, sessions: Sessions) -> None:
    pid = desk.cli.pid
    desk.listen()
    wait_until(lambda: desk.cli.pid not in (None, pid), 10)
    desk.until_it_listens()
    sessions.send(event(4))
    wait_until(lambda: desk.heard() == [("evt_4", "cli")])


def test_what_the_listener_refuses_is_counted(desk: Desk, sessions: Sessions) -> None:
    sessions.send({**event(5), "id": ""})
    wait_until(lambda: desk.cli.status.refused == 1)
    assert desk.heard() == []
