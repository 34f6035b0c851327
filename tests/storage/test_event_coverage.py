"""How far Stripe's list was followed, by whom, and when somebody watched; the same on both databases."""

from concurrent.futures import ThreadPoolExecutor

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.event_coverage import HOUR_MS, Coverage, HourOfEvents, Span
from bioql_console.domain.webhooks import EventSource, EventState, ReceivedEvent
from bioql_console.storage.database import Database
from tests.storage.people import NOW, rows

MINUTE = 60_000


def event(number: int, created_ms: int = NOW, source: EventSource = EventSource.BACKFILL) -> ReceivedEvent:
    return ReceivedEvent(f"evt_{number}", "x.y", b"{}", created_ms, NOW, source, False)


def test_what_is_complete_never_goes_back(database: Database) -> None:
    with database.write() as work:
        assert work.coverage.get() == Coverage()
        work.coverage.complete(500, 510)
        work.coverage.complete(400, 520, "kinds")
        assert work.coverage.get() == Coverage(500, 520, "kinds")
        work.coverage.lose(Span(100, 200))
        work.coverage.lose(Span(150, 300))
        assert work.coverage.get() == Coverage(500, 520, "kinds", 100, 300)
        work.coverage.reconciled()
        work.commit()
    with database.read() as work:
        assert work.coverage.get() == Coverage(500, 520, "kinds")


def test_of_many_consoles_one_follows_the_list(database: Database) -> None:
    def claim(console: int) -> bool:
        with database.write() as work:
            mine = work.coverage.claim(f"console {console}", NOW, NOW + MINUTE)
            work.commit()
        return mine

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_a_claim_ends_by_itself_or_when_it_is_given_back(database: Database) -> None:
    with database.write() as work:
        assert work.coverage.claim("a", NOW, NOW + MINUTE)
        assert work.coverage.claim("a", NOW + 1, NOW + MINUTE)
        assert not work.coverage.claim("b", NOW + MINUTE, NOW + 2 * MINUTE)
        assert work.coverage.claim("b", NOW + MINUTE + 1, NOW + 2 * MINUTE)
        work.coverage.release("a")
        assert not work.coverage.claim("a", NOW + MINUTE + 2, NOW + 2 * MINUTE)
        work.coverage.release("b")
        assert work.coverage.claim("a", NOW + MINUTE + 2, NOW + 2 * MINUTE)


def test_a_claim_by_a_clock_that_was_a_day_ahead_keeps_nobody_out(database: Database) -> None:
    with database.write() as work:
        assert work.coverage.claim("a", NOW + DAY_MS, NOW + DAY_MS + MINUTE)
        assert work.coverage.claim("b", NOW, NOW + MINUTE)


def test_a_pause_begins_a_new_watch(database: Database) -> None:
    with database.write() as work:
        for at in (NOW, NOW + MINUTE, NOW + 2 * MINUTE, NOW + 60 * MINUTE, NOW + 61 * MINUTE):
            work.coverage.watched(at, 2 * MINUTE)
        whole = [Span(NOW, NOW + 2 * MINUTE), Span(NOW + 60 * MINUTE, NOW + 61 * MINUTE)]
        assert work.coverage.watches(NOW) == whole
        assert work.coverage.watches(NOW + 3 * MINUTE) == whole[1:]


def test_missed_events_are_new_once_and_leave_deliveries_alone(database: Database) -> None:
    with database.write() as work:
        work.inbox.add([event(1, source=EventSource.HTTP)])
        assert work.inbox.add_missed([event(3), event(1), event(2)]) == {"evt_2", "evt_3"}
        assert work.inbox.add_missed([]) == set()
        assert [one.id for one in work.inbox.waiting(9)] == ["evt_1", "evt_3", "evt_2"]
        assert [one.id for one in work.inbox.named(["evt_2", "evt_9", "evt_1"])] == ["evt_2", "evt_1"]
        assert work.inbox.states(["evt_2", "evt_3", "evt_9"]) == {EventState.RECEIVED: 2}
        work.commit()
    assert rows(database, "SELECT deliveries, source FROM inbox ORDER BY event_id") == [
        (1, "http"),
        (1, "backfill"),
        (1, "backfill"),
    ]


def test_events_are_counted_by_stripes_hour_and_how_they_came(database: Database) -> None:
    hour = NOW - NOW % HOUR_MS
    with database.write() as work:
        assert work.inbox.last_created_ms() is None
        sources = (EventSource.HTTP, EventSource.BACKFILL, EventSource.CLI)
        work.inbox.add([event(number, hour + number, source) for number, source in enumerate(sources)])
        work.inbox.add([event(9, hour + HOUR_MS)])
        assert work.inbox.hours(hour) == [HourOfEvents(hour, 2, 1), HourOfEvents(hour + HOUR_MS, 0, 1)]
        assert work.inbox.hours(hour + HOUR_MS) == [HourOfEvents(hour + HOUR_MS, 0, 1)]
        assert work.inbox.last_created_ms() == hour + HOUR_MS
