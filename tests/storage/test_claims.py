"""Several processes send from one outbox: nothing is handed out twice, nothing stays with the dead, order holds."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.outbox import LONGEST_WAIT_MS, MONEY, USAGE, Message, MessageKind, MessageState
from bioql_console.storage.database import Database
from tests.storage.people import NOW, add_people, person

LEASE_MS = 1_000


def queue(database: Database, *messages: tuple[MessageKind, str], name: str = "ada") -> int:
    (user,) = add_people(database, person(name))
    with database.write() as work:
        for kind, key in messages:
            work.outbox.add(kind, key, user_id=user, stripe_customer_id="cus_1", value=5, occurred_ms=NOW)
        work.commit()
    return user


def usage(database: Database, *keys: str) -> int:
    return queue(database, *((MessageKind.METER_EVENT, key) for key in keys))


def claim(
    database: Database,
    who: str,
    at_ms: int = NOW,
    limit: int = 100,
    kinds: Sequence[MessageKind] = (*USAGE, *MONEY),
) -> list[Message]:
    with database.write() as work:
        claimed = work.outbox.claim(who, at_ms, LEASE_MS, limit, kinds)
        work.commit()
    return claimed


def keys(messages: Sequence[Message]) -> list[str]:
    return [message.key for message in messages]


def test_a_message_is_with_one_process_until_its_lease_ends(database: Database) -> None:
    usage(database, "a", "b")
    assert keys(claim(database, "one")) == ["a", "b"]
    assert claim(database, "two", NOW + LEASE_MS - 1) == []
    taken_over = claim(database, "two", NOW + LEASE_MS)
    assert [(message.key, message.attempts, message.tried_ms) for message in taken_over] == [
        ("a", 1, NOW),
        ("b", 1, NOW),
    ], "the new owner must know that somebody may have sent it"


def test_what_was_not_tried_goes_back_as_if_nothing_had_been(database: Database) -> None:
    usage(database, "a")
    claimed = claim(database, "one")
    with database.write() as work:
        work.outbox.release(claimed)
        work.commit()
    (again,) = claim(database, "two")
    assert (again.attempts, again.tried_ms) == (0, None)


@pytest.mark.fault(
    "Processes",
    "A computer sleeps between claiming usage and sending it, and another sends it meanwhile",
    "What becomes of the try that woke up is taken for no refusal and takes nobody's turn: the usage is sent, and "
    "under no second name.",
    figure="2 messages, 10 late answers, on SQLite and PostgreSQL",
)
def test_whoever_slept_with_a_message_decides_nothing_about_it(database: Database) -> None:
    usage(database, "a", "b")
    slept = claim(database, "one")
    sent, on_its_way = claim(database, "two", NOW + LEASE_MS)
    with database.write() as work:
        work.outbox.sent([sent], NOW)
        work.commit()
    with database.write() as work:
        for message in slept:
            work.outbox.refused_try(message, "Stripe knows a meter event by this identifier already.")
            work.outbox.failed(message, "Stripe can't be reached", NOW + 500)
            work.outbox.postpone(message, "Waits for other usage", NOW + 500)
            assert work.outbox.rename(message, NOW) is None
        work.outbox.release(slept)
        work.commit()
    with database.read() as work:
        now = [work.outbox.get(message.id) for message in slept]
    assert [(each.state, each.identifier, each.attempts) for each in now if each] == [
        (MessageState.SENT, "a", 2),
        (MessageState.WAITING, "b", 2),
    ]
    assert claim(database, "three", NOW + 2 * LEASE_MS - 1) == [], "it is the second one's turn"
    with database.write() as work:
        work.outbox.refused_try(on_its_way, "Stripe said no.")
        work.commit()
        refused = work.outbox.get(on_its_way.id)
    assert refused is not None
    assert refused.state is MessageState.REFUSED, "the last try tells"


def test_whoever_slept_while_it_got_another_name_decides_nothing_either(database: Database) -> None:
    usage(database, "a")
    (slept,) = claim(database, "one")
    with database.write() as work:
        work.outbox.refused_by_report(slept.id, "No such customer")
        assert work.outbox.resend(slept.id)
        work.commit()
    (again,) = claim(database, "two", NOW + LEASE_MS)
    assert (again.identifier, again.attempts) == ("a.2", slept.attempts)
    with database.write() as work:
        work.outbox.release([slept])
        work.outbox.sent([slept], NOW)
        work.commit()
        now = work.outbox.get(slept.id)
    assert now is not None
    assert (now.state, now.attempts) == (MessageState.WAITING, 1), "its try under the new name is under way"


@pytest.mark.fault(
    "PostgreSQL",
    "several processes send from one outbox at the same time",
    "Each message is sent by one of them.",
    figure="6 processes, 200 messages, 0 handed out twice",
)
def test_many_at_once_share_the_messages(database: Database) -> None:
    usage(database, *(f"run-{number}" for number in range(200)))

    def take(number: int) -> list[str]:
        return keys([each for _ in range(5) for each in claim(database, f"process {number}", limit=10)])

    with ThreadPoolExecutor(6) as pool:
        taken = [key for part in pool.map(take, range(6)) for key in part]
    assert len(taken) == len(set(taken)) == 200


def test_money_of_one_user_goes_in_its_order(database: Database) -> None:
    credit = MessageKind.BALANCE_CREDIT
    queue(database, (credit, "first"), (MessageKind.CREDIT_NOTE, "second"), (credit, "third"))
    queue(database, (credit, "of another"), name="bob")
    (first,) = claim(database, "one", limit=1)
    assert keys(claim(database, "two")) == ["of another"], "an older one of the user is under way"
    with database.write() as work:
        work.outbox.failed(first, "Stripe can't be reached", NOW + 500)
        work.commit()
    assert claim(database, "two") == [], "an older one of the user waits for its next try"
    assert keys(claim(database, "two", NOW + 500)) == ["first", "second", "third"]


def test_an_invoice_keeps_nothing_back(database: Database) -> None:
    queue(database, (MessageKind.INVOICE, "invoice"), (MessageKind.BALANCE_CREDIT, "credit"))
    assert keys(claim(database, "one", limit=1)) == ["invoice"]
    assert keys(claim(database, "two")) == ["credit"]


def test_usage_that_is_sent_again_gets_a_name_that_nobody_has(database: Database) -> None:
    usage(database, "run", "run.2")
    with database.write() as work:
        run, other = work.outbox.due(NOW, 10)
        work.outbox.sent([run, other], NOW)
        names = [run.identifier]
        for _ in range(2):
            work.outbox.refused_by_report(run.id, "Stripe refused it.", "archived_meter", "evt_1")
            assert work.outbox.resend(run.id)
            now = work.outbox.get(run.id)
            assert now is not None
            names.append(now.identifier)
            assert (now.state, now.attempts, now.code, now.report) == (MessageState.WAITING, 0, "", "")
        assert names == ["run", "run.3", "run.4"]
        found = work.outbox.known_as([*names, "run.2", "stranger"])
        assert {name: message.id for name, message in found.items()} == {
            "run": run.id,
            "run.4": run.id,
            "run.2": other.id,
        }
        work.commit()
    usage(database, "run.4")
    with database.read() as work:
        assert [message.identifier for message in work.outbox.recent(1)] == ["run.4.2"]


def test_what_may_be_at_stripe_is_not_closed(database: Database) -> None:
    usage(database, "a", "b")
    a, _ = claim(database, "one")
    with database.write() as work:
        assert not work.outbox.close(a.id, "Taken back", MessageState.WAITING), "its try is under way"
        work.outbox.sent([a], NOW)
        assert work.outbox.close(a.id, "Taken back", MessageState.SENT)
        work.outbox.refused_by_report(a.id, "Too late")
        closed = work.outbox.get(a.id)
        assert closed is not None
        assert (closed.state, closed.error) == (MessageState.CLOSED, "Taken back")
        work.commit()


@pytest.mark.fault(
    "Clock",
    "a message is claimed, or put off, by a clock that is a day ahead, and then the clock is set right",
    "It is free at once: a time further ahead than anything is ever put off for holds nothing up.",
    figure="2 messages, a clock 24 hours ahead, on SQLite and PostgreSQL",
)
def test_what_a_wrong_clock_wrote_down_holds_nothing_up(database: Database) -> None:
    usage(database, "claimed", "put off")
    a_day_ahead = NOW + DAY_MS
    _, put_off = claim(database, "dead", a_day_ahead)
    with database.write() as work:
        work.outbox.failed(put_off, "Stripe did not answer in time.", a_day_ahead + LEASE_MS)
        work.commit()
    assert sorted(keys(claim(database, "alive"))) == ["claimed", "put off"]
    assert claim(database, "other") == [], "now they are somebody's"


def test_what_is_put_off_by_a_right_clock_waits(database: Database) -> None:
    usage(database, "a")
    (message,) = claim(database, "one")
    with database.write() as work:
        work.outbox.failed(message, "Stripe did not answer in time.", NOW + LONGEST_WAIT_MS)
        work.commit()
    assert claim(database, "one") == []
    assert keys(claim(database, "one", NOW + LONGEST_WAIT_MS)) == ["a"]
