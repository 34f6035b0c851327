"""Refunds and disputes at Stripe."""

from bioql_console.services.stripe_calls import StripeCalls

LONGEST_NOTE = 500


class RefundCalls(StripeCalls):
    """Part of `StripeGateway`."""

    def refund(
        self, payment_intent: str, cents: int, reason: str, note: str, operator: str, idempotency_key: str
    ) -> str:
        """Give so many cents of a payment back. The refund's id."""
        params = {
            "payment_intent": payment_intent,
            "amount": cents,
            "reason": reason,
            "metadata": {"bioql_operator": operator[:LONGEST_NOTE], "bioql_note": note[:LONGEST_NOTE]},
        }
        return self.id(self.ask(self.v1.refunds.create, params, {"idempotency_key": idempotency_key}))

    def answer_dispute(self, dispute: str, text: str, idempotency_key: str) -> None:
        """Submit evidence in words to the bank. What was submitted can't be taken back."""
        params = {"evidence": {"uncategorized_text": text}, "submit": True}
        self.ask(self.v1.disputes.update, dispute, params, {"idempotency_key": idempotency_key})

    def close_dispute(self, dispute: str, idempotency_key: str) -> None:
        """Accept it: the cardholder keeps the money. Can't be taken back."""
        self.ask(self.v1.disputes.close, dispute, {}, {"idempotency_key": idempotency_key})
