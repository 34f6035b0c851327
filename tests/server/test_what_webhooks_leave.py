"""Each webhook leaves a row in the ledger, and nothing in the process that took it."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from bioql_console.domain.webhooks import EventState
from bioql_console.services.listener import MOST_REJECTIONS
from bioql_console.services.signature import sign
from tests.server.test_webhooks import event
from tests.sites import Site
from tests.waiting import wait_until

FIRST, MORE, ROUNDS = 40, 40, 4
# Half of the events: what is kept of each of them is one object at least.
MOST_MORE = MORE // 2


class Sender:
    """Stripe, with a connection that it keeps."""

    def __init__(self, site: Site, connection: HTTPConnection) -> None:
        self._site, self._connection = site, connection

    def send(self, body: bytes, secret: str) -> int:
        headers = {"Stripe-Signature": sign(body, secret, self._site.console.now_ms())}
        self._connection.request("POST", "/webhooks/stripe", body, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def deliver(self, first: int, count: int) -> None:
        """Events, and for each of them one that somebody else has signed; all are decided afterwards."""
        secret = self._site.console.webhook_secrets()[0]
        for number in range(first, first + count):
            body = event(self._site, id=f"evt_{number}")
            assert (self.send(body, secret), self.send(body, "whsec_another")) == (200, 400)

        def decided() -> bool:
            with self._site.console.store.read() as work:
                counts = work.inbox.counts()
            return not counts.get(EventState.RECEIVED) and sum(counts.values()) == first + count

        wait_until(decided)


@pytest.fixture
def sender(site: Site) -> Iterator[Sender]:
    parts = urlsplit(site.url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        yield Sender(site, connection)


def objects(site: Site) -> Counter[str]:
    """How many of each kind there are, but for what SQLAlchemy keeps to make statements only once."""
    for engine in (site.console.store._engine, site.console.store._readers):
        engine.clear_compiled_cache()
    gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


def test_webhooks_leave_nothing_in_the_process(site: Site, sender: Sender) -> None:
    """What stays of each event stays in every round; a module that is imported meanwhile comes once."""
    # Whoever builds a tuple on another thread while all objects are listed fails in Python itself.
    site.console.sweep.stop()
    sender.deliver(0, FIRST)
    for _ in range(MOST_REJECTIONS):  # until the list of them is full
        sender.send(b"{}", "whsec_another")
    counts = [objects(site)]
    for number in range(ROUNDS):
        sender.deliver(FIRST + number * MORE, MORE)
        counts.append(objects(site))
    kept = {
        kind: least
        for kind in counts[-1]
        if (least := min(after[kind] - before[kind] for before, after in pairwise(counts))) > MOST_MORE
    }
    assert kept == {}
