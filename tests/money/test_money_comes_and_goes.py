"""Refunds that fail later, inquiries, disputes of a part, disputes that are reinstated: each once, in any order."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.refunds import RANKS, MoneyBack, MoneyBackKind, RefundReason, refunded_cents
from bioql_console.domain.users import User
from bioql_console.services.changes import Changes
from bioql_console.services.refunds import Refunds
from tests.money.test_invoices_and_links import agrees, month_is_invoiced, pays_by_link, uses
from tests.money.world import BACK, HOUR, World

ASKED = RefundReason.REQUESTED


@pytest.fixture
def refunds(world: World) -> Refunds:
    return Refunds(world.database, world.stripe, world.admin, Changes(), world.now_ms)


@pytest.fixture
def ada(world: World) -> User:
    """Paid $350.00 by link."""
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 360)
    pays_by_link(world, ada)
    return ada


def payment(world: World) -> str:
    (charge,) = [each for each in world.objects("charge") if each["paid"]]
    return str(charge["payment_intent"])


def rests(world: World, ada: User, *, cash: int, owed: int) -> None:
    """Cash in the books is cash at Stripe, and Stripe would collect what is owed."""
    world.drain()
    assert (world.collected_cents(), world.cash_cents(), world.net_cents(ada.id)) == (cash, cash, owed)
    agrees(world, ada)


# --- refunds that fail ---


@pytest.mark.both_databases
def test_a_refund_that_fails_comes_back_once(world: World, refunds: Refunds, ada: User) -> None:
    refund = refunds.refund(refunds.look(payment(world)), 5_000, ASKED, "Goodwill", "ana", forgive=False)
    rests(world, ada, cash=30_000, owed=5_000)
    world.control("refund_fails", refund=refund)
    rests(world, ada, cash=35_000, owed=0)
    # The same sum again, so that Stripe's cumulative amount is one that was seen before.
    refunds.refund(refunds.look(payment(world)), 5_000, ASKED, "To the other card", "ana", forgive=False)
    rests(world, ada, cash=30_000, owed=5_000)
    assert refunds.look(payment(world)).left_cents == 30_000


def test_a_forgiven_refund_that_fails_leaves_credit(world: World, refunds: Refunds, ada: User) -> None:
    refund = refunds.refund(refunds.look(payment(world)), 5_000, ASKED, "Goodwill", "ana", forgive=True)
    world.drain()
    world.control("refund_fails", refund=refund)
    rests(world, ada, cash=35_000, owed=-5_000)


@pytest.mark.both_databases
@pytest.mark.fault(
    "Order",
    "the events of a refund that fails arrive in any order",
    "The money is back once, and the ledger ends the same.",
    figure="7 events and more in 4 orders, 0 cents off",
)
def test_a_failed_refund_s_events_come_in_any_order(world: World, ada: User) -> None:
    refund = world.control("refunds", payment_intent=payment(world), amount=5_000)
    world.control("refund_fails", refund=refund["id"])
    world.control("refunds", payment_intent=payment(world), amount=5_000)
    events = [body for body in world.pending_events() if b'"refund' in body or b'"charge.refund' in body]
    assert len(events) >= 7
    for order in (events, events[::-1], events[::2] + events[1::2], events * 2):
        world.deliver(_as_new(order))
        assert world.cash_cents() == 30_000
    rests(world, ada, cash=30_000, owed=5_000)


numbers = itertools.count()


def _as_new(bodies: list[bytes]) -> list[bytes]:
    """The same events under other ids, as if they had been heard in another life."""
    renamed = []
    for body in bodies:
        event = json.loads(body)
        renamed.append(json.dumps(event | {"id": f"{event['id']}_{next(numbers)}"}).encode())
    return renamed


def test_a_bank_debit_is_refunded_while_its_refund_is_on_its_way(world: World, refunds: Refunds) -> None:
    bo = world.register("bo", "pm_card_visa")
    uses(world, bo, 360)
    world.pay(world.links.open(bo.id, **BACK).url, bank_debit="succeeds")
    world.drain()
    world.advance(2 * HOUR)
    world.drain()
    refund = refunds.refund(refunds.look(payment(world)), 35_000, ASKED, "All of it", "ana", forgive=True)
    world.drain()
    with world.database.read() as work:
        known = work.money_back.get(refund)
    assert known is not None
    assert known.status == "pending"
    rests(world, bo, cash=0, owed=0)
    world.advance(2 * HOUR)
    rests(world, bo, cash=0, owed=0)


def _heard(number: int, cents: int, status: str) -> MoneyBack:
    return MoneyBack(f"re_{number}", MoneyBackKind.REFUND, "pi_1", cents, status, 0, number)


@given(
    st.lists(st.tuples(st.integers(1, 9_999), st.booleans()), min_size=1, max_size=6),
    st.booleans(),
    st.integers(0, 5),
)
def test_what_went_back_follows_from_all_that_was_heard(
    refunds: list[tuple[int, bool]], counts_failed: bool, unheard: int
) -> None:
    """Whether or not Stripe's cumulative amount goes down again when a refund fails, and with a refund unheard of."""
    known = [_heard(n, cents, "failed" if failed else "succeeded") for n, (cents, failed) in enumerate(refunds)]
    true = sum(cents for cents, failed in refunds if not failed)
    totals, now = [0], 0
    for cents, failed in refunds:
        totals.append(now := now + cents)
        now -= cents if failed and not counts_failed else 0
    assert refunded_cents(known, max(totals)) == true
    if not any(failed for _, failed in refunds):
        heard = [each for number, each in enumerate(known) if number != unheard]
        assert refunded_cents(heard, max(totals)) == true


