"""Stripe events as the inbox keeps them."""

from dataclasses import dataclass, field
from enum import Enum


class EventState(Enum):
    """Where an event stands on its way from the wire to the ledger."""

    RECEIVED = "received"
    APPLIED = "applied"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class Claim(Enum):
    """What came of a worker's wish to apply an event: it may, another one is at it, or it is done already."""

    MINE = "mine"
    BUSY = "busy"
    SETTLED = "settled"


class EventSource(Enum):
    """How an event reached us."""

    HTTP = "http"
    CLI = "cli"
    BACKFILL = "backfill"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A verified event, exactly as it came in. `id` is Stripe's `evt_…`.

    Args:
        created_ms: Stripe's own time of the event.
        signature: The `Stripe-Signature` header, for the inspector; it is no secret.
        sequence: Order of arrival, once it is stored.
    """

    id: str
    type: str
    body: bytes
    created_ms: int
    received_ms: int
    source: EventSource
    livemode: bool
    api_version: str = ""
    signature: str = ""
    sequence: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """An event with its fate, as the Webhooks page lists it.

    Args:
        sequence: Order of arrival.
        took_ms: From receipt to applied, milliseconds; None while it waits.
        reason: Why it was ignored or quarantined, one sentence.
        amount_micros: The money it moved or would have moved; None when it is not about money.
    """

    sequence: int
    id: str
    type: str
    created_ms: int
    received_ms: int
    source: EventSource
    state: EventState
    reason: str
    took_ms: int | None
    object_id: str
    user_id: int | None
    user_name: str
    amount_micros: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What applying an event came to."""

    state: EventState
    reason: str = ""
    object_id: str = ""
    user_id: int | None = None
    amount_micros: int | None = None
