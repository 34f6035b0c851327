"""The team's server crashes or freezes while events are stored and applied: each payment counts once in the end."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import usage_fact
from bioql_console.domain.users import ApiKey, NewUser
from bioql_console.domain.webhooks import EventSource, EventState
from bioql_console.services import event_applier
from bioql_console.services.changes import Changes
from bioql_console.services.event_applier import ApplierThread, EventApplier
from bioql_console.services.event_intake import InboxWriter, parse
from bioql_console.storage import postgresql, pulse
from bioql_console.storage.database import Database
from tests.databases import Cluster, fresh_database, own_cluster, postgres_missing
from tests.storage.people import NOW
from tests.waiting import wait_until

pytestmark = pytest.mark.postgresql
PAYMENTS = 120
CENTS = 100


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if reason := postgres_missing():
        pytest.skip(reason)
    with own_cluster() as made:
        yield made


@pytest.fixture
def database(cluster: Cluster, tmp_path: Path) -> Iterator[Database]:
    """A ledger in which Ada owes what her links ask for."""
    made = Database(fresh_database(cluster.url), lambda: NOW)
    made.open(tmp_path / "backups")
    with made.write() as work:
        ada = work.users.add(NewUser("Ada", "a@uni.example", ApiKey.of("k"), NOW, stripe_customer_id="cus_1"))
        assert ada is not None
        work.ledger.post(usage_fact("u", ada.id, PAYMENTS * CENTS * 10_000, NOW, ""))
        for number in range(PAYMENTS):
            reference, session = f"ref-{number}", f"cs_{number}"
            work.checkouts.add(CheckoutLink(reference, ada.id, CENTS, 1, CheckoutState.EXPIRED, NOW, NOW, session))
        work.commit()
    yield made
    made.close()


def paid(number: int) -> bytes:
    session = {
        "id": f"cs_{number}",
        "object": "checkout.session",
        "mode": "payment",
        "customer": "cus_1",
        "payment_intent": f"pi_{number}",
        "currency": "usd",
        "client_reference_id": f"ref-{number}",
        "payment_status": "paid",
        "amount_total": CENTS,
    }
    event = {"id": f"evt_{number}", "object": "event", "type": "checkout.session.completed", "created": NOW // 1000}
    return json.dumps(event | {"livemode": False, "data": {"object": session}}).encode()


class Delivery:
    """Delivers as Stripe does: what is not acknowledged comes again."""

    def __init__(self, writer: InboxWriter) -> None:
        self._writer = writer
        self.delivered = 0
        self.failures: list[str] = []

    def until_acknowledged(self, number: int) -> None:
        event = parse(paid(number), "", EventSource.HTTP, NOW)
        while True:
            try:
                self._writer.submit(event).result(30)
            except OperatorError as error:
                self.failures.append(error.code)
            else:
                self.delivered += 1
                return


def counted_once(database: Database) -> None:
    wait_until(lambda: _settled(database), 30)
    with database.read() as work:
        assert work.inbox.counts() == {EventState.APPLIED: PAYMENTS}
        assert work.ledger.balance(1).owed_micros == 0
        found = work.verifier.run()
    assert found.ok, found.differences
    assert found.entries == PAYMENTS + 1


def _settled(database: Database) -> bool:
    try:
        with database.read() as work:
            return work.inbox.counts().get(EventState.RECEIVED, 0) == 0
    except OperatorError:
        return False


@pytest.mark.fault(
    "PostgreSQL",
    "the server crashes three times while events are stored and applied",
    "What was acknowledged is there, what broke off is done again by itself, and each payment counts once.",
    figure="120 payments, 3 crashes, 0 lost, 0 doubled",
)
def test_a_crash_of_the_server_loses_and_doubles_nothing(
    cluster: Cluster, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_applier, "RETRY_S", 0.1)
    applier = ApplierThread(EventApplier(database, Environment.SANDBOX, Changes(), lambda: NOW))
    writer = InboxWriter(database, applier.wake)
    delivery = Delivery(writer)
    applier.start()
    with ThreadPoolExecutor(4) as senders:
        sent = [senders.submit(delivery.until_acknowledged, number) for number in range(PAYMENTS)]
        for at in (PAYMENTS // 8, PAYMENTS // 3, PAYMENTS // 2):
            wait_until(lambda at=at: delivery.delivered >= at, 30)  # type: ignore[misc]
            cluster.crash()
        for each in sent:
            each.result(60)
    assert set(delivery.failures) <= {"db.unreachable"}
    counted_once(database)
    assert applier.error is None
    assert database.trouble is None, "it is still said to be in trouble"
    writer.close()
    applier.stop()


@pytest.mark.fault(
    "PostgreSQL",
    "the server freezes: connections stay open and nothing is answered",
    "Each wait ends in bounded time with a sentence, nothing is acknowledged, and after the thaw it is done once.",
    figure="120 payments around a freeze, 0 lost, 0 doubled",
)
def test_a_frozen_server_is_not_waited_for(
    cluster: Cluster, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(pulse, "ANSWERS_WITHIN_S", 2)
    monkeypatch.setitem(postgresql.CONNECT, "connect_timeout", 2)
    impatient = Database(database.url.render_as_string(hide_password=False), lambda: NOW)
    impatient.open_existing()
    writer = InboxWriter(impatient)
    delivery = Delivery(writer)
    delivery.until_acknowledged(0)
    cluster.freeze()
    try:
        for _ in range(2):  # on a connection that was open, and on a new one
            with pytest.raises(OperatorError) as refused:
                writer.submit(parse(paid(1), "", EventSource.HTTP, NOW)).result(20)
            assert refused.value.code == "db.unreachable"
        with pytest.raises(OperatorError), impatient.read() as work:
            work.inbox.counts()
        assert impatient.trouble is not None
    finally:
        cluster.thaw()
    for number in range(1, PAYMENTS):
        delivery.until_acknowledged(number)
    EventApplier(impatient, Environment.SANDBOX, Changes(), lambda: NOW).apply_waiting()
    counted_once(impatient)
    writer.close()
    impatient.close()


@pytest.mark.fault(
    "PostgreSQL",
    "one statement takes long on a server that is well",
    "It is waited for: a new connection is answered, so nothing is cut.",
    figure="a statement of 1 s, looked at every 0.1 s, not cut",
)
def test_a_slow_statement_is_waited_for(cluster: Cluster, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "LOOK_EVERY_S", 0.1)
    asked = threading.Event()
    beats = pulse.Pulse._beats

    def counted(self: pulse.Pulse) -> bool:
        asked.set()
        return beats(self)

    monkeypatch.setattr(pulse.Pulse, "_beats", counted)
    patient = Database(database.url.render_as_string(hide_password=False), lambda: NOW)
    with patient._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 7 FROM pg_sleep(1)").scalar() == 7
    assert asked.is_set(), "it was not even looked at"
    patient.close()
