"""Books that don't hold are not posted to: broken by hand on real databases, one invariant at a time."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import invoice_payment_fact, payment_fact, usage_fact
from bioql_console.domain.verification import Difference, Place
from bioql_console.domain.webhooks import EventSource, EventState, ReceivedEvent
from bioql_console.services.book_safety import BookSafety
from bioql_console.services.changes import Changes
from bioql_console.services.event_applier import EventApplier
from bioql_console.services.ledger_sweep import LedgerSweep
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.storage.database import Database
from tests.storage.people import NOW, add_people, person, rows, tamper
from tests.storage.test_verify import PLANTED, fill_books

ADA, BOB = 1, 2
BREACHES = {
    "a kept balance was changed": "a debt was lowered",
    "an entry does not sum to zero": "a posting was changed",
    "an entry lost its postings": "an entry lost all postings",
    "the trail was changed": "the trail was changed",
    "a payment counts that was never posted": "a payment was never posted",
    "a run costs something else than was posted": "a run became cheaper",
    "a balance is gone": "a balance was deleted",
}


@pytest.fixture
def books(database: Database) -> Database:
    fill_books(database)
    return database


def safety_of(database: Database) -> BookSafety:
    return BookSafety(database, Changes(), lambda: NOW)


def swept(database: Database) -> list[Difference]:
    """One walk of the background check; what it stopped posting for."""
    safety = safety_of(database)
    assert LedgerSweep(database, safety, lambda: NOW, first_s=0).walk()
    return [each.difference for each in safety.breaches()]


def pay(database: Database, user_id: int, payment: str = "pi_new") -> None:
    with database.write() as work:
        work.ledger.post(payment_fact(payment, user_id, 2_000_000, NOW, ""))
        work.commit()


def refusal(work: Callable[[], object]) -> OperatorError:
    with pytest.raises(OperatorError) as refused:
        work()
    return refused.value


def paid_event(number: int) -> ReceivedEvent:
    body = b'{"id": "evt_n%d", "object": "event", "type": "customer.created", "data": {"object": {}}}' % number
    return ReceivedEvent(f"evt_n{number}", "customer.created", body, NOW, NOW, EventSource.HTTP, False)


@pytest.mark.fault(
    "Database",
    "Somebody changes the ledger's rows past the console",
    "A walk through the books in the background names what is broken; from then on nothing is posted or sent, events "
    "are still stored and acknowledged, and everything can be read.",
    figure="7 invariants on SQLite and PostgreSQL",
)
@pytest.mark.parametrize("name", BREACHES)
def test_broken_books_are_not_posted_to_and_events_are_still_stored(books: Database, name: str) -> None:
    tamper(books, PLANTED[BREACHES[name]][0])
    found = swept(books)
    assert found, "the walk found nothing"
    refused = refusal(lambda: pay(books, BOB))
    assert refused.code == "ledger.unsafe"
    assert found[0].what in refused.what

    with books.write() as work:
        work.inbox.add([paid_event(1)])
        work.commit()
    applier = EventApplier(books, Environment.SANDBOX, Changes(), lambda: NOW)
    assert refusal(applier.apply_waiting).code == "ledger.unsafe"
    with books.read() as work:
        assert work.inbox.counts()[EventState.RECEIVED] == 1, "the event waits"
        assert work.users.get(ADA) is not None
        (said,) = (act for act in work.activity.page(_all(), None, 50).rows if act.action == "stopped posting")
    assert (said.operator, said.after) == ("system", found[0].what)
    assert len(swept(books)) == len(found), "each is said once"


def _all() -> object:
    from bioql_console.domain.paging import ActivityQuery

    return ActivityQuery()


def test_nothing_is_sent_to_stripe_meanwhile(books: Database) -> None:
    tamper(books, PLANTED["a debt was lowered"][0])
    swept(books)
    nowhere = StripeAccess(Environment.SANDBOX, lambda: "sk_test_a", "http://127.0.0.1:9")
    sender = OutboxSender(books, nowhere, Changes(), lambda: NOW)
    assert refusal(sender.send_due).code == "ledger.unsafe"
    sender.close()


def test_stop_outlives_a_restart(books: Database, tmp_path: Path) -> None:
    tamper(books, PLANTED["a debt was lowered"][0])
    swept(books)
    address = make_url(books.url).render_as_string(hide_password=False)
    books.close()
    again = Database(address, lambda: NOW)
    again.open(tmp_path / "backups")
    assert refusal(lambda: pay(again, BOB)).code == "ledger.unsafe"
    again.close()


# --- what one transaction finds by itself


@pytest.mark.fault(
    "Database",
    "A kept balance is changed by hand right before a payment for it",
    "The payment's own transaction sees that the balance is not what the postings add up to; it is taken back whole, "
    "and nothing is posted from then on.",
    figure="off by $0.000001, 0 posted, on SQLite and PostgreSQL",
)
def test_posting_to_a_balance_that_does_not_fit_is_taken_back(books: Database) -> None:
    told: list[str] = []
    books.on_breach = lambda: told.append("stopped")
    tamper(books, "UPDATE balances SET receivable_micros = receivable_micros + 1 WHERE user_id = 1")
    entries = rows(books, "SELECT count(*) FROM journal_entries")
    refused = refusal(lambda: pay(books, ADA))
    assert refused.code == "ledger.unsafe"
    assert "User 1 is shown as owing $0.000001 with credit of $0.00, but the postings say $0.00" in refused.what
    assert rows(books, "SELECT count(*) FROM journal_entries") == entries, "the payment is not in the books"
    assert told == ["stopped"]
    assert refusal(lambda: pay(books, BOB)).code == "ledger.unsafe", "nobody else's either"


DOUBLES = {
    "sqlite": (
        "CREATE TRIGGER doubles AFTER INSERT ON postings WHEN new.account = 'stripe_clearing' BEGIN "
        "UPDATE postings SET micros = micros * 2 WHERE id = new.id; END",
    ),
    "postgresql": (
        "CREATE FUNCTION doubled() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN new.micros := new.micros * 2; RETURN new; END $$",
        "CREATE TRIGGER doubles BEFORE INSERT ON postings FOR EACH ROW WHEN (new.account = 'stripe_clearing') "
        "EXECUTE FUNCTION doubled()",
    ),
}


def test_entry_that_is_not_stored_as_it_was_posted_is_taken_back(books: Database, kind: str) -> None:
    tamper(books, *DOUBLES[kind])
    assert "was not stored as it was posted" in refusal(lambda: pay(books, ADA)).what
    assert rows(books, "SELECT count(*) FROM journal_entries WHERE source_id = 'pi_new'") == [(0,)]


def test_users_with_a_long_history_are_added_up_now_and_then(sqlite_database: Database) -> None:
    """So that a posting costs the same whoever it is for; the walk in the background looks at everybody."""
    (ada,) = add_people(sqlite_database, person("Ada"))
    tamper(sqlite_database, "UPDATE balances SET version = 100000, receivable_micros = 1 WHERE user_id = 1")

    def run(number: int) -> None:
        with sqlite_database.write() as work:
            work.ledger.post(usage_fact(f"u{number}", ada, 1_000, NOW, ""))
            work.commit()

    run(1)

    def run_many() -> None:  # one posting in a hundred adds everything up
        for number in range(2, 102):
            run(number)

    assert refusal(run_many).code == "ledger.unsafe"


# --- the walk finds what the whole check finds


@pytest.mark.parametrize("name", PLANTED)
def test_walk_in_small_steps_finds_the_same(books: Database, name: str) -> None:
    tamper(books, PLANTED[name][0])
    found: list[str] = []
    place: Place | None = Place()
    with books.read() as work:
        whole = {each.what for each in work.verifier.run().differences}
        beyond = {each.what for each in work.verifier.beyond_steps()}
        while place is not None:
            step = work.verifier.step(place, 1)
            found += [each.what for each in step.differences]
            place = step.next
    assert set(found) | beyond == whole
    assert len(found) == len(set(found)), "each is found once"


# --- the way back


def test_balance_is_added_up_again_and_posting_goes_on(books: Database) -> None:
    tamper(books, "UPDATE balances SET receivable_micros = 7 WHERE user_id = 1", PLANTED["a balance was deleted"][0])
    swept(books)
    safety = safety_of(books)
    assert safety.check_again("ada"), "nothing was mended yet"
    plan = [each.words for each in safety.plan()]
    assert plan == [f"The balance of user {user} is added up from the postings again." for user in (BOB, ADA)]
    assert safety.mend("ada", "the tool of the night wrote into it") == []
    pay(books, ADA)
    pay(books, BOB, "pi_other")
    with books.read() as work:
        assert work.verifier.run().ok
        actions = [act.action for act in work.activity.page(_all(), None, 50).rows]
    assert actions[:4] == ["let posting go on", "mended the books", "mended the books", "found more broken"]


def test_payment_that_was_posted_twice_is_reversed(books: Database) -> None:
    """The way both keys got in is not ours; the books say so, and one of the two is taken back."""
    with books.write() as work:
        work.invoices.add_payment("pi_1", "in_1")
        work.ledger.post(invoice_payment_fact("in_1", ADA, 5_000_000, NOW, ""))
        work.commit()
    (found,) = swept(books)
    assert "Payment pi_1 was posted twice" in found.what
    safety = safety_of(books)
    assert [each.words for each in safety.plan()] == ["Entry 2 is reversed: user 1 owes $5.00 more."]
    assert safety.mend("ada", "posted by hand") == []
    with books.read() as work:
        assert work.verifier.run().ok
        assert work.users.get(ADA).balance.owed_micros == 0  # type: ignore[union-attr]


TWICE = {
    "sqlite": (
        "CREATE TABLE loose (id INTEGER PRIMARY KEY, kind, source_type, source_id, effective_ms, recorded_ms, "
        "operator, memo, currency, reverses)",
        "INSERT INTO loose SELECT * FROM journal_entries",
        "INSERT INTO loose SELECT 99, kind, source_type, source_id, effective_ms, recorded_ms, operator, memo, "
        "currency, reverses FROM journal_entries WHERE id = 2",
        "DROP TABLE journal_entries",
        "ALTER TABLE loose RENAME TO journal_entries",
    ),
    "postgresql": (
        "ALTER TABLE journal_entries DROP CONSTRAINT uq_journal_entries_kind_source_type_source_id",
        "INSERT INTO journal_entries SELECT 99, kind, source_type, source_id, effective_ms, recorded_ms, operator, "
        "memo, currency, reverses FROM journal_entries WHERE id = 2",
    ),
}
COPIED = (
    "INSERT INTO postings (id, entry_id, account, user_id, micros, effective_ms) "
    "SELECT id + 100, 99, account, user_id, micros, effective_ms FROM postings WHERE entry_id = 2"
)


def test_unique_key_that_was_taken_away_is_missed(books: Database, kind: str) -> None:
    tamper(books, *TWICE[kind], COPIED)
    with books.read() as work:
        said = [each.what for each in work.verifier.run().differences]
    assert "payment_intent pi_1 was posted 2 times as payment, the last time as entry 99." in said


def test_more_posted_than_stripe_collected(books: Database) -> None:
    tamper(
        books,
        "UPDATE inbox SET type = 'checkout.session.completed', amount_micros = 4000000 WHERE event_id = 'evt_1'",
    )
    (found,) = swept(books)
    assert found.what == "Stripe collected $4.00 of pi_1, but $5.00 was posted for it."
    assert found.entry_id == 2


def test_changed_entries_need_a_backup(books: Database) -> None:
    tamper(books, PLANTED["a posting was changed"][0])
    swept(books)
    safety = safety_of(books)
    assert safety.plan() == []
    assert refusal(lambda: safety.mend("ada", "let me")).code == "ledger.only_backup"
    tamper(books, "UPDATE postings SET micros = micros - 1 WHERE id = 1")  # as a backup has it
    assert safety.check_again("ada") == []
    pay(books, ADA)


def test_check_can_be_stopped(books: Database) -> None:
    tamper(books, PLANTED["a debt was lowered"][0])
    swept(books)
    safety = safety_of(books)
    percents: list[int] = []
    stopped = refusal(lambda: safety.check_again("ada", percents.append, lambda: len(percents) > 2))
    assert stopped.code == "check.stopped"
    assert percents == sorted(percents)
    assert safety.breaches()
