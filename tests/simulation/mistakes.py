"""Mistakes to plant in the product: a guard left out, two things in the wrong order, a key made anew."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from bioql_console.domain import refunds
from bioql_console.domain.activity import link
from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import EntryKind, Posting
from bioql_console.domain.refunds import MoneyBack
from bioql_console.services import (
    checkout_links,
    event_decisions,
    event_intake,
    invoice_decisions,
    settlement,
    stripe_customers,
    stripe_gateway,
    usage_corrections,
    usage_recording,
    user_admin,
)
from bioql_console.services.checkout_links import CheckoutLinks
from bioql_console.services.event_search import EventSearch
from bioql_console.services.money_messages import MoneyMessages
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.usage_meter import StripeUsageMeter
from bioql_console.services.user_admin import UserAdmin
from bioql_console.storage import activity, invoices
from bioql_console.storage.activity import ActivityLog
from bioql_console.storage.ledger import Ledger
from bioql_console.storage.safety import PostingGuard

Patch = pytest.MonkeyPatch


def one_sided(patch: Patch) -> None:
    """An entry whose first posting is rounded down, and nobody looks before the commit."""
    post = Ledger.post_entry

    def post_entry(self: Ledger, entry: Any) -> int | None:
        first, *others = entry.postings
        rounded = Posting(first.account, first.micros // 10_001 * 10_001, first.user_id)
        object.__setattr__(entry, "postings", (rounded, *others))
        return post(self, entry)

    patch.setattr(Ledger, "post_entry", post_entry)
    patch.setattr(PostingGuard, "broken", lambda self: [])


def balance_apart(patch: Patch) -> None:
    """The kept balance follows in the next transaction, and nobody looks before the commit."""
    late: list[tuple[Any, ...]] = []
    move = Ledger._move_balance

    def move_later(self: Ledger, *moved: Any) -> None:
        late.append(moved)
        if len(late) > 1:
            move(self, *late.pop(0))

    patch.setattr(Ledger, "_move_balance", move_later)
    patch.setattr(PostingGuard, "broken", lambda self: [])


def no_unique_guard(patch: Patch) -> None:
    """What was posted before is posted once more."""
    post = Ledger.post_entry

    def post_entry(self: Ledger, entry: Any) -> int | None:
        made = post(self, entry)
        return post(self, replace(entry, source_id=f"{entry.source_id} ")) if made is None else made

    patch.setattr(Ledger, "post_entry", post_entry)


def answered_first(patch: Patch) -> None:
    """Who delivers is answered while the commit is still to come."""

    def store_batch(self: Any, batch: list[Any]) -> None:
        for _, future in batch:
            future.set_result(None)
        try:
            self._commit([event for event, _ in batch])
        except OperatorError:
            return
        self._on_commit()

    patch.setattr(event_intake.InboxWriter, "_store_batch", store_batch)


def note_not_sent(patch: Patch) -> None:
    patch.setattr(MoneyMessages, "_send_credit_note", lambda self, message: True)


def key_made_anew(patch: Patch) -> None:
    """Each try to credit a customer has a key of its own, and nobody looks first."""

    def credit_balance(self: Any, customer: str, cents: int, key: str, description: str, since_ms: int = 0) -> None:
        params = {
            "amount": -cents,
            "currency": "usd",
            "description": description,
            "metadata": {stripe_customers.CREDIT_KEY: key},
        }
        create = self.v1.customers.balance_transactions.create
        self.ask(create, customer, params, {"idempotency_key": uuid.uuid4().hex})

    patch.setattr(stripe_customers.CustomerCalls, "credit_balance", credit_balance)


def run_named_anew(patch: Patch) -> None:
    """A run that is reported again gets the number of the try in its identifier."""
    report = StripeUsageMeter.report

    def report_again(self: StripeUsageMeter, event: Any) -> None:
        again = replace(event, identifier=f"{event.identifier}.{event.attempt}") if event.attempt > 1 else event
        report(self, again)

    patch.setattr(StripeUsageMeter, "report", report_again)


def marked_before_sent(patch: Patch) -> None:
    """Money messages are marked as sent, then sent."""
    send = MoneyMessages.send

    def mark_then_send(self: Any, message: Any) -> bool:
        with self._store.write() as work:
            work.outbox.sent([message], self._now_ms())
            work.commit()
        return send(self, message)

    patch.setattr(MoneyMessages, "send", mark_then_send)


def stale_refund(patch: Patch) -> None:
    """Of a refund's states the one that is heard last counts."""
    patch.setattr(MoneyBack, "after", lambda self, heard: replace(heard, user_id=self.user_id or heard.user_id))


