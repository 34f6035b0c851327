"""Sending what the ledger decided to tell Stripe: at least once, and exactly once in effect."""

import random
import threading
from collections.abc import Callable

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.meter import EVENT_NAME
from bioql_console.domain.outbox import Message, MessageKind
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store
from bioql_console.services.stripe_access import StripeAccess

FIRST_PAUSE_MS = 2_000
LONGEST_PAUSE_MS = 15 * 60_000
IDLE_S = 5.0
# Failures that pass by themselves, or once the operator has mended the credentials.
PASSING = frozenset(
    f"stripe.{code}" for code in ("unreachable", "failed", "rate_limited", "key_refused", "permission", "disabled")
) | frozenset(("live.locked", "keychain.locked", "keychain.frozen", "keychain.gone"))


class OutboxSender:
    """Takes due messages, sends each, and only then marks it; Stripe's idempotency makes a repeat harmless."""

    def __init__(self, store: Store, stripe: StripeAccess, changes: Changes, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._stripe = stripe
        self._changes = changes
        self._now_ms = now_ms

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
        for message in due:
            try:
                self._send(message)
            except OperatorError as error:
                self._give_back(message, error)
                if error.code in PASSING:
                    break  # the next ones would meet the same wall
            else:
                accepted.append(message.id)
        if accepted:
            with self._store.write() as work:
                work.outbox.sent(accepted, self._now_ms())
                work.commit()
        if due:
            self._changes.publish(Change("outbox-sent"))
        return len(accepted)

    def _send(self, message: Message) -> None:
        gateway = self._stripe.gateway()
        if message.kind is MessageKind.METER_EVENT:
            gateway.send_meter_event(
                message.key,
                EVENT_NAME,
                message.stripe_customer_id,
                message.value,
                message.occurred_ms,
                message.extra,
                attempt=message.attempts,
            )
        else:
            words = message.extra.get("description", "BioQL payment")
            gateway.credit_balance(
                message.stripe_customer_id, message.value, message.key, words, since_ms=message.occurred_ms
            )

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
