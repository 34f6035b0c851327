"""Which webhook still has to go where. Lives in the same file as the objects, so that no event is lost between them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import Json
from .store import Store

if TYPE_CHECKING:
    from .cli_sessions import CliSessions

SHUFFLE_WITHIN_S = 0.5
KEPT_ATTEMPTS = 25
DIRECT = ""
"""The endpoint that nobody registered: the address the sandbox was given when it was started."""


@dataclass
class DeliveryOptions:
    """How events are delivered; for trying out what rarely happens. Forgotten when the sandbox stops.

    Args:
        duplicate: How many extra times each delivered event is sent.
        delay_s: Pause between what happened and its delivery.
    """

    paused: bool = False
    duplicate: int = 0
    shuffle: bool = False
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    seq: int
    event: str
    type: str
    endpoint: str
    attempts: int
    due_ms: int


def real_ms() -> int:
    """The real time; deliveries are about the network, not about the sandbox's clock."""
    return time.time_ns() // 1_000_000


class DeliveryQueue:
    """The deliveries of all events, waiting, done and given up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.options = DeliveryOptions()
        self.webhook_url: str | None = None
        self.cli_sessions: CliSessions | None = None

    def add(self, event: Json) -> int:
        """Queue an event for everyone who wants it; the answer is how many that are."""
        takers = [DIRECT] if self.webhook_url else []
        # Thin events do not go to webhook endpoints, which take snapshots only.
        endpoints = self._store.select("webhook_endpoint") if event["object"] == "event" else []
        takers += [
            endpoint["id"]
            for endpoint in endpoints
            if endpoint["status"] == "enabled" and _wanted(event["type"], endpoint["enabled_events"])
        ]
        for endpoint in takers:
            self._queue(event, endpoint, self._due_ms())
        return len(takers)

    def retry(self, event: Json, endpoint: str | None = None) -> None:
        """Send an event again, to one endpoint or to everyone who wants it."""
        if endpoint is None:
            self.add(event)
            if self.cli_sessions is not None:
                self.cli_sessions.send_again(event)
        else:
            self._queue(event, endpoint, self._due_ms())

    def _queue(self, event: Json, endpoint: str, due_ms: int) -> None:
        self._store.db.execute(
            "INSERT INTO deliveries (event, type, endpoint, state, attempts, count, next_ms)"
            " VALUES (?, ?, ?, 'pending', '[]', 0, ?) ON CONFLICT (event, endpoint)"
            " DO UPDATE SET state = 'pending', next_ms = max(excluded.next_ms, coalesce(next_ms, 0) + 1)",
            (event["id"], event["type"], endpoint, due_ms),
        )

    def _due_ms(self) -> int:
        spread = random.random() * SHUFFLE_WITHIN_S if self.options.shuffle else 0
        return real_ms() + int((self.options.delay_s + spread) * 1000)

    def refused(self, kind: str, object_id: str) -> bool:
        """Whether an event about an object was sent and is still not acknowledged by everyone."""
        with self._store.transaction():
            row = self._store.db.execute(
                "SELECT 1 FROM deliveries d JOIN objects o ON o.kind = 'event' AND o.id = d.event"
                " WHERE d.type = ? AND d.state = 'pending' AND d.count > 0"
                " AND json_extract(o.body, '$.data.object.id') = ?",
                (kind, object_id),
            ).fetchone()
        return row is not None

    def due(self, limit: int) -> list[Delivery]:
        """What should be sent now, oldest first."""
        with self._store.transaction():
            rows = self._store.db.execute(
                "SELECT seq, event, type, endpoint, count, next_ms FROM deliveries"
                " WHERE state = 'pending' AND next_ms <= ? AND (endpoint <> ? OR ?) ORDER BY next_ms, seq LIMIT ?",
                (real_ms(), DIRECT, bool(self.webhook_url), limit),
            ).fetchall()
        found = [Delivery(*row) for row in rows]
        if self.options.shuffle:
            random.shuffle(found)
        return found

    def next_due_ms(self, excluding: Iterable[int]) -> int | None:
        """When the next delivery is due, apart from those under way."""
        under_way = list(excluding)
        with self._store.transaction():
            row = self._store.db.execute(
                "SELECT min(next_ms) FROM deliveries WHERE state = 'pending' AND (endpoint <> ? OR ?)"
                f" AND seq NOT IN ({', '.join('?' * len(under_way))})",
                (DIRECT, bool(self.webhook_url), *under_way),
            ).fetchone()
        return row[0] if row else None

    def record(self, delivery: Delivery, attempt: Json, *, state: str, next_ms: int | None) -> None:
        """Remember an attempt and what comes next; an event that was asked for again meanwhile stays due."""
        with self._store.transaction():
            row = self._store.db.execute("SELECT attempts FROM deliveries WHERE seq = ?", (delivery.seq,)).fetchone()
            if row is None:
                return
            attempts = [*json.loads(row[0]), attempt][-KEPT_ATTEMPTS:]
            self._store.db.execute(
                "UPDATE deliveries SET attempts = ?, count = count + 1 WHERE seq = ?",
                (json.dumps(attempts), delivery.seq),
            )
            self._store.db.execute(
                "UPDATE deliveries SET state = ?, next_ms = ? WHERE seq = ? AND (state <> 'pending' OR next_ms = ?)",
                (state, next_ms, delivery.seq, delivery.due_ms),
            )

    def record_elsewhere(self, event: Json, taker: str, attempt: Json, *, taken: bool) -> None:
        """Remember how an event fared that somebody else than this queue brought to its taker."""
        with self._store.transaction():
            self._store.db.execute(
                "INSERT INTO deliveries (event, type, endpoint, state, attempts, count) VALUES (?, ?, ?, ?, ?, 1)"
                " ON CONFLICT (event, endpoint)"
                " DO UPDATE SET state = excluded.state, attempts = excluded.attempts, count = count + 1",
                (event["id"], event["type"], taker, "succeeded" if taken else "failed", json.dumps([attempt])),
            )

    def hurry(self, endpoint: str | None = None) -> None:
        """Everything that waits for its next attempt is due now."""
        with self._store.transaction():
            self._store.db.execute(
                "UPDATE deliveries SET next_ms = ? WHERE state = 'pending' AND next_ms > ?"
                " AND (? IS NULL OR endpoint = ?)",
                (now_ms := real_ms(), now_ms, endpoint, endpoint),
            )

    def forget_endpoint(self, endpoint: str) -> None:
        """Nothing more goes to an endpoint that was deleted or disabled."""
        with self._store.transaction():
            self._store.db.execute(
                "UPDATE deliveries SET state = 'failed', next_ms = NULL WHERE state = 'pending' AND endpoint = ?",
                (endpoint,),
            )

    def pending_webhooks(self, event: str) -> int:
        """How many endpoints have not accepted an event yet."""
        with self._store.transaction():
            sql = "SELECT count(*) FROM deliveries WHERE event = ? AND state <> 'succeeded'"
            return int(self._store.db.execute(sql, (event,)).fetchone()[0])

    def listed(self, limit: int, event: str | None = None, state: str | None = None) -> list[Json]:
        """Deliveries, newest first, for whoever looks at them."""
        with self._store.transaction():
            rows = self._store.db.execute(
                "SELECT seq, event, type, endpoint, state, attempts, count, next_ms FROM deliveries"
                " WHERE (? IS NULL OR event = ?) AND (? IS NULL OR state = ?) ORDER BY seq DESC LIMIT ?",
                (event, event, state, state, limit),
            ).fetchall()
        return [self._shown(row) for row in rows]

    def _shown(self, row: Any) -> Json:
        seq, event, kind, endpoint, state, attempts, count, next_ms = row
        tried = json.loads(attempts)
        return {
            "id": f"whd_{seq}",
            "event": event,
            "type": kind,
            "endpoint": endpoint or None,
            "url": self.url_of(endpoint),
            "state": state,
            "attempts": count,
            "status_codes": [attempt["status"] for attempt in tried],
            "tries": tried,
            "next_attempt_ms": next_ms,
        }

    def url_of(self, endpoint: str) -> str | None:
        """Where an endpoint is now; None when it is gone."""
        if endpoint == DIRECT:
            return self.webhook_url
        found = self._store.get("webhook_endpoint", endpoint)
        return None if found is None else found.get("url")


def _wanted(kind: str, enabled: list[str]) -> bool:
    return "*" in enabled or kind in enabled
