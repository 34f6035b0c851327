"""Usage that Stripe takes first and refuses later: named here with why, repaired, and counted once in the end."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from stripe.events import V1BillingMeterErrorReportTriggeredEvent as Reported

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.meter_errors import METER_ERRORS, METER_REPORTS, explained
from bioql_console.domain.outbox import Message, MessageKind, MessageState
from bioql_console.domain.users import User
from bioql_console.sandbox.resources import meter_errors as at_stripe
from bioql_console.services.changes import Changes
from bioql_console.services.error_reports import ErrorReportFeed
from bioql_console.services.missed_events import MissedEvents
from tests.money.test_collected_once import MEMORY
from tests.money.world import DAY, HOUR, World


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def world(folder: Path, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "w")
    yield made
    made.close()


@pytest.fixture
def ada(world: World) -> User:
    return world.register("ada", "pm_card_visa")


def uses(world: World, user: User, *shots: int) -> list[str]:
    return [world.usage.record(world.user(user.id), shots=each, backend="ionq_qpu").usage_id for each in shots]


def settles(world: World) -> None:
    """Messages go, Stripe validates, reports come, and what Stripe did not name is looked for."""
    for _ in range(4):
        world.send()
        world.advance(at_stripe.WINDOW_S + 1)
        if events := world.pending_events():
            world.deliver(events)
    world.advance(60)
    world.send()


def usage(world: World, state: MessageState | None = None) -> list[Message]:
    """Oldest first."""
    with world.database.read() as work:
        found = work.outbox.recent(500, state)
    return [message for message in reversed(found) if message.kind is MessageKind.METER_EVENT]


def metered_cents(world: World, user: User) -> int:
    """What the meter at Stripe counts."""
    now_ms = world.now_ms()
    meter = world.stripe.gateway().find_meter(EVENT_NAME)
    assert meter is not None
    customer = world.user(user.id).stripe_customer_id or ""
    return int(world.stripe.gateway().meter_total(meter.id, customer, now_ms - 40 * DAY * 1000, now_ms + 60_000))


def used_cents(world: World, user: User) -> int:
    """What the books say was used, less what was taken back."""
    statement = "SELECT coalesce(-sum(micros), 0) FROM postings WHERE account = 'usage_revenue'"
    return int(world.rows(statement)[0][0]) // 10_000


def names_of(hint: Any) -> set[str]:
    found = set()
    for part in get_args(hint):
        found |= {part} if isinstance(part, str) else names_of(part)
    return found


def test_every_code_that_stripe_may_send_has_words_cause_and_cure() -> None:
    kind = Reported.V1BillingMeterErrorReportTriggeredEventData.Reason.ErrorType
    codes = names_of(kind.__annotations__["code"])
    assert len(codes) == 10
    assert set(METER_ERRORS) == codes == set(at_stripe.MESSAGES)
    assert Reported.LOOKUP_TYPE in METER_REPORTS
    assert all(each.words and each.cause and each.cure for each in METER_ERRORS.values())
    assert explained("of_next_year").words == "Stripe refused it."


@pytest.mark.parametrize("code", sorted(at_stripe.MESSAGES))
def test_a_refused_run_is_named_repaired_and_counted_once(world: World, ada: User, code: str) -> None:
    # stripe-python says that a report names the request's idempotency key, Stripe's guide shows the identifier.
    world.control("meter_validation", named_by="identifier" if len(code) % 2 else "idempotency_key")
    world.control("meter_errors", code=code)
    bad, good = uses(world, ada, 3, 4)
    settles(world)
    (refused,) = usage(world, MessageState.REFUSED)
    assert (refused.key, refused.code) == (bad, code)
    assert refused.error.startswith(METER_ERRORS[code].words)
    assert refused.report.startswith("evt_")
    assert metered_cents(world, ada) == 800

    assert world.corrections.send_again([refused.id], "ana") == 1
    assert world.corrections.send_again([refused.id], "bob") == 0, "two operators, one repair"
    settles(world)
    assert metered_cents(world, ada) == used_cents(world, ada) == 1_400
    assert {message.identifier for message in usage(world, MessageState.SENT)} == {f"{bad}.2", good}
    world.check_books()


def test_the_same_report_again_refuses_nothing_that_was_sent_again(world: World, ada: User) -> None:
    world.control("meter_errors", code="archived_meter")
    uses(world, ada, 3)
    world.send()
    world.advance(at_stripe.WINDOW_S + 1)
    report = world.pending_events()
    world.deliver(report)
    world.send()
    (refused,) = usage(world, MessageState.REFUSED)
    world.corrections.send_again([refused.id], "ana")
    world.deliver(report)
    settles(world)
    world.deliver(report)
    settles(world)
    assert [message.state for message in usage(world)] == [MessageState.SENT]
    assert metered_cents(world, ada) == used_cents(world, ada)


def test_a_report_that_can_not_be_fetched_waits_and_that_no_webhook_brought_is_found(world: World, ada: User) -> None:
    world.control("meter_errors", code="no_meter")
    uses(world, ada, 3)
    world.send()
    world.advance(at_stripe.WINDOW_S + 1)
    world.pending_events()  # lost
    missed = MissedEvents(
        world.database,
        world.stripe,
        Changes(),
        world.now_ms,
        world.applier.apply_waiting,
        feeds=(ErrorReportFeed(world.stripe),),
    )
    world.advance(HOUR)
    assert [event.type for event in missed.fetch("ana").events] == ["v1.billing.meter.no_meter_found"]
    gateway = world.stripe.gateway()
    really = gateway.retrieve_thin_event
    gateway.retrieve_thin_event = _unreachable  # type: ignore[method-assign]
    world.send()
    with world.database.read() as work:
        (report,) = work.error_reports.recent(5)
    assert report.words == "Not fetched yet. Stripe can't be reached."
    gateway.retrieve_thin_event = really  # type: ignore[method-assign]
    world.advance(61)
    world.send()
    assert [message.code for message in usage(world, MessageState.REFUSED)] == ["no_meter"]


def _unreachable(_event_id: str) -> Any:
    raise OperatorError("Stripe can't be reached.", fix="Retry.", code="stripe.unreachable")


def test_validation_that_comes_later_for_everything_loses_nothing(world: World, ada: User) -> None:
    """What is not known of Stripe: whether a missing meter is said at once or reported. Both end the same."""
    world.control("meter_validation", asynchronously=True)
    gateway = world.stripe.gateway()
    meter = gateway.find_meter(EVENT_NAME)
    assert meter is not None
    gateway.v1.billing.meters.deactivate(meter.id)
    uses(world, ada, 3)
    settles(world)
    (refused,) = usage(world, MessageState.REFUSED)
    assert refused.code == "archived_meter"
    gateway.v1.billing.meters.reactivate(meter.id)
    world.corrections.send_again([refused.id], "ana")
    settles(world)
    assert metered_cents(world, ada) == used_cents(world, ada)


def test_usage_waits_while_there_is_no_meter(world: World, ada: User) -> None:
    gateway = world.stripe.gateway()
    meter = gateway.find_meter(EVENT_NAME)
    assert meter is not None
    gateway.v1.billing.meters.deactivate(meter.id)
    uses(world, ada, 3, 4)
    world.send()
    words, until_ms = world.outbox.rests
    assert "no active meter" in words
    assert until_ms > world.now_ms()
    assert [message.state for message in usage(world)] == [MessageState.WAITING] * 2
    gateway.v1.billing.meters.reactivate(meter.id)
    world.drain()
    assert metered_cents(world, ada) == used_cents(world, ada) == 1_400


def test_usage_that_is_too_old_is_shown_and_collected_with_the_next_invoice(world: World, ada: User) -> None:
    world.outbox.hold_usage("The meter is being replaced.")
    uses(world, ada, 300)
    world.advance(36 * DAY)
    world.outbox.go_on_with_usage()
    settles(world)
    (late,) = usage(world, MessageState.REFUSED)
    assert late.code == "timestamp_too_far_in_past"
    assert world.corrections.collect_otherwise([late.id], "ana") == 1
    assert world.corrections.collect_otherwise([late.id], "bob") == 0
    world.drain()
    user = world.user(ada.id)
    assert world.stripe_position_cents(user) == world.net_cents(ada.id) == 60_000 - 1_000
    world.advance(32 * DAY)
    world.drain()
    world.advance(HOUR)
    world.drain()
    assert world.collected_cents() == 59_000
    assert world.net_cents(ada.id) == 0
    world.check_books()


# --- taken back


def test_a_run_recorded_by_mistake_is_taken_back_on_both_sides(world: World, ada: User) -> None:
    wrong, _ = uses(world, ada, 300, 400)
    world.drain()
    message = next(each for each in usage(world) if each.key == wrong)
    assert world.corrections.take_back(message.id, "ana", "A test") == 60_000
    with pytest.raises(OperatorError) as again:
        world.corrections.take_back(message.id, "bob", "A test")
    assert again.value.code == "usage.under_way"
    world.drain()
    assert metered_cents(world, ada) == used_cents(world, ada) == 80_000
    assert world.stripe_position_cents(world.user(ada.id)) == world.net_cents(ada.id)
    world.check_books()


def test_what_waits_or_was_refused_is_taken_back_without_a_word_to_stripe(world: World, ada: User) -> None:
    world.control("meter_errors", code="meter_event_invalid_value")
    uses(world, ada, 300)
    settles(world)
    uses(world, ada, 400)
    for message in usage(world):
        world.corrections.take_back(message.id, "ana", "A test")
    settles(world)
    assert metered_cents(world, ada) == used_cents(world, ada) == 0
    assert {message.state for message in usage(world)} == {MessageState.CLOSED}
    world.check_books()


def test_after_a_day_or_on_an_invoice_the_way_out_is_said(world: World, ada: User) -> None:
    uses(world, ada, 300)
    world.drain()
    (message,) = usage(world)
    world.advance(DAY)
    with pytest.raises(OperatorError) as late:
        world.corrections.take_back(message.id, "ana", "A test")
    assert (late.value.code, "Adjust the user's balance" in late.value.fix) == ("usage.too_late", True)
    assert used_cents(world, ada) == 60_000
