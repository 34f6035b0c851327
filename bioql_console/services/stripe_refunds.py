"""Refunds and disputes at Stripe."""

from functools import partial

from bioql_console.services.stripe_calls import PAGE, StripeCalls
from bioql_console.services.stripe_types import Content

LONGEST_NOTE = 500
KEY = "bioql_key"


class RefundCalls(StripeCalls):
    """Part of `StripeGateway`."""

    def refund(
        self, payment_intent: str, cents: int, reason: str, note: str, operator: str, idempotency_key: str
    ) -> str:
        """Give so many cents of a payment back, once for a key, which the refund carries. The refund's id."""
        metadata = {"bioql_operator": operator[:LONGEST_NOTE], "bioql_note": note[:LONGEST_NOTE], KEY: idempotency_key}
        params = {"payment_intent": payment_intent, "amount": cents, "reason": reason, "metadata": metadata}
        look = partial(self._refund_of, payment_intent, idempotency_key)
        # First of all, because Stripe forgets keys after a day.
        found = look()
        return self.id(found or self.once(idempotency_key, self.v1.refunds.create, params, look=look))

    def find_refund(self, payment_intent: str, note: str, idempotency_key: str) -> str | None:
        """The refund that was made with this key and note, however long ago."""
        found = self._refund_of(payment_intent, idempotency_key)
        same = found is not None and found["metadata"].get("bioql_note") == note[:LONGEST_NOTE]
        return self.id(found) if found is not None and same else None

    def _refund_of(self, payment_intent: str, key: str) -> Content | None:
        made = self.ask_all(self.v1.refunds.list, {"payment_intent": payment_intent, "limit": PAGE})
        return next((one for one in made if (one.get("metadata") or {}).get(KEY) == key), None)

    def answer_dispute(self, dispute: str, text: str, idempotency_key: str) -> None:
        """Submit evidence in words to the bank. What was submitted can't be taken back."""
        params = {"evidence": {"uncategorized_text": text}, "submit": True}

        def look() -> Content | None:
            found = self.ask(self.v1.disputes.retrieve, dispute)
            return found if (found.get("evidence_details") or {}).get("submission_count") else None

        self.once(idempotency_key, self.v1.disputes.update, dispute, params, look=look)

    def close_dispute(self, dispute: str, idempotency_key: str) -> None:
        """Accept it: the cardholder keeps the money. Can't be taken back."""

        def look() -> Content | None:
            found = self.ask(self.v1.disputes.retrieve, dispute)
            return found if found.get("status") == "lost" else None

        self.once(idempotency_key, self.v1.disputes.close, dispute, {}, look=look)
