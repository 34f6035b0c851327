"""Reading the objects of Stripe's events, and saying what came of them."""

from collections.abc import Callable
from typing import Any

from bioql_console.domain.money import MICROS_PER_CENT, plain_dollars
from bioql_console.domain.users import storable
from bioql_console.domain.webhooks import EventState, Outcome, ReceivedEvent
from bioql_console.services.ports import Work

Decision = Callable[[ReceivedEvent, dict[str, Any], Work], Outcome]


# A million times the largest charge in cents, three thousand years in milliseconds: nothing of Stripe's is more.
LARGEST_NUMBER = 10**14


class Misfit(Exception):
    """The event can't be applied as it is. The message is the reason shown to the operator."""


def applied(words: str, object_id: str, user_id: int, micros: int | None = None) -> Outcome:
    return Outcome(EventState.APPLIED, words, object_id, user_id, micros)


def text_of(found: dict[str, Any], name: str) -> str:
    """A text field; an expanded object counts as its id, and what no database takes as missing."""
    value = found.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and storable(value) else ""


def part_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    """A nested object; empty when it is missing or null."""
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def cents_of(found: dict[str, Any], name: str) -> int:
    """An amount in cents; 0 when it is missing or null.

    Raises:
        Misfit: it is no whole number.
    """
    cents = found.get(name)
    if cents is None:
        return 0
    if type(cents) is not int:
        raise Misfit(f"Its {name} is no whole number of cents.")
    return cents


def has_huge_number(found: Any) -> bool:
    """Whether a number in it is larger than any of Stripe's, and than what our books can hold."""
    left = [found]
    while left:
        match left.pop():
            case dict() as part:
                left += part.values()
            case list() as parts:
                left += parts
            case int() as number if abs(number) > LARGEST_NUMBER:
                return True
    return False


def dollars(cents: Any) -> str:
    return plain_dollars(cents * MICROS_PER_CENT) if type(cents) is int else "An unreadable amount of dollars"
