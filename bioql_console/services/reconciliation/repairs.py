"""Mending a difference, or letting it stand: each with a remark, on record, and never twice."""

from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.reconciliation import Accepted, Difference
from bioql_console.domain.repairs import Repair
from bioql_console.services.changes import Change, Changes
from bioql_console.services.reconciliation import book_repairs, stripe_repairs
from bioql_console.services.reconciliation.missed_objects import apply_from_stripe
from bioql_console.services.reconciliation.tools import Tools

TOPICS = ("balances", "events", "checkouts", "outbox", "users", "activity")


class Repairs:
    """Carries out what a difference's plan says."""

    def __init__(self, tools: Tools, changes: Changes) -> None:
        self._tools = tools
        self._changes = changes

    def plan(self, one: Difference) -> list[tuple[str, str]]:
        """What will be done, for whoever decides it."""
        rows = [
            ("Difference", one.kind.value.title),
            ("What", one.stripe_id),
            ("User", one.user_name or "none of ours"),
            ("In the books", _side(one.ledger_cents)),
            ("At Stripe", _side(one.stripe_cents)),
            ("UTC day", one.day),
            ("Repair", one.repair_words),
        ]
        return [row for row in rows if row[1]]

    def repair(self, one: Difference, remark: str, operator: str) -> str:
        """Mend it. One sentence about what was done.

        Raises:
            OperatorError: `reconcile.*`, `stripe.*`, `live.locked`, `refund.*`, `user.*`, `db.*`.
        """
        _require(remark)
        way = WAYS.get(one.repair)
        if way is None:
            raise OperatorError(
                f"The console can't mend this: {one.kind.value.title.lower()}.",
                fix=one.repair_words,
                code="reconcile.no_repair",
            )
        done = way(self._tools, one, remark.strip(), operator)
        self._record(one, "repaired difference", done, remark, operator)
        return done

    def accept(self, one: Difference, remark: str, operator: str) -> None:
        """Let it stand: it is not reported again until its amounts change.

        Raises:
            OperatorError: `reconcile.no_remark`, `db.*`.
        """
        _require(remark)
        with self._tools.store.write() as work:
            work.reconciliation.accept(Accepted(one.key, one.state, remark.strip(), operator, self._tools.now_ms()))
            work.commit()
        self._record(one, "accepted difference", "Let stand", remark, operator)

    def _record(self, one: Difference, action: str, done: str, remark: str, operator: str) -> None:
        subject = f"user {one.user_id}" if one.user_id else one.stripe_id
        with self._tools.store.write() as work:
            work.activity.record(operator, action, subject, before=one.what, after=done, reason=remark.strip())
            work.commit()
        self._changes.publish(*(Change(topic, one.user_id) for topic in TOPICS))


def _require(remark: str) -> None:
    if not remark.strip():
        raise OperatorError(
            "This needs a remark.", fix="Say why, for whoever reads the activity trail.", code="reconcile.no_remark"
        )


def _side(cents: int | None) -> str:
    return "nothing" if cents is None else plain_dollars(cents * MICROS_PER_CENT)


WAYS: dict[Repair, Callable[[Tools, Difference, str, str], str]] = {
    Repair.APPLY: lambda tools, one, _remark, _operator: apply_from_stripe(tools, one),
    Repair.POST_PAYMENT: book_repairs.post_payment,
    Repair.CORRECT_BOOKS: book_repairs.correct_books,
    Repair.QUEUE_USAGE: book_repairs.queue_usage,
    Repair.SEND_AGAIN: book_repairs.send_again,
    Repair.COUNT_MISSING: book_repairs.count_missing,
    Repair.LINK_CUSTOMER: book_repairs.link_customer,
    Repair.MAKE_CUSTOMER: book_repairs.make_customer,
    Repair.REFUND: stripe_repairs.refund_second,
    Repair.CANCEL_USAGE: stripe_repairs.cancel_usage,
    Repair.CREDIT_USAGE: stripe_repairs.credit_usage,
    Repair.TELL_BALANCE: stripe_repairs.tell_balance,
    Repair.UNDO_BALANCE: stripe_repairs.undo_balance,
    Repair.DELETE_CUSTOMER: stripe_repairs.delete_customer,
}
