"""What was mended by hand, and whose event arrives after all: posted once, or said again until it is mended."""

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.ledger import refund_fact
from bioql_console.domain.users import User
from tests.reconciliation.desks import Desk


def test_a_payment_posted_by_hand_whose_event_comes_late(desk: Desk, ada: User) -> None:
    desk.pays(ada)
    late = desk.world.pending_events()
    one = desk.only(Kind.PAYMENT_MISSED)
    desk.repairs.repair(one, "as agreed", "ana")
    desk.repairs.repair(one, "asked twice", "bob")
    desk.world.deliver(late)
    desk.world.drain()
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 0


def test_a_refund_mended_and_heard_late(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    desk.api.refunds.create({"payment_intent": payment, "amount": 1_000})
    late = desk.world.pending_events()
    one = desk.only(Kind.REFUND_MISSED)
    for operator in ("ana", "bob"):
        desk.repairs.repair(one, "as agreed", operator)
    desk.world.deliver(late)
    desk.world.drain()
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 1_000


def test_a_payment_taken_out_of_the_books_that_was_collected_after_all(desk: Desk, ada: User) -> None:
    """Corrected with another account's key, say."""
    payment = desk.pays(ada)
    desk.world.drain()
    store = desk.world.sandbox._store.db
    kinds = ("payment_intent", "charge", "checkout.session", "event")
    for kind in kinds:
        store.execute("UPDATE objects SET kind = ? WHERE kind = ?", (f"hidden {kind}", kind))
    desk.repair(Kind.PAYMENT_UNKNOWN)
    assert desk.world.net_cents(ada.id) == 35_000
    for kind in kinds:
        store.execute("UPDATE objects SET kind = ? WHERE kind = ?", (kind, f"hidden {kind}"))
    one = desk.find().differences[0]
    assert one.stripe_id == payment
    desk.repairs.repair(one, "it was there after all", "ana")
    desk.world.drain()
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 0


def test_a_dispute_taken_out_of_the_books_that_a_bank_opened_after_all(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    dispute = desk.world.control("disputes", payment_intent=payment)
    desk.world.drain()
    store = desk.world.sandbox._store.db
    store.execute("UPDATE objects SET kind = 'hidden' WHERE kind = 'dispute'")
    desk.repair(Kind.DISPUTE_UNKNOWN)
    store.execute("UPDATE objects SET kind = 'dispute' WHERE kind = 'hidden'")
    one = desk.find().differences[0]
    desk.repairs.repair(one, "it was there after all", "ana")
    desk.world.drain()
    desk.is_clean()
    desk.api.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": "losing_evidence"}})
    desk.world.drain()
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 35_000


def test_a_corrected_refund_and_one_that_is_made_afterwards(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    with desk.world.database.write() as work:
        work.ledger.post(refund_fact(f"{payment}:evt_x", ada.id, 50_000_000, desk.world.now_ms(), "?"))
        work.commit()
    desk.repair(Kind.REFUND_NOT_MADE)
    desk.is_clean()
    desk.api.refunds.create({"payment_intent": payment, "amount": 5_000})
    desk.world.drain()
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 5_000
