"""Test cards: what each number and each ready-made payment method does."""

import re
from dataclasses import dataclass

from ..errors import StripeError, card_error


@dataclass(frozen=True, slots=True)
class Card:
    """A test card.

    Args:
        refused: (code, decline code, sentence) when charging it fails.
        refused_on_attach: It can't even be kept for a customer.
        challenge: The bank asks the holder to confirm each payment.
    """

    number: str
    brand: str = "visa"
    refused: tuple[str, str | None, str] | None = None
    refused_on_attach: bool = False
    challenge: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]

    def error(self, **more: object) -> StripeError:
        """The refusal as an answer."""
        code, decline_code, words = self.refused or DECLINED
        return card_error(code, decline_code, words, **more)


DECLINED = ("card_declined", "generic_decline", "Your card was declined.")
NO_FUNDS = ("card_declined", "insufficient_funds", "Your card has insufficient funds.")
EXPIRED = ("expired_card", None, "Your card has expired.")
WRONG_CVC = ("incorrect_cvc", None, "Your card's security code is incorrect.")

BY_NUMBER = {
    card.number: card
    for card in (
        Card("4242424242424242"),
        Card("4000056655665556"),
        Card("5555555555554444", "mastercard"),
        Card("378282246310005", "amex"),
        Card("4000002500003155", challenge=True),
        Card("4000000000000002", refused=DECLINED, refused_on_attach=True),
        Card("4000000000009995", refused=NO_FUNDS, refused_on_attach=True),
        Card("4000000000000069", refused=EXPIRED, refused_on_attach=True),
        Card("4000000000000127", refused=WRONG_CVC, refused_on_attach=True),
        Card("4000000000000341", refused=DECLINED),
    )
}
BY_TOKEN = {
    "pm_card_visa": BY_NUMBER["4242424242424242"],
    "pm_card_mastercard": BY_NUMBER["5555555555554444"],
    "pm_card_amex": BY_NUMBER["378282246310005"],
    "pm_card_authenticationRequired": BY_NUMBER["4000002500003155"],
    "pm_card_visa_chargeDeclined": BY_NUMBER["4000000000000002"],
    "pm_card_visa_chargeDeclinedInsufficientFunds": BY_NUMBER["4000000000009995"],
    "pm_card_chargeDeclinedExpiredCard": BY_NUMBER["4000000000000069"],
    "pm_card_chargeDeclinedIncorrectCvc": BY_NUMBER["4000000000000127"],
    "pm_card_chargeCustomerFail": BY_NUMBER["4000000000000341"],
}


def card_of(number: str) -> Card:
    """The test card with this number, however it is grouped.

    Raises:
        StripeError: `incorrect_number`; real cards are none of the sandbox's business.
    """
    digits = re.sub(r"[\s-]", "", number)
    if digits not in BY_NUMBER:
        raise card_error("incorrect_number", None, "Your card number is incorrect: use one of the test cards.")
    return BY_NUMBER[digits]
