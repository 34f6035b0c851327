"""Repairs that change our books, or queue something for Stripe in the same transaction."""

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.cash import MeteredRow, Part
from bioql_console.domain.difference_kinds import Kind
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import (
    Account,
    EntryKind,
    Fact,
    JournalEntry,
    Posting,
    invoice_payment_fact,
    payment_fact,
)
from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.outbox import MessageKind, MessageState
from bioql_console.domain.reconciliation import Difference
from bioql_console.domain.users import User
from bioql_console.services.customer_accounts import find_or_make
from bioql_console.services.metering import queue_earlier_usage
from bioql_console.services.ports import Work
from bioql_console.services.reconciliation.meter_day import day_start, require_meter_total
from bioql_console.services.reconciliation.tools import Tools
from bioql_console.services.settlement import queue_balance, settle_payment
from bioql_console.services.user_admin import known_user

CORRECTION = "reconciliation"


def post_payment(tools: Tools, one: Difference, remark: str, operator: str) -> str:
    """A payment that no event of ours will ever tell of."""
    cents = one.off_cents
    micros = cents * MICROS_PER_CENT
    with tools.store.write() as work:
        user = known_user(work, _user_id(one))
        fact = invoice_payment_fact if one.stripe_id.startswith("in_") else payment_fact
        memo = f"Posted by {operator}: {remark}"
        if work.ledger.post(fact(one.stripe_id, user.id, micros, one.since_ms, memo)):
            words = f"Paid by {one.stripe_id}"
            settle_payment(work, user, f"credit-{one.stripe_id}", cents, one.since_ms, words)
            work.inbox.reopen_about(one.details.get("payment", ""))
        work.commit()
    return f"{plain_dollars(micros)} posted to {user.name}"


def correct_books(tools: Tools, one: Difference, remark: str, operator: str) -> str:
    """Bring the books to what Stripe says, by an entry whose source names both figures."""
    part, off = one.details.get("part", Part.PAYMENT.value), one.off_cents
    source = f"{part}:{one.stripe_id}:{one.ledger_cents or 0}>{one.stripe_cents or 0}"
    memo = f"Corrected by {operator}: {remark}"
    micros = off * MICROS_PER_CENT
    with tools.store.write() as work:
        if part == Part.DISPUTE.value:
            postings = (Posting(Account.STRIPE_CLEARING, micros), Posting(Account.DISPUTES, -micros))
            entry = JournalEntry(
                EntryKind.REVERSAL, CORRECTION, source, one.since_ms, postings, memo=memo, operator=operator
            )
            work.ledger.post_entry(entry)
        else:
            user = known_user(work, _user_id(one))
            clearing = Account.STRIPE_CLEARING
            fact = Fact(
                EntryKind.REVERSAL, CORRECTION, source, user.id, -micros, clearing, one.since_ms, memo, operator
            )
            if work.ledger.post(fact) and not one.stripe_id.startswith("in_"):
                # Stripe was told of the payment or refund that never was; an invoice tells Stripe itself.
                queue_balance(work, user, f"corrected-{source}", off, one.since_ms, f"Correction of {one.stripe_id}")
        work.commit()
    return f"{plain_dollars(micros)} posted against Stripe's account"


def queue_usage(tools: Tools, one: Difference, _remark: str, _operator: str) -> str:
    """Runs of that day without a message. The run's id is the key: what is queued already stays as it is."""
    queued = 0
    with tools.store.write() as work:
        for row in _runs(work, one):
            usage = work.usage.get(row.usage_id)
            if row.state or usage is None:
                continue
            work.outbox.add(
                MessageKind.METER_EVENT,
                row.usage_id,
                user_id=row.user_id,
                stripe_customer_id=row.customer,
                value=row.units,
                occurred_ms=row.at_ms,
                extra={"shots": str(usage.shots), "backend": usage.backend},
            )
            queued += 1
        work.commit()
    return f"{queued:,} runs queued for the meter"


def send_again(tools: Tools, one: Difference, _remark: str, _operator: str) -> str:
    with tools.store.write() as work:
        refused = [row for row in _runs(work, one) if row.state == MessageState.REFUSED.value]
        for row in refused:
            work.outbox.resend(row.message_id)
        work.commit()
    return f"{len(refused):,} messages are sent again"


def count_missing(tools: Tools, one: Difference, _remark: str, _operator: str) -> str:
    """One more meter event over what is missing; its key names the day and both figures."""
    require_meter_total(tools.stripe.gateway(), one)
    lacking = -one.off_cents
    with tools.store.write() as work:
        work.outbox.add(
            MessageKind.METER_EVENT,
            f"reconcile-{one.customer}-{one.day}-{one.ledger_cents}-{one.stripe_cents or 0}",
            user_id=_user_id(one),
            stripe_customer_id=one.customer,
            value=lacking,
            occurred_ms=one.since_ms,
        )
        work.commit()
    return f"{plain_dollars(lacking * MICROS_PER_CENT)} of usage queued for the meter"


def _runs(work: Work, one: Difference) -> list[MeteredRow]:
    start = day_start(one)
    rows = work.reconciliation.metered(start)
    return [row for row in rows if row.customer == one.customer and start <= row.at_ms < start + DAY_MS]


def link_customer(tools: Tools, one: Difference, _remark: str, _operator: str) -> str:
    with tools.store.write() as work:
        user = known_user(work, _user_id(one))
        if user.stripe_customer_id:
            raise OperatorError(
                f"{user.name} has customer {user.stripe_customer_id} meanwhile.",
                fix="Reconcile again, then decide which of the two stays.",
                code="reconcile.changed",
            )
        queued = _give(tools, work, user, one.customer)
        work.commit()
    return f"{user.name} is customer {one.customer}; {queued:,} earlier runs queued for the meter"


def make_customer(tools: Tools, one: Difference, _remark: str, operator: str) -> str:
    """A customer of this account in place of none, or of one that is gone."""
    if one.kind is Kind.CUSTOMER_MISSING:
        return f"{one.user_name} is customer {tools.users.create_customer(_user_id(one), operator).stripe_customer_id}"
    with tools.store.read() as work:
        user = known_user(work, _user_id(one))
    made = find_or_make(tools.stripe.gateway(), user.name, user.email)
    with tools.store.write() as work:
        user = known_user(work, user.id)
        if user.stripe_customer_id == one.customer:
            work.users.set_threshold(user.id, None)
            _give(tools, work, user, made.id)
        work.commit()
    return f"{user.name} is customer {made.id} now; a card and a subscription have to be added again"


def _give(tools: Tools, work: Work, user: User, customer: str) -> int:
    holder = work.users.by_customer(customer)
    if holder is not None and holder.id != user.id:
        raise OperatorError(
            f"Stripe's customer for {user.email} belongs to user {holder.id} already.",
            fix=f"Compare users {user.id} and {holder.id}; disable the one that is not used.",
            code="user.customer_taken",
        )
    work.users.set_customer(user.id, customer, None)
    return queue_earlier_usage(work, user.id, customer, tools.now_ms())


def _user_id(one: Difference) -> int:
    if one.user_id is None:
        raise OperatorError(
            "It belongs to none of our users.", fix="Accept it, or register the user first.", code="reconcile.no_user"
        )
    return one.user_id
