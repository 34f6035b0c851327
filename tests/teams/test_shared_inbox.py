"""Several processes apply one inbox: each event once, a customer's in their order, and nobody waits for anybody."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from bioql_console.domain.webhooks import Claim, EventState
from bioql_console.services.event_decisions import decide
from bioql_console.services.event_intake import InboxWriter
from bioql_console.services.event_turns import about, take
from bioql_console.storage.database import Database
from tests.storage.people import NOW, rows
from tests.teams.events import CENTS, OWED_MICROS, applier, customers, paid, receive, refunded
from tests.waiting import wait_until

pytestmark = pytest.mark.postgresql
Join = Callable[[], Database]
WORKERS = 4


def work_together(join: Join) -> list[int]:
    """Workers of different processes apply what waits until nothing does; how many events each settled."""
    gate = threading.Barrier(WORKERS)

    def work(_number: int) -> int:
        mine = applier(join())
        gate.wait(10)
        settled = mine.apply_waiting()
        while mine.left:
            settled += mine.apply_waiting()
        return settled

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, range(WORKERS)))


@pytest.mark.fault(
    "PostgreSQL",
    "several processes apply one inbox at the same time",
    "Each event is applied by one of them, a customer's events in their order, and every payment counts once.",
    figure="4 workers, 96 payments of 8 customers, 0 twice",
)
def test_several_workers_apply_each_event_once_and_a_customers_in_order(join: Join) -> None:
    database = join()
    customers(database, 8, 12)
    arriving = [paid(user, link) for link in range(12) for user in range(1, 9)]
    receive(database, *arriving)
    settled = work_together(join)
    assert sum(settled) == len(arriving)
    assert sum(each > 0 for each in settled) > 1, "one did it all"
    with database.read() as work:
        assert work.inbox.counts() == {EventState.APPLIED: len(arriving)}
        assert work.verifier.run().ok
        for user in range(1, 9):
            assert work.ledger.balance(user).owed_micros == OWED_MICROS - 12 * CENTS * 10_000
    posted = rows(
        database, "SELECT source_id FROM journal_entries WHERE kind = 'payment' AND source_id LIKE 'pi_3-%' ORDER BY id"
    )
    assert posted == [(f"pi_3-{link}",) for link in range(12)]


def test_a_refund_waits_for_its_payment_that_is_being_applied(join: Join) -> None:
    """The refund names no customer; applied beside its payment it would find nothing to refund, and stay aside."""
    database, payment, refund = join(), paid(1, 0), refunded(1, 0)
    customers(database, 1, 1)
    receive(database, payment, refund)
    worker = applier(database)
    with join().write() as work:
        content = json.loads(payment.body)
        assert take(payment, content, work) is Claim.MINE
        assert work.inbox.settle(payment.id, decide(payment, content, work), NOW)
        assert worker.apply_waiting() == 0
        assert worker.left
        work.commit()
    assert worker.apply_waiting() == 1
    with database.read() as work:
        assert work.inbox.counts() == {EventState.APPLIED: 2}
        assert work.ledger.balance(1).owed_micros == OWED_MICROS


@pytest.mark.fault(
    "PostgreSQL",
    "a worker freezes, then dies, while it applies an event",
    "The others go on with other customers at once, leave that customer's later events for later, and take them over "
    "in their order as soon as the worker's connection is gone.",
    figure="9 payments: 6 at once, 3 as soon as it is dead",
)
def test_what_a_frozen_worker_has_keeps_nobody_and_is_taken_over_when_it_dies(join: Join) -> None:
    database = join()
    customers(database, 3, 3)
    receive(database, *(paid(user, link) for link in range(3) for user in (1, 2, 3)))
    frozen = join()
    with frozen.write() as work:
        body = {"data": {"object": {"id": "cs_2-0", "customer": "cus_2", "payment_intent": "pi_2-0"}}}
        assert work.inbox.claim("evt_paid_2-0", about(body)) is Claim.MINE
        others = applier(database)
        assert others.apply_waiting() == 6
        assert others.left
        waiting = [("evt_paid_2-0",), ("evt_paid_2-1",), ("evt_paid_2-2",)]
        assert rows(database, "SELECT event_id FROM inbox WHERE state = 'received' ORDER BY sequence") == waiting
        # The server learns of a process's death by its connection.
        work._connection.connection.dbapi_connection.close()
        wait_until(lambda: others.apply_waiting() or not others.left)
        work._connection.invalidate()
    wait_until(lambda: others.apply_waiting() == 0 and not others.left)
    assert rows(database, "SELECT count(*) FROM inbox WHERE state <> 'applied'") == [(0,)]
    assert rows(database, "SELECT source_id FROM journal_entries WHERE source_id LIKE 'pi_2%' ORDER BY id") == [
        (f"pi_2-{link}",) for link in range(3)
    ]


@pytest.mark.fault(
    "PostgreSQL",
    "an operator changes a customer's money while an event about it waits",
    "The event is applied after the operator's change, by what is owed then.",
    figure="2 payments, 1 waits",
)
def test_an_operators_transaction_on_a_customer_goes_first(join: Join) -> None:
    database = join()
    customers(database, 2, 1)
    receive(database, paid(1, 0), paid(2, 0))
    worker = applier(database)
    with join().write() as work:
        work.ledger.balance(1)
        assert worker.apply_waiting() == 1
        assert worker.left
    assert worker.apply_waiting() == 1
    assert not worker.left


@pytest.mark.fault(
    "PostgreSQL",
    "two servers are sent the same events in opposite order",
    "Both answer for every one of them, and each is stored once.",
    figure="2 servers, 1,800 deliveries of 300 events, 0 refused",
)
def test_two_servers_that_store_the_same_events_crosswise_both_succeed(join: Join) -> None:
    database = join()
    events = [paid(1, link) for link in range(300)]
    writers = [InboxWriter(join()) for _ in range(2)]
    answers = [
        writer.submit(event)
        for _ in range(3)
        for forth, back in zip(events, reversed(events), strict=True)
        for writer, event in ((writers[0], forth), (writers[1], back))
    ]
    done, late = wait(answers, timeout=30)
    for writer in writers:
        writer.close()
    assert not late
    assert [answer.exception() for answer in done if answer.exception()] == []
    assert rows(database, "SELECT count(*), sum(deliveries) FROM inbox") == [(300, 1_800)]
