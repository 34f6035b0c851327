"""Refunds and disputes at Stripe."""

from bioql_console.services.stripe_calls import PAGE, StripeCalls

LONGEST_NOTE = 500
OPEN_DISPUTES = frozenset(("needs_response", "warning_needs_response", "under_review", "warning_under_review"))


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

    def open_dispute(self, payment_intent: str) -> str | None:
        """The dispute of a payment that is not decided yet."""
        found = self.ask_all(self.v1.disputes.list, {"payment_intent": payment_intent, "limit": PAGE})
        return next((self.id(one) for one in found if one.get("status") in OPEN_DISPUTES), None)

    def close_dispute(self, dispute: str, idempotency_key: str) -> None:
        """Accept it: the cardholder keeps the money. Can't be taken back."""
        self.ask(self.v1.disputes.close, dispute, {}, {"idempotency_key": idempotency_key})
