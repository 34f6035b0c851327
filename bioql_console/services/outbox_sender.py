"""Sending what the ledger decided to tell Stripe: at least once, and exactly once in effect."""

import random
import threading
from collections.abc import Callable, Sequence

from bioql_console.domain.checkout import CheckoutLink
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.invoices import InvoiceState
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.outbox import Message, MessageKind
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store
from bioql_console.services.settlement import queue_balance, uninvoiced_cents
from bioql_console.services.stripe_access import StripeAccess

FIRST_PAUSE_MS = 2_000
LONGEST_PAUSE_MS = 15 * 60_000
IDLE_S = 5.0
# Failures that pass by themselves, or once the operator has mended the credentials.
PASSING = frozenset(
    f"stripe.{code}" for code in ("unreachable", "failed", "rate_limited", "key_refused", "permission", "disabled")
) | frozenset(("live.locked", "keychain.locked", "keychain.frozen", "keychain.gone"))


class OutboxSender:
    """Takes due messages, sends each, and only then marks it; Stripe's idempotency makes a repeat harmless.

    Args:
        days_until_due: Of invoices that customers without a card are sent.
        meter_lag_ms: How long Stripe may take to count usage that it accepted.
    """

    def __init__(
        self,
        store: Store,
        stripe: StripeAccess,
        changes: Changes,
        now_ms: Callable[[], int],
        days_until_due: int = 30,
        meter_lag_ms: int = 0,
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms
        self._days_until_due = days_until_due
        self._meter_lag_ms = meter_lag_ms

    def run(self, stop: threading.Event, wake: threading.Event) -> None:
        """Send until told to stop; looks when woken, and every few seconds for what is due again."""
        while not stop.is_set():
            wake.clear()
            try:
                sent = self.send_due() if self._stripe.enabled else 0
            except OperatorError:
                sent = 0  # the database is busy or the keychain locked; the status bar shows it
            if not sent:
                wake.wait(IDLE_S)

    def send_due(self, limit: int = 100) -> int:
        """Send what is due; no transaction is open while Stripe is asked. Returns how many were accepted."""
        with self._store.read() as work:
            due = work.outbox.due(self._now_ms(), limit)
        accepted: list[int] = []
        count = 0
        for message in due:
            if message.kind is MessageKind.INVOICE:
                accepted = self._mark_sent(accepted)  # it looks at what still waits
            try:
                if self._send(message):
                    accepted.append(message.id)
                    count += 1
            except OperatorError as error:
                self._give_back(message, error)
                if error.code in PASSING:
                    break  # the next ones would meet the same wall
        self._mark_sent(accepted)
        if due:
            self._changes.publish(Change("outbox-sent"))
        return count

    def _mark_sent(self, accepted: list[int]) -> list[int]:
        if accepted:
            with self._store.write() as work:
                work.outbox.sent(accepted, self._now_ms())
                work.commit()
        return []

    def _send(self, message: Message) -> bool:
        """Whether Stripe accepted it; False when it was put off, or something else does its work."""
        return self._ways[message.kind](message)

    def _send_usage(self, message: Message) -> bool:
        self._stripe.gateway().send_meter_event(
            message.key,
            EVENT_NAME,
            message.stripe_customer_id,
            message.value,
            message.occurred_ms,
            message.extra,
            attempt=message.attempts,
        )
        return True

    def _send_balance(self, message: Message) -> bool:
        words = message.extra.get("description", "BioQL payment")
        gateway = self._stripe.gateway()
        gateway.credit_balance(
            message.stripe_customer_id, message.value, message.key, words, since_ms=message.occurred_ms
        )
        return True

    def _send_credit_note(self, message: Message) -> bool:
        """Should the invoice have been paid meanwhile, its amount becomes credit for the next one."""
        invoice, words = message.extra["invoice"], message.extra["description"]
        if self._stripe.gateway().credit_invoice(invoice, message.value, message.key, words):
            return True
        with self._store.write() as work:
            known, user = work.invoices.get(invoice), work.users.get(message.user_id)
            assert user is not None
            # Another process may have come this far too; only one of them may go on.
            mine = work.outbox.replaced(message.id, "The invoice asks for less than this by now.", self._now_ms())
            if mine and (known is None or known.state is not InvoiceState.VOID):
                # Of a void invoice the payment took over what nothing else will collect.
                work.invoices.settle(invoice, -message.value)
                queue_balance(work, user, f"{message.key}:instead", message.value, message.occurred_ms, words)
            work.commit()
        return False

    def _send_invoice(self, message: Message) -> bool:
        """Everything else about the user goes first, so that the invoice nets to what is owed."""
        with self._store.read() as work:
            others = [each for each in work.outbox.waiting_for(message.user_id) if each.kind is not message.kind]
            user, links = work.users.get(message.user_id), work.checkouts.unfinished(message.user_id)
            metered_ms = work.outbox.last_sent_ms(message.user_id, MessageKind.METER_EVENT)
            assert user is not None
            # Since it was queued, a link may have been paid, by a bank debit too, or an invoice made by hand.
            cents = min(message.value, uninvoiced_cents(work, user))
        # Stripe adds usage up some time after it took it; a period that ends before would leave it out.
        counting = bool(message.extra.get("subscription")) and self._now_ms() < metered_ms + self._meter_lag_ms
        if others or cents <= 0 or counting or self._is_paying(links):
            with self._store.write() as work:
                if cents > 0:
                    words = "Waits for usage or a payment on its way."
                    work.outbox.failed(message.id, words, self._now_ms() + FIRST_PAUSE_MS)
                else:
                    work.outbox.replaced(message.id, "Paid before the invoice was made.", self._now_ms())
                work.commit()
            return False
        gateway, subscription = self._stripe.gateway(), message.extra.get("subscription")
        if subscription:
            gateway.invoice_usage_now(subscription, message.key)
        else:
            words = message.extra.get("description", "")
            gateway.make_invoice(message.stripe_customer_id, cents, words, message.key, self._days_until_due)
        return True

    def _is_paying(self, links: Sequence[CheckoutLink]) -> bool:
        """Whether somebody paid a link and we have not heard of it yet."""
        gateway = self._stripe.gateway()
        return any(gateway.retrieve_checkout(link.session_id).status == "complete" for link in links if link.session_id)

    def _close_link(self, message: Message) -> bool:
        """A link that was paid or expired in the meantime tells so by its own event."""
        try:
            self._stripe.gateway().expire_checkout(message.extra["session"])
        except OperatorError as error:
            if error.code != "stripe.refused":
                raise
        return True

    @property
    def _ways(self) -> dict[MessageKind, Callable[[Message], bool]]:
        return {
            MessageKind.METER_EVENT: self._send_usage,
            MessageKind.BALANCE_CREDIT: self._send_balance,
            MessageKind.CREDIT_NOTE: self._send_credit_note,
            MessageKind.INVOICE: self._send_invoice,
            MessageKind.CLOSE_LINK: self._close_link,
        }

    def _give_back(self, message: Message, error: OperatorError) -> None:
        with self._store.write() as work:
            if error.code in PASSING:
                pause = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(message.attempts, 20))
                # Spread out, so that a crowd of messages does not come back at once.
                due = self._now_ms() + round(pause * random.uniform(0.8, 1.2))
                work.outbox.failed(message.id, error.what, due)
            else:
                work.outbox.refused(message.id, error.what)
            work.commit()
