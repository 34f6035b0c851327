"""Events of Stripe's v2 API, which are delivered without their content."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from bioql_console.services.event_intake import iso_ms
from bioql_console.services.stripe_calls import PAGE, StripeCalls
from bioql_console.services.stripe_types import Content, StripeEvent


class ThinEventCalls(StripeCalls):
    """Part of `StripeGateway`."""

    v2: Any

    def retrieve_thin_event(self, event_id: str) -> StripeEvent:
        """One event with its content, for 30 days."""
        return self.read(_thin, self.ask(self.v2.core.events.retrieve, event_id))

    def list_thin_events(self, since_ms: int, types: Sequence[str]) -> Iterator[StripeEvent]:
        """Events of at most 20 types since then, newest first."""
        since = datetime.fromtimestamp(since_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        params = {"types": list(types), "created": {"gte": since}, "limit": PAGE}
        return (self.read(_thin, one) for one in self.ask_all(self.v2.core.events.list, params))


def _thin(found: Content) -> StripeEvent:
    return StripeEvent(
        id=found["id"],
        type=found["type"],
        created_ms=iso_ms(found["created"]),
        livemode=bool(found["livemode"]),
        api_version="",
        body=json.dumps(found, ensure_ascii=False).encode(),
    )
