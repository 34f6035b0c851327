"""Disputes that one side lacks, and what banks decided unheard."""

import pytest

from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.ledger import (
    Account,
    EntryKind,
    JournalEntry,
    Posting,
)
from bioql_console.domain.users import User
from tests.reconciliation.desks import Desk


@pytest.mark.parametrize("outcome", ["winning_evidence", "losing_evidence"])
def test_a_dispute_and_its_outcome_unheard(desk: Desk, ada: User, outcome: str) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    dispute = desk.world.control("disputes", payment_intent=payment)
    desk.keep_no_events()
    assert desk.only(Kind.DISPUTE_MISSED).stripe_cents == -35_000
    desk.repair(Kind.DISPUTE_MISSED)
    desk.is_clean()
    desk.api.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": outcome}})
    desk.keep_no_events()
    desk.only(Kind.DISPUTE_OUTCOME)
    desk.repair(Kind.DISPUTE_OUTCOME)
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == (35_000 if outcome.startswith("losing") else 0)


def test_an_inquiry_holds_nothing_until_it_becomes_a_dispute(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    inquiry = desk.world.control("disputes", payment_intent=payment, inquiry=True, amount=10_000)
    desk.keep_no_events()
    desk.is_clean()
    desk.world.control("dispute_changes", dispute=inquiry["id"], to="escalated")
    desk.keep_no_events()
    assert desk.only(Kind.DISPUTE_MISSED).stripe_cents == -10_000
    desk.repair(Kind.DISPUTE_MISSED)
    desk.is_clean()
    desk.world.control("dispute_changes", dispute=inquiry["id"], to="lost")
    desk.world.drain()
    desk.is_clean()
    desk.world.control("dispute_changes", dispute=inquiry["id"], to="reinstated")
    desk.keep_no_events()
    desk.only(Kind.DISPUTE_OUTCOME)
    desk.repair(Kind.DISPUTE_OUTCOME)
    desk.is_clean()
    assert desk.world.net_cents(ada.id) == 0


def test_a_dispute_that_no_bank_opened(desk: Desk, ada: User) -> None:
    payment = desk.pays(ada)
    desk.world.drain()
    sides = (Posting(Account.DISPUTES, 5_000_000), Posting(Account.STRIPE_CLEARING, -5_000_000))
    entry = JournalEntry(
        EntryKind.DISPUTE_HOLD, "dispute", "du_unknown", desk.world.now_ms(), sides, memo=f"Dispute of {payment}"
    )
    with desk.world.database.write() as work:
        work.ledger.post_entry(entry)
        work.commit()
    one = desk.only(Kind.DISPUTE_UNKNOWN)
    assert (one.user_id, one.ledger_cents, one.stripe_cents) == (ada.id, -500, None)
    desk.repair(Kind.DISPUTE_UNKNOWN)
    desk.is_clean()