@given(st.permutations(RANKS[MoneyBackKind.DISPUTE]))
def test_the_latest_of_a_dispute_s_states_is_kept(order: list[str]) -> None:
    heard = [MoneyBack("du_1", MoneyBackKind.DISPUTE, "pi_1", 100, status, 0, 0) for status in order]
    known = heard[0]
    for one in heard[1:]:
        known = known.after(one)
    assert known.status == "won"


# --- disputes ---


def test_an_inquiry_holds_nothing_and_its_payment_can_be_refunded(world: World, refunds: Refunds, ada: User) -> None:
    inquiry = world.control("disputes", payment_intent=payment(world), inquiry=True)["id"]
    rests(world, ada, cash=35_000, owed=0)
    seen = refunds.look(payment(world))
    assert (seen.held_cents, seen.left_cents) == (0, 35_000)
    with pytest.raises(OperatorError, match="only asks"):
        refunds.accept_dispute(inquiry, "ana", "Give up")
    refunds.answer_dispute(inquiry, "Ada ran 360 shots on 3 May and agreed to the price.", "ana")
    world.control("dispute_changes", dispute=inquiry, to="won")
    rests(world, ada, cash=35_000, owed=0)
    with world.database.read() as work:
        known = work.money_back.get(inquiry)
    assert known is not None
    assert (known.status, known.answers, known.withdrawn) == ("warning_closed", 1, False)


@pytest.mark.parametrize("backwards", [False, True])
def test_an_inquiry_becomes_a_dispute(world: World, ada: User, backwards: bool) -> None:
    inquiry = world.control("disputes", payment_intent=payment(world), inquiry=True)["id"]
    world.control("dispute_changes", dispute=inquiry, to="escalated")
    events = world.pending_events()
    world.deliver(events[::-1] if backwards else events)
    assert (world.cash_cents(), world.net_cents(ada.id)) == (0, 0)
    world.control("dispute_changes", dispute=inquiry, to="lost")
    rests(world, ada, cash=0, owed=35_000)
    month_is_invoiced(world, ada)
    assert world.net_cents(ada.id) == 0, "the next invoice collects what was lost"
    agrees(world, ada)


@pytest.mark.both_databases
def test_two_disputes_contest_parts_of_one_payment(world: World, refunds: Refunds, ada: User) -> None:
    refunds.refund(refunds.look(payment(world)), 5_000, ASKED, "A part", "ana", forgive=False)
    first = world.control("disputes", payment_intent=payment(world), amount=10_000)["id"]
    second = world.control("disputes", payment_intent=payment(world), amount=20_000)["id"]
    rests(world, ada, cash=0, owed=5_000)
    assert refunds.look(payment(world)).held_cents == 30_000
    world.control("dispute_changes", dispute=first, to="won")
    world.control("dispute_changes", dispute=second, to="lost")
    rests(world, ada, cash=10_000, owed=25_000)
    seen = refunds.look(payment(world))
    assert (seen.held_cents, seen.lost_cents, seen.left_cents) == (0, 20_000, 10_000)
    refunds.refund(seen, 10_000, ASKED, "What is left", "ana", forgive=True)
    rests(world, ada, cash=0, owed=25_000)


@pytest.mark.parametrize("order", [1, -1])
def test_a_lost_dispute_is_reinstated(world: World, ada: User, order: int) -> None:
    dispute = world.control("disputes", payment_intent=payment(world))["id"]
    world.control("dispute_changes", dispute=dispute, to="lost")
    if order > 0:
        rests(world, ada, cash=0, owed=35_000)
    world.control("dispute_changes", dispute=dispute, to="reinstated")
    world.deliver(world.pending_events()[::order])
    rests(world, ada, cash=35_000, owed=0)


def test_evidence_is_submitted_once_and_wins(world: World, refunds: Refunds, ada: User) -> None:
    dispute = world.control("disputes", payment_intent=payment(world))["id"]
    world.drain()
    with world.database.read() as work:
        (waiting,) = work.money_back.to_answer()
    assert waiting.due_ms is not None
    assert waiting.due_ms > world.now_ms()
    with pytest.raises(OperatorError, match="Evidence is a text"):
        refunds.answer_dispute(dispute, "  ", "ana")
    refunds.answer_dispute(dispute, "winning_evidence", "ana")
    rests(world, ada, cash=35_000, owed=0)
    with pytest.raises(OperatorError, match="decided"):
        refunds.answer_dispute(dispute, "More", "ana")
    (stored,) = world.objects("dispute")
    assert stored["evidence"]["uncategorized_text"] == "winning_evidence"


@pytest.mark.both_databases
def test_a_dispute_that_is_heard_before_its_payment_is_listed_and_waits(world: World, refunds: Refunds) -> None:
    bo = world.register("bo", "pm_card_visa")
    uses(world, bo, 360)
    world.pay(world.links.open(bo.id, **BACK).url)
    world.control("disputes", payment_intent=payment(world))
    events = world.pending_events()
    late = [body for body in events if b"checkout.session.completed" in body]
    world.deliver([body for body in events if body not in late])
    with world.database.read() as work:
        (waiting,) = work.money_back.to_answer()
    assert waiting.user_id is None
    world.deliver(late)
    rests(world, bo, cash=0, owed=0)
    with world.database.read() as work:
        (waiting,) = work.money_back.to_answer()
    assert waiting.user_id == bo.id
