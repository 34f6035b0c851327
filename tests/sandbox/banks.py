"""Everything that banks may do with payments in the sandbox."""

from typing import Any

from tests.sandbox.conftest import Running
from tests.sandbox.pages import console_session, opened

CARD = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123", "email": "a@uni.example"}


def banks_in_every_way(running: Running) -> None:
    """Inquiries, disputes of a part, a lost one that is reinstated; refunds that fail and that take their time."""

    def paid() -> Any:
        made = console_session(running)
        opened(running, made.url).press("Pay $350.00", **CARD)
        return running.api.checkout.sessions.retrieve(made.id).payment_intent

    running.control("disputes", payment_intent=paid(), inquiry=True)
    asks = running.control("disputes", payment_intent=paid(), inquiry=True)["id"]
    running.control("dispute_changes", dispute=asks, to="escalated")
    ends = running.control("disputes", payment_intent=paid(), inquiry=True)["id"]
    running.control("dispute_changes", dispute=ends, to="won")
    part = running.control("disputes", payment_intent=paid(), amount=5_000)["id"]
    for to in ("lost", "reinstated"):
        running.control("dispute_changes", dispute=part, to=to)
    running.control("refund_fails", refund=running.control("refunds", payment_intent=paid(), amount=50)["id"])
    by_bank = console_session(running)
    opened(running, by_bank.url).press("Pay by bank debit")
    running.control("clock", advance_s=7_200)
    intent = running.api.checkout.sessions.retrieve(by_bank.id).payment_intent
    running.api.refunds.create({"payment_intent": intent})
    expiring = console_session(running, after_expiration={"recovery": {"enabled": True}})
    running.api.checkout.sessions.expire(expiring.id)
    running.control("recoveries", session=expiring.id)
