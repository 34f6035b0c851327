"""Recording executed shots: priced by us, posted, and queued for the meter in one transaction."""

import uuid
from collections.abc import Callable

from bioql_console.domain.ledger import usage_fact
from bioql_console.domain.prices import normal_backend
from bioql_console.domain.usage import Usage
from bioql_console.domain.users import User
from bioql_console.services.changes import Change, Changes
from bioql_console.services.metering import queue_usage
from bioql_console.services.ports import Store
from bioql_console.services.settlement import billed_from_ms, queue_invoice_at_threshold

MOST_SHOTS = 1_000_000_000
# A clock that differs from Stripe's by more is no clock; what Stripe makes of such a date, its refusal tells.
CLOCKS_APART_MS = 3_600_000


class UsageRecording:
    """What users ran, and what it costs them."""

    def __init__(
        self, store: Store, changes: Changes, now_ms: Callable[[], int], invoice_threshold_cents: int = 300_000
    ) -> None:
        self._store = store
        self._changes = changes
        self._now_ms = now_ms
        self._invoice_threshold_cents = invoice_threshold_cents

    def price_micros(self, shots: int, backend: str) -> int:
        """What a run would cost now.

        Raises:
            UnknownBackend: no price is set for it.
        """
        with self._store.read() as work:
            return shots * work.tariff.price_list().micros_per_shot(backend, self._now_ms())

    def record(
        self, user: User, *, shots: int, backend: str, succeeded: bool = True, usage_id: str | None = None
    ) -> Usage:
        """Record a run. The same `usage_id` of the same user again gives the stored run and bills nothing.

        Raises:
            ValueError: shots out of range, or the `usage_id` is another user's.
            UnknownBackend: no price is set for the backend.
        """
        if not 0 < shots <= MOST_SHOTS:
            raise ValueError(f"shots_executed must be 1–{MOST_SHOTS}")
        clock_ms = self._now_ms()
        # Ids of different users can't collide: each lives in the user's own space.
        stored_id = f"{user.id}:{usage_id}" if usage_id else f"usage_{uuid.uuid4().hex}"
        name = normal_backend(backend)
        with self._store.write() as work:
            now_ms = _dated(clock_ms, billed_from_ms(work, user))
            each = work.tariff.price_list().micros_per_shot(name, now_ms)
            cost = shots * each if succeeded else 0
            usage = Usage(stored_id, user.id, name, shots, each, cost, succeeded, now_ms)
            if not work.usage.add(usage):
                return work.usage.get(stored_id) or usage
            if cost:
                work.ledger.post(usage_fact(stored_id, user.id, cost, now_ms, f"{name} · {shots:,} shots"))
            if user.stripe_customer_id:
                queue_usage(work, usage, user.stripe_customer_id)
                threshold = self._invoice_threshold_cents
                queue_invoice_at_threshold(work, user, f"threshold-{stored_id}", now_ms, threshold)
            work.users.touch(user.id, now_ms)
            work.commit()
        self._changes.publish(Change("usage", user.id), Change("balances", user.id), Change("outbox"))
        return usage


def _dated(clock_ms: int, billed_from_ms: int) -> int:
    """When a run was, which Stripe can't have billed from before it billed the user at all."""
    return billed_from_ms if clock_ms < billed_from_ms <= clock_ms + CLOCKS_APART_MS else clock_ms
