"""Mistakes to plant in the product, one for each guard that keeps money right. The simulation has to find each of them.

Each is made as somebody would make it: a guard left out, two things done in the wrong order, a key made anew.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import Posting
from bioql_console.domain.refunds import MoneyBack
from bioql_console.services import event_decisions, event_intake, stripe_customers, usage_recording
from bioql_console.services.checkout_links import CheckoutLinks
from bioql_console.services.money_messages import MoneyMessages
from bioql_console.services.outbox_sender import OutboxSender
from bioql_console.services.usage_meter import StripeUsageMeter
from bioql_console.storage import invoices
from bioql_console.storage.ledger import Ledger

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Bug:
    """A planted mistake.

    Args:
        seed: Of 60 events, found by a search; it shows the mistake.
        breaks: The promises of which one is the first to be seen broken.
    """

    name: str
    plant: Callable[[Patch], None]
    seed: int
    breaks: tuple[str, ...]


def _one_sided(patch: Patch) -> None:
    """An entry whose second posting is rounded down."""
    post = Ledger.post_entry

    def post_entry(self: Ledger, entry: Any) -> int | None:
        first, *others = entry.postings
        rounded = Posting(first.account, first.micros // 10_001 * 10_001, first.user_id)
        object.__setattr__(entry, "postings", (rounded, *others))
        return post(self, entry)

    patch.setattr(Ledger, "post_entry", post_entry)


def _balance_apart(patch: Patch) -> None:
    """The kept balance follows in the next transaction."""
    late: list[tuple[Any, ...]] = []
    move = Ledger._move_balance

    def move_later(self: Ledger, *moved: Any) -> None:
        late.append(moved)
        if len(late) > 1:
            move(self, *late.pop(0))

    patch.setattr(Ledger, "_move_balance", move_later)


def _no_unique_guard(patch: Patch) -> None:
    """What was posted before is posted once more."""
    post = Ledger.post_entry

    def post_entry(self: Ledger, entry: Any) -> int | None:
        made = post(self, entry)
        return post(self, replace(entry, source_id=f"{entry.source_id} ")) if made is None else made

    patch.setattr(Ledger, "post_entry", post_entry)


def _answered_first(patch: Patch) -> None:
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


def _note_not_sent(patch: Patch) -> None:
    patch.setattr(MoneyMessages, "_send_credit_note", lambda self, message: True)


def _key_made_anew(patch: Patch) -> None:
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


def _run_named_anew(patch: Patch) -> None:
    """A run that is reported again gets the number of the try in its identifier."""
    report = StripeUsageMeter.report

    def report_again(self: StripeUsageMeter, event: Any) -> None:
        again = replace(event, identifier=f"{event.identifier}.{event.attempt}") if event.attempt > 1 else event
        report(self, again)

    patch.setattr(StripeUsageMeter, "report", report_again)


def _marked_before_sent(patch: Patch) -> None:
    """Money messages are marked as sent, then sent."""
    send = MoneyMessages.send

    def mark_then_send(self: Any, message: Any) -> bool:
        with self._store.write() as work:
            work.outbox.sent([message.id], self._now_ms())
            work.commit()
        return send(self, message)

    patch.setattr(MoneyMessages, "send", mark_then_send)


def _stale_refund(patch: Patch) -> None:
    """Of a refund's states the one that is heard last counts."""
    patch.setattr(MoneyBack, "after", lambda self, heard: replace(heard, user_id=self.user_id or heard.user_id))


def _stale_invoice(patch: Patch) -> None:
    """Of an invoice's states the one that is heard last counts."""
    patch.setattr(invoices, "_newer", lambda heard, known: True)


def _bounce_kept(patch: Patch) -> None:
    """Stripe was told of a bank debit on its way, and is not told that it bounced."""
    bounced = event_decisions.queue_balance

    def queue_balance(work: Any, user: Any, key: str, *more: Any) -> None:
        if not key.startswith("bounced-"):
            bounced(work, user, key, *more)

    patch.setattr(event_decisions, "queue_balance", queue_balance)


def _page_closed_here_only(patch: Patch) -> None:
    """Whoever makes a newer page only notes that the earlier one is closed."""

    def close(self: Any, link: Any) -> None:
        self._set_state(link.reference, CheckoutState.EXPIRED, link.session_id or "")

    patch.setattr(CheckoutLinks, "_close", close)


def _message_apart(patch: Patch) -> None:
    """A run is committed, and its message to the meter in a transaction of its own."""
    queue = usage_recording.queue_usage

    def queue_apart(work: Any, *more: Any) -> None:
        work.commit()
        queue(work, *more)

    patch.setattr(usage_recording, "queue_usage", queue_apart)


def _given_up(patch: Patch) -> None:
    """A money message that failed once is not sent again."""

    def give_back(self: Any, message: Any, error: OperatorError) -> None:
        with self._store.write() as work:
            work.outbox.refused(message.id, error.what)
            work.commit()

    patch.setattr(OutboxSender, "_give_back", give_back)


BUGS = (
    Bug("an entry that does not balance", _one_sided, 0, ("books balance",)),
    Bug("a balance that follows later", _balance_apart, 0, ("balances follow",)),
    Bug("no unique guard", _no_unique_guard, 1, ("cash", "truth", "nothing owed, nothing collected")),
    Bug("answered before stored", _answered_first, 37, ("acknowledged is stored",)),
    Bug("credit note not sent", _note_not_sent, 0, ("sent is there",)),
    Bug("a new idempotency key at each try", _key_made_anew, 18, ("made once",)),
    Bug("a new name of a run at each try", _run_named_anew, 2, ("counted once", "sent is there")),
    Bug("marked as sent before it is", _marked_before_sent, 0, ("sent is there",)),
    Bug("a stale refund overwrites", _stale_refund, 60, ("cash", "truth", "as it stands")),
    Bug(
        "a stale invoice overwrites",
        _stale_invoice,
        10,
        ("as it stands", "collected once", "nothing owed, nothing collected"),
    ),
    Bug("a bounced debit is kept as credit", _bounce_kept, 28, ("collected once",)),
    Bug("an earlier page stays open", _page_closed_here_only, 1, ("one page", "nothing owed, nothing collected")),
    Bug("a message apart from its posting", _message_apart, 2, ("meter is usage", "collected once")),
    Bug("given up after one failure", _given_up, 15, ("nothing waits",)),
)
