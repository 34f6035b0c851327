"""Which promise each planted mistake breaks. The simulation has to find each of them."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.simulation import mistakes
from tests.simulation.plan import Plan, Step

NOTHING_OWED = "nothing owed, nothing collected"


@dataclass(frozen=True)
class Bug:
    """A planted mistake.

    Args:
        shown_by: A seed, of 60 events, found by a search; or a plan, where no seed of thousands has such steps.
        breaks: The promises of which one is the first to be seen broken; of all of them mostly the first is.
    """

    name: str
    plant: Callable[[pytest.MonkeyPatch], None]
    shown_by: int | Plan
    breaks: tuple[str, ...]


LATE_CARD = Plan(
    seed=1,
    cards=("pm_card_chargeCustomerFail",),
    thresholds=False,
    consoles=1,
    retries=0,
    in_order=True,
    steps=(
        Step(0, "uses much", 14000),
        Step(1, "month ends", 0),
        Step(2, "everything arrives", 0),
        Step(3, "pays a page", 1),
        Step(4, "gets a new card", 0),
        Step(5, "everything arrives", 0),
        Step(6, "days pass", 8),
    ),
)
BUGS = (
    Bug("an entry that does not balance", mistakes.one_sided, 1, ("books balance",)),
    Bug("a balance that follows later", mistakes.balance_apart, 0, ("balances follow",)),
    Bug("an entry that is written over", mistakes.written_over, 0, ("append-only",)),
    Bug("no unique guard", mistakes.no_unique_guard, 591, ("posted once", "cash", "truth")),
    Bug("answered before stored", mistakes.answered_first, 170, ("acknowledged is stored",)),
    Bug("credit note not sent", mistakes.note_not_sent, 846, ("sent is there",)),
    Bug("marked as sent before it is", mistakes.marked_before_sent, 424, ("sent is there",)),
    Bug("a new idempotency key at each try", mistakes.key_made_anew, 55, ("made once",)),
    Bug("a new name of a run at each try", mistakes.run_named_anew, 4468, ("counted once", "sent is there")),
    Bug("the next invoice lowered instead of the open one", mistakes.next_invoice_instead, LATE_CARD, (NOTHING_OWED,)),
    Bug(
        "an earlier page stays open",
        mistakes.page_closed_here_only,
        4,
        ("one page", "no page asks too much", NOTHING_OWED),
    ),
    Bug("a page that asks for too much", mistakes.pages_left_open, 567, ("no page asks too much",)),
    Bug("a stale invoice overwrites", mistakes.stale_invoice, 843, ("as it stands", "collected once", NOTHING_OWED)),
    Bug("a stale refund overwrites", mistakes.stale_refund, 1954, ("cash", "truth", "as it stands")),
    Bug("a refund that failed and counts", mistakes.failed_refund_counts, 195, ("cash",)),
    Bug("given up after one failure", mistakes.given_up, 55, ("nothing waits",)),
    Bug("complete before it is fetched", mistakes.complete_too_soon, 323, ("nothing waits",)),
    Bug("pressed twice, done twice", mistakes.pressed_twice, 394, ("truth",)),
    Bug("a bounced debit is kept as credit", mistakes.bounce_kept, 23, ("collected once",)),
    Bug("a payment by link that Stripe is not told of", mistakes.link_not_told, 463, ("collected once",)),
    Bug("a message apart from its posting", mistakes.message_apart, 678, ("meter is usage", "collected once")),
    Bug("a trail without a chain", mistakes.chain_without_links, 55, ("verified",)),
    Bug("a failure that is not told as one", mistakes.failure_not_told, 55, ("no surprise",)),
)
