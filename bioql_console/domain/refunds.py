"""Giving money back: refunds and disputes as Stripe tells of them, and what may still be refunded."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from bioql_console.domain.users import User


class RefundReason(Enum):
    """Stripe's reasons."""

    REQUESTED = "requested_by_customer"
    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"


class MoneyBackKind(Enum):
    REFUND = "refund"
    DISPUTE = "dispute"


# Stripe's statuses in the order in which they follow each other; events come in any.
RANKS = {
    MoneyBackKind.REFUND: ("pending", "requires_action", "succeeded", "failed", "canceled"),
    MoneyBackKind.DISPUTE: (
        *("warning_needs_response", "warning_under_review", "warning_closed", "needs_response", "under_review"),
        *("prevented", "lost", "appeal_needs_response", "appeal_under_review", "won"),
    ),
}
# The money comes back to us.
NOT_REFUNDED = frozenset(("failed", "canceled"))
TO_ANSWER = frozenset(("warning_needs_response", "needs_response"))
UNDECIDED = TO_ANSWER | {"warning_under_review", "under_review"}
LOST = frozenset(("prevented", "lost", "appeal_needs_response", "appeal_under_review"))


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """A refund or a dispute, by all that was heard of it.

    Args:
        id: Stripe's `re_…` or `du_…`.
        user_id: None while its payment is not in our books.
        status: Stripe's.
        heard_ms: Stripe's time of the newest event about it.
        due_ms: Until when a dispute can be answered.
        withdrawn: The bank took the money, so this is more than an inquiry.
        reinstated: The bank gave it back.
        answers: How often evidence was submitted.
    """

    id: str
    kind: MoneyBackKind
    payment_intent: str
    cents: int
    status: str
    created_ms: int
    heard_ms: int
    reason: str = ""
    due_ms: int | None = None
    withdrawn: bool = False
    reinstated: bool = False
    answers: int = 0
    user_id: int | None = None
    user_name: str = ""

    @property
    def is_back(self) -> bool:
        """The bank decided for us, or changed its mind."""
        return self.status == "won" or self.reinstated

    @property
    def is_lost(self) -> bool:
        return self.withdrawn and not self.is_back and self.status in LOST

    @property
    def is_inquiry(self) -> bool:
        """The bank only asks; no money moved."""
        return self.status.startswith("warning_") and not self.withdrawn

    @property
    def to_answer(self) -> bool:
        """Evidence can be submitted."""
        return self.kind is MoneyBackKind.DISPUTE and self.status in TO_ANSWER

    def after(self, heard: "MoneyBack") -> "MoneyBack":
        """What is known once `heard` is known too, whichever of the two happened first."""
        ranks = RANKS[self.kind]
        mine, other = ((ranks.index(one.status), one.heard_ms) for one in (self, heard))
        newest = heard if other >= mine else self
        return replace(
            newest,
            heard_ms=max(self.heard_ms, heard.heard_ms),
            withdrawn=self.withdrawn or heard.withdrawn,
            reinstated=self.reinstated or heard.reinstated,
            answers=max(self.answers, heard.answers),
            user_id=self.user_id or heard.user_id,
        )


def refunded_cents(refunds: Iterable[MoneyBack], cumulative_cents: int) -> int:
    """What truly went back of a payment, in whatever order its events came.

    Refunds are told one by one and by the charge's `amount_refunded`. Some of them may not have been heard of yet, and
    the cumulative amount may or may not count those that failed later.

    Args:
        cumulative_cents: The largest `amount_refunded` heard.
    """
    known = list(refunds)
    failed = sum(each.cents for each in known if each.status in NOT_REFUNDED)
    alive = sum(each.cents for each in known if each.status not in NOT_REFUNDED)
    return max(alive, cumulative_cents - failed)


@dataclass(frozen=True, slots=True)
class Refundable:
    """A payment and what is left of it to give back.

    Args:
        payment_intent: Stripe's `pi_…`.
        paid_for: What it paid, e.g. "Checkout link" or an invoice's number.
        held_cents: What a bank holds because of a dispute.
        lost_cents: What was lost to disputes.
        failed: How many of its refunds came back.
        disputes: All of its disputes, newest first.
    """

    payment_intent: str
    user: User
    paid_for: str
    paid_cents: int
    refunded_cents: int
    held_cents: int
    lost_cents: int = 0
    failed: int = 0
    disputes: tuple[MoneyBack, ...] = ()

    @property
    def left_cents(self) -> int:
        """What may still be given back; nothing of a payment that is disputed."""
        return 0 if self.held_cents else max(0, self.paid_cents - self.refunded_cents - self.lost_cents)

    @property
    def open_dispute(self) -> MoneyBack | None:
        """The dispute, or inquiry, that is not decided yet."""
        return next((one for one in self.disputes if one.status in UNDECIDED), None)
