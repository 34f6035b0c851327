"""What the console can do about a difference between books and Stripe, and how a kind of difference is described."""

from dataclasses import dataclass
from enum import Enum


class Repair(Enum):
    """What the console can do about a difference. The value is what its button and its plan say."""

    APPLY = "Fetch it from Stripe and apply it as the event that was missed"
    POST_PAYMENT = "Post it, with the payment as its source"
    CORRECT_BOOKS = "Post the difference, so that the books say what Stripe says"
    REFUND = "Refund the second payment"
    QUEUE_USAGE = "Queue the usage for Stripe's meter"
    SEND_AGAIN = "Send the refused message again"
    COUNT_MISSING = "Report what the meter left out once more, as usage of that day"
    CANCEL_USAGE = "Cancel the usage at Stripe's meter"
    CREDIT_USAGE = "Credit what was counted too much to the customer's Stripe balance"
    TELL_BALANCE = "Tell Stripe again, under a key that makes a repeat harmless"
    UNDO_BALANCE = "Take it back with a second entry in the customer's Stripe balance"
    LINK_CUSTOMER = "Give the user this customer"
    MAKE_CUSTOMER = "Find or make the user's customer in this Stripe account"
    DELETE_CUSTOMER = "Delete the second, empty customer at Stripe"
    NONE = "Nothing from here"


@dataclass(frozen=True, slots=True)
class Words:
    """A kind of difference as data.

    Args:
        code: Stable name, for other programs.
        title: What differs, for a heading.
        consequence: What it means for the money.
        repair: What the console offers; where that can't be done, `step` is the one next step.
        cash: Whether it is about money that Stripe collected, paid back or holds: such differences explain the totals.
    """

    code: str
    title: str
    consequence: str
    repair: Repair = Repair.NONE
    step: str = ""
    cash: bool = False
