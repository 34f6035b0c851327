"""What waits between us and Stripe: events in, writes out, links in between. Nothing is lost, nothing goes twice."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.outbox import USAGE, MessageKind, MessageState
from bioql_console.domain.paging import ActivityQuery
from bioql_console.domain.webhooks import EventSource, EventState, Outcome, ReceivedEvent
from bioql_console.storage.database import Database
from tests.storage.people import NOW, add_people, person, rows


def event(number: int, body: bytes = b"{}") -> ReceivedEvent:
    return ReceivedEvent(f"evt_{number}", "x.y", body, NOW - 5, NOW, EventSource.HTTP, False, "2026-10-28", "t=1,v1=ab")


def test_an_event_delivered_again_is_one_event(database: Database) -> None:
    raw = bytes(range(256)) + "€".encode()
    with database.write() as work:
        work.inbox.add([event(1, raw), event(2), event(1, b"forged")])
        work.commit()
    with database.write() as work:
        work.inbox.add([event(2), event(3)])
        work.commit()
    with database.read() as work:
        assert work.inbox.get("evt_1") == event(1, raw), "not stored exactly as it came"
        assert work.inbox.get("evt_9") is None
        assert [one.id for one in work.inbox.waiting(10)] == ["evt_1", "evt_2", "evt_3"]
        assert work.inbox.last_received_ms() == NOW
    assert rows(database, "SELECT deliveries FROM inbox ORDER BY sequence") == [(2,), (2,), (1,)]


def test_an_event_is_settled_by_one_worker_and_may_be_tried_again(database: Database) -> None:
    with database.write() as work:
        work.inbox.add([event(1), event(2)])
        quarantined = Outcome(EventState.QUARANTINED, "Unknown customer", "cus_1", None, 5)
        assert work.inbox.settle("evt_1", quarantined, NOW + 7)
        assert not work.inbox.settle("evt_1", Outcome(EventState.APPLIED), NOW + 8)
        assert work.inbox.settle("evt_2", Outcome(EventState.APPLIED, "", "cus_1"), NOW)
        assert work.inbox.counts() == {EventState.QUARANTINED: 1, EventState.APPLIED: 1}
        assert work.inbox.waiting(10) == []
        assert not work.inbox.reopen("evt_2"), "what is applied must not be applied again"
        assert work.inbox.reopen("evt_1")
        assert [one.id for one in work.inbox.waiting(10)] == ["evt_1"]
        assert work.inbox.settle("evt_1", quarantined, NOW)
        work.inbox.reopen_about("cus_1")
        assert [one.id for one in work.inbox.waiting(10)] == ["evt_1"]


def queue(database: Database, *keys: str) -> int:
    (user,) = add_people(database, person())
    with database.write() as work:
        for key in keys:
            work.outbox.add(
                MessageKind.METER_EVENT,
                key,
                user_id=user,
                stripe_customer_id="cus_1",
                value=5,
                occurred_ms=NOW,
                extra={"shots": "5"},
            )
        work.commit()
    return user


def test_a_message_is_queued_once_and_sent_in_order(database: Database) -> None:
    queue(database, "a", "b", "a", "c")
    with database.write() as work:
        due = work.outbox.due(NOW, 10)
        assert [(message.key, message.extra) for message in due] == [(key, {"shots": "5"}) for key in "abc"]
        work.outbox.sent([due[0]], NOW)
        assert [message.key for message in work.outbox.due(NOW, 10)] == ["b", "c"]
        assert work.outbox.counts() == {
            (MessageKind.METER_EVENT, MessageState.SENT): 1,
            (MessageKind.METER_EVENT, MessageState.WAITING): 2,
        }
        work.commit()
    queue(database, "a")
    with database.read() as work:
        assert [message.key for message in work.outbox.due(NOW, 10)] == ["b", "c"], "sent once, queued again"


def test_a_message_that_failed_waits_its_time_behind_the_new_ones(database: Database) -> None:
    queue(database, "a", "b")
    with database.write() as work:
        (first,) = work.outbox.claim("one", NOW, 1_000, 1, USAGE)
        work.outbox.failed(first, "Stripe can't be reached", NOW + 1_000)
        assert [message.key for message in work.outbox.due(NOW, 10)] == ["b"]
        again = work.outbox.due(NOW + 1_000, 10)
        assert [message.key for message in again] == ["b", "a"]
        assert work.outbox.next_due_ms() == 0
        work.outbox.sent([again[0]], NOW)
        assert work.outbox.next_due_ms() == NOW + 1_000


def test_a_refused_message_waits_for_an_operator(database: Database) -> None:
    queue(database, "a")
    with database.write() as work:
        (message,) = work.outbox.due(NOW, 10)
        work.outbox.refused_by_report(message.id, "No such customer")
        assert work.outbox.due(NOW, 10) == []
        assert work.outbox.next_due_ms() is None
        assert [one.error for one in work.outbox.recent(5, MessageState.REFUSED)] == ["No such customer"]
        work.outbox.resend(message.id)
        assert [one.key for one in work.outbox.due(NOW, 10)] == ["a"]
        work.outbox.sent(work.outbox.due(NOW, 1), NOW)
        assert not work.outbox.resend(message.id)
        assert work.outbox.due(NOW, 10) == [], "what was sent was sent again"


@pytest.fixture
def link(database: Database) -> CheckoutLink:
    (user,) = add_people(database, person("Ada"))
    asked = CheckoutLink("ref_1", user, 35_000, 3, CheckoutState.CREATING, NOW, user_name="Ada", operator="ada")
    with database.write() as work:
        work.checkouts.add(asked)
        work.commit()
    return asked


def test_a_link_lives_from_asked_to_paid(database: Database, link: CheckoutLink) -> None:
    with database.write() as work:
        assert work.checkouts.by_reference("ref_1") == link
        assert work.checkouts.unfinished() == [link]
        work.checkouts.opened("ref_1", "cs_1", "https://pay.example/cs_1", NOW + 9)
        opened = work.checkouts.by_session("cs_1")
        assert opened is not None
        assert (opened.state, opened.url, opened.expires_ms) == (
            CheckoutState.OPEN,
            "https://pay.example/cs_1",
            NOW + 9,
        )
        assert work.checkouts.unfinished(link.user_id) == [opened]
        work.checkouts.set_state("ref_1", CheckoutState.PAID, payment_intent="pi_1")
        paid = work.checkouts.by_payment("pi_1")
        assert paid is not None
        assert (paid.state, paid.url, paid.session_id) == (CheckoutState.PAID, "", "cs_1")
        assert work.checkouts.unfinished() == []


@pytest.mark.parametrize("late", [CheckoutState.EXPIRED, CheckoutState.FAILED, CheckoutState.PROCESSING])
def test_a_paid_link_stays_paid_whatever_arrives_late(
    database: Database, link: CheckoutLink, late: CheckoutState
) -> None:
    with database.write() as work:
        work.checkouts.set_state("ref_1", CheckoutState.PAID, session_id="cs_1", payment_intent="pi_1")
        work.checkouts.set_state("ref_1", late)
        work.checkouts.opened("ref_1", "cs_1", "https://pay.example/cs_1", NOW + 9)
        found = work.checkouts.by_reference("ref_1")
    assert found is not None
    assert (found.state, found.payment_intent) == (CheckoutState.PAID, "pi_1")
    assert found.url == "", "a link that is paid still shows where to pay"


def test_links_that_nobody_paid_are_not_each_others(database: Database, link: CheckoutLink) -> None:
    with database.read() as work:
        assert work.checkouts.by_payment("") is None
        assert work.checkouts.by_payment("pi_9") is None
        assert work.checkouts.by_reference(link.reference) is not None


def test_the_trail_holds_when_many_write_to_it_at_once(database: Database) -> None:
    def write(number: int) -> None:
        for turn in range(5):
            with database.write() as work:
                work.activity.record("ada", "did", f"user {number}", before="a", after="b\u202e", reason=f"{turn} <b>")
                work.commit()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    with database.read() as work:
        assert work.activity.first_broken() is None
        assert len(work.activity.page(ActivityQuery("USER 3"), None, 50).rows) == 5
    assert rows(database, "SELECT count(*) FROM activity") == [(20,)]
