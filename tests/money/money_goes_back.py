"""What may happen to a customer's payments afterwards, as steps of a history."""

from typing import Any

from tests.money.world import World


class MoneyGoesBack:
    """Refunds, and what banks do."""

    world: World

    def _charges(self) -> list[tuple[Any, int]]:
        """Paid ones, each with what no refund took and no bank holds, keeps or asks about."""
        contested: dict[str, int] = {}
        for dispute in self.world.objects("dispute"):
            if dispute["status"] not in ("won", "warning_closed"):
                contested[dispute["charge"]] = contested.get(dispute["charge"], 0) + dispute["amount"]
        paid = [each for each in self.world.objects("charge") if each["paid"]]
        left = [(each, each["amount"] - each["amount_refunded"] - contested.get(each["id"], 0)) for each in paid]
        return [(each, cents) for each, cents in left if cents > 0]

    def _refunded(self, number: int) -> None:
        if found := [(each, left) for each, left in self._charges() if not each.get("_held")]:
            charge, left = found[number % len(found)]
            self.world.control("refunds", payment_intent=charge["payment_intent"], amount=number % left + 1)

    def _refund_fails(self, number: int) -> None:
        if found := [each for each in self.world.objects("refund") if each["status"] != "failed"]:
            self.world.control("refund_fails", refund=found[number % len(found)]["id"])

    def _contest(self, number: int, *, inquiry: bool) -> Any:
        found = self._charges()
        if not found:
            return None
        charge, left = found[number % len(found)]
        cents = left if number % 3 else number % left + 1
        payment = charge["payment_intent"]
        return self.world.control("disputes", payment_intent=payment, amount=cents, inquiry=inquiry)

    def _disputed(self, number: int) -> None:
        dispute = self._contest(number, inquiry=False)
        if dispute is not None and number % 4:
            words = "winning_evidence" if number % 2 else "losing_evidence"
            api = self.world.stripe.gateway().v1
            api.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": words}})

    def _bank_asks(self, number: int) -> None:
        self._contest(number, inquiry=True)

    def _bank_goes_on(self, number: int) -> None:
        """With any of its disputes: an inquiry becomes one, one is decided, a lost one is given back."""
        ways = {
            "warning_needs_response": ("escalated", "won"),
            "needs_response": ("won", "lost"),
            "lost": ("reinstated",),
        }
        if found := [each for each in self.world.objects("dispute") if each["status"] in ways]:
            dispute = found[number % len(found)]
            to = ways[dispute["status"]]
            self.world.control("dispute_changes", dispute=dispute["id"], to=to[number % len(to)])
