"""Size: nothing is loaded whole, and small answers don't wait for the network's acknowledgement."""

import json
import socket
import tracemalloc
from pathlib import Path

from bioql_console.core import now_ms
from bioql_console.domain.environment import Environment
from bioql_console.embedded import bound_url
from bioql_console.sandbox import Sandbox
from bioql_console.server.host import Host, Served, bind
from bioql_console.services.reconciliation.reconcile import reconciliation_of
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.storage.database import Database, sqlite_url
from bioql_console.storage.reconciliation_scratch import open_scratch
from tests.reconciliation.big_books import BigBooks

MOST_BYTES = 24 * 1024 * 1024


def test_thousands_of_payments_agree_in_little_memory(data_dir: Path) -> None:
    books = BigBooks(data_dir, 2_000).make()
    sandbox = Sandbox(books.folder / "stripe.db")
    listening = bind("127.0.0.1", 0)
    host = Host([Served(sandbox.app, listening)])
    host.start()
    database = Database(sqlite_url(books.ledger), now_ms)
    try:
        stripe = StripeAccess(Environment.SANDBOX, lambda: sandbox.secret_key, bound_url(listening))
        reconciliation = reconciliation_of(Environment.SANDBOX, database, stripe, open_scratch, now_ms)
        stripe.gateway().account()
        tracemalloc.start()
        found = reconciliation.run()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    finally:
        database.close()
        host.stop()
        sandbox.close()
    assert found.ok, json.dumps([one.what for one in found.differences])
    assert (found.checked["payments"], found.checked["balances"]) == (2_000, 40)
    assert most < MOST_BYTES


def test_sockets_say_that_they_are_tcp() -> None:
    """Else asyncio leaves Nagle's delay on, and each small answer on a kept connection takes 40 ms."""
    listening = bind("127.0.0.1", 0)
    assert listening.proto == socket.IPPROTO_TCP
    listening.close()
