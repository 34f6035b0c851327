"""Stripe's own lists of what happened, read so that an order comes out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Protocol

from bioql_console.services.event_decisions import DECISIONS
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.services.stripe_types import StripeEvent

# Stripe lists events of at most so many types at once.
MOST_TYPES = 20


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """What is kept of an event while looking through a list: its body would fill the memory."""

    id: str
    type: str
    created_ms: int


class EventFeed(Protocol):
    """A list of events at Stripe. Raises OperatorError `stripe.*`."""

    def kinds(self) -> Sequence[str]:
        """The types that are looked for."""
        ...

    def listed(self, since_ms: int) -> Iterator[ListedEvent]:
        """Events since then, newest first."""
        ...

    def retrieve(self, event_id: str) -> StripeEvent:
        """One event, as Stripe keeps it."""
        ...


class SnapshotFeed:
    """`/v1/events`: the events that a webhook endpoint would get, those that matter to the ledger.

    Stripe's filter for failed deliveries is of no use here: where no endpoint is registered, nothing ever failed.
    """

    def __init__(self, stripe: StripeAccess) -> None:
        self._stripe = stripe

    def kinds(self) -> Sequence[str]:
        return sorted(DECISIONS)

    def listed(self, since_ms: int) -> Iterator[ListedEvent]:
        gateway = self._stripe.gateway()
        lists = [gateway.list_events(since_ms, types) for types in families(self.kinds(), MOST_TYPES)]
        for event in merge(*lists, key=lambda each: -each.created_ms):
            yield ListedEvent(event.id, event.type, event.created_ms)

    def retrieve(self, event_id: str) -> StripeEvent:
        return self._stripe.gateway().retrieve_event(event_id)


def families(kinds: Sequence[str], most: int) -> list[list[str]]:
    """Types in groups of at most `most`, those about one sort of object together.

    Stripe tells the second of an event, not more. Within one list its own order holds; between two lists nobody knows
    which of two events of one second came first. So what happens to one object is read from one list.
    """
    by_object: dict[str, list[str]] = {}
    for kind in kinds:
        by_object.setdefault(kind.partition(".")[0].partition("_")[0], []).append(kind)
    groups: list[list[str]] = []
    for family in sorted(by_object.values(), key=len, reverse=True):
        for first in range(0, len(family), most):
            part = family[first : first + most]
            room = next((group for group in groups if len(group) + len(part) <= most), None)
            if room is None:
                groups.append(part)
            else:
                room += part
    return groups