def stale_invoice(patch: Patch) -> None:
    """Of an invoice's states the one that is heard last counts."""
    patch.setattr(invoices, "_newer", lambda heard, known: True)


def bounce_kept(patch: Patch) -> None:
    """Stripe was told of a bank debit on its way, and is not told that it bounced."""
    bounced = event_decisions.queue_balance

    def queue_balance(work: Any, user: Any, key: str, *more: Any) -> None:
        if not key.startswith("bounced-"):
            bounced(work, user, key, *more)

    patch.setattr(event_decisions, "queue_balance", queue_balance)


def page_closed_here_only(patch: Patch) -> None:
    """Whoever makes a newer page only notes that the earlier one is closed."""

    def close(self: Any, link: Any) -> None:
        self._set_state(link.reference, CheckoutState.EXPIRED, link.session_id or "")

    patch.setattr(CheckoutLinks, "_close", close)


def message_apart(patch: Patch) -> None:
    """A run is committed, and its message to the meter in a transaction of its own."""
    queue = usage_recording.queue_usage

    def queue_apart(work: Any, *more: Any) -> None:
        work.commit()
        queue(work, *more)

    patch.setattr(usage_recording, "queue_usage", queue_apart)


def given_up(patch: Patch) -> None:
    """A money message that failed once is not sent again."""

    def give_back(self: Any, message: Any, error: OperatorError) -> None:
        with self._store.write() as work:
            work.outbox.refused_by_report(message.id, error.what)
            work.commit()

    patch.setattr(OutboxSender, "_give_back", give_back)


def written_over(patch: Patch) -> None:
    """Each run adds a cent to the first entry, and neither the database nor anybody before the commit minds."""
    post = Ledger.post_entry

    def post_entry(self: Ledger, entry: Any) -> int | None:
        made = post(self, entry)
        if made is not None and entry.kind is EntryKind.USAGE:
            run = self._connection.exec_driver_sql
            run("DROP TRIGGER IF EXISTS postings_no_update")
            for number, sign in enumerate((1, -1)):
                run("UPDATE postings SET micros = micros + ? WHERE id = ?", (sign * 10_000, number + 1))
        return made

    patch.setattr(Ledger, "post_entry", post_entry)
    patch.setattr(PostingGuard, "broken", lambda self: [])


def next_invoice_instead(patch: Patch) -> None:
    """What was paid by link lowers the next invoice, while an open one goes on asking for it."""
    patch.setattr(settlement, "COLLECTING", ())


def pages_left_open(patch: Patch) -> None:
    """A page goes on asking for what was paid or forgiven meanwhile."""
    for module in (settlement, invoice_decisions, user_admin, usage_corrections, checkout_links):
        patch.setattr(module, "close_excessive_links", lambda *_: None)


def failed_refund_counts(patch: Patch) -> None:
    """What a bank could not take is with us again, and nobody counts it."""
    patch.setattr(refunds, "NOT_REFUNDED", frozenset())


def pressed_twice(patch: Patch) -> None:
    """An adjustment gets a name of its own each time it is asked for."""
    adjust = UserAdmin.adjust

    def adjust_anew(self: Any, user_id: int, micros: int, operator: str, reason: str, name: str | None = None) -> None:
        adjust(self, user_id, micros, operator, reason, None)

    patch.setattr(UserAdmin, "adjust", adjust_anew)


def chain_without_links(patch: Patch) -> None:
    """A record of the trail does not follow from the one before it."""
    record = ActivityLog.record

    def record_alone(self: Any, *said: str, **more: str) -> None:
        with pytest.MonkeyPatch.context() as meanwhile:
            meanwhile.setattr(activity, "link", lambda _, act: link("", act))
            record(self, *said, **more)

    patch.setattr(ActivityLog, "record", record_alone)


def failure_not_told(patch: Patch) -> None:
    """A connection that breaks raises what the SDK raises."""
    failure = stripe_gateway._failure

    def raised(error: Any) -> Any:
        if error.http_status is None:
            raise error
        return failure(error)

    patch.setattr(stripe_gateway, "_failure", raised)


def complete_too_soon(patch: Patch) -> None:
    """That the inbox is complete is noted before what was missed is fetched."""
    run = EventSearch.run

    def complete_first(self: Any) -> None:
        with self._store.write() as work:
            work.coverage.complete(self._now_ms() - self._grace_ms, self._now_ms(), self._kinds)
            work.commit()
        run(self)

    patch.setattr(EventSearch, "run", complete_first)


def link_not_told(patch: Patch) -> None:
    """Stripe is not told of what was paid by link, and invoices it as well."""
    patch.setattr(event_decisions, "settle_payment", lambda *_: None)
