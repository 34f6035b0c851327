"""Those who live through a simulation, and an account of what they truly owe that shares no code with the product."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.process import WELCOME_CENTS, Process


@dataclass
class Person:
    """A user, as the user would tell it.

    Args:
        used_cents, adjusted_cents: What was answered to whoever asked for it.
        addresses: Of the pages that the user knows, oldest first; `paid` has those that took a payment.
    """

    id: int
    customer: str
    card: str | None
    used_cents: int = 0
    adjusted_cents: int = -WELCOME_CENTS
    addresses: list[str] = field(default_factory=list)
    paid: set[str] = field(default_factory=set)


@dataclass
class Wish:
    """What somebody asks for until it is answered, as clients repeat calls and operators press again.

    Args:
        thread: What of a process can't do two of these at a time.
        ask: Raises what operators know, or ends with the process.
        granted: What is true once it was answered.
        refusable: Whether Stripe may say no for good, because somebody there was faster.
    """

    words: str
    thread: str
    ask: Callable[[Process], Any]
    granted: Callable[[Any], None]
    refusable: bool = False


def owes_cents(person: Person, objects: Callable[..., list[Any]], written_off_cents: int) -> int:
    """What a person owes by all that happened at Stripe and was asked for here; negative for credit."""
    owed = person.used_cents + person.adjusted_cents - written_off_cents
    charges = {each["id"]: each for each in objects("charge", customer=person.customer) if each["paid"]}
    owed -= sum(each["amount_captured"] for each in charges.values())
    for refund in objects("refund"):
        if refund["charge"] in charges and refund["status"] not in ("failed", "canceled"):
            owed += refund["amount"]
    for dispute in objects("dispute"):
        if dispute["charge"] in charges and dispute["status"] == "lost":
            owed += dispute["amount"]
    return int(owed)
