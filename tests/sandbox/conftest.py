"""A sandbox on a real socket, and Stripe's own client talking to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from bioql_console.embedded import bound_url
from bioql_console.sandbox import Sandbox
from bioql_console.server.host import Host, Served, bind
from tests.sandbox.receivers import Receiver, receiving


class Running:
    """A served sandbox.

    Args:
        api: Stripe's own client, which can't tell it from Stripe.
        raw: Plain HTTP with the key, for what the client would not send.
    """

    def __init__(self, sandbox: Sandbox, url: str) -> None:
        self.sandbox, self.url = sandbox, url
        addresses: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), url)
        # Any, because its parameters' types would refuse the mistakes that the tests make.
        self.api: Any = stripe.StripeClient(sandbox.secret_key, base_addresses=addresses, max_network_retries=0).v1
        self.raw = httpx.Client(base_url=url, auth=(sandbox.secret_key, ""), trust_env=False, timeout=10)

    def control(self, name: str, **body: object) -> Any:
        return self.raw.post(f"/_sandbox/{name}", json=body).json()

    def control_get(self, name: str) -> Any:
        return self.raw.get(f"/_sandbox/{name}").json()

    def event_types(self) -> list[str]:
        """Of all events, oldest first."""
        return [event["type"] for event in self.events()]

    def events(self, **asked: Any) -> list[Any]:
        """All events, oldest first."""
        found = self.api.events.list({"limit": 100, **asked}).auto_paging_iter()
        return [event.to_dict(for_json=True) for event in found][::-1]


@contextmanager
def serving(path: Path) -> Iterator[Running]:
    """The sandbox of a file, until the block ends. May be done again: everything is in the file."""
    sandbox = Sandbox(path)
    listening = bind("127.0.0.1", 0)
    url = bound_url(listening)
    sandbox.set_base_url(url)
    host = Host([Served(sandbox.app, listening)])
    host.start()
    made = Running(sandbox, url)
    try:
        yield made
    finally:
        made.raw.close()
        host.stop()
        sandbox.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path / "stripe.db") as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


# Beside the project, or above it.
SHARED = [folder / "shared" / "stripe" for folder in Path(__file__).parents[3:]]


@pytest.fixture(scope="session")
def stripes_schema() -> Any:
    """Stripe's API as a JSON schema, where it lies beside the project."""
    from tests.sandbox.test_against_stripes_schema import with_null

    return with_null(shared("openapi-derived.json"))


def shared(name: str) -> Any:
    """The content of a file about Stripe that is no part of the project."""
    found = next((folder / name for folder in SHARED if (folder / name).exists()), None)
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return json.loads(found.read_text())
