"""What the server tells of itself, and a customer of their usage."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bioql_console.domain.ageing import DAY_MS
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.money import json_dollars
from bioql_console.domain.users import User
from bioql_console.server import dev_answers
from bioql_console.server.gate import Gate
from bioql_console.server.parts import ServerParts
from bioql_console.server.requests import Answer, blocking
from bioql_console.server.values import iso_day

VERSION = "3.0.0-stripe"
ANALYTICS_DAYS = 30


class ReadingApi:
    """Routes that change nothing."""

    def __init__(self, parts: ServerParts, gate: Gate) -> None:
        self._parts = parts
        self._gate = gate

    async def health(self, request: Request) -> Response:
        stripe_enabled = await blocking(self._parts, lambda: self._parts.stripe.enabled)
        webhooks = await blocking(self._parts, lambda: bool(self._parts.webhook_secrets()))
        database, books = await blocking(self._parts, self._database_state)
        return Answer(
            {
                "status": "healthy",
                "stripe_enabled": stripe_enabled,
                "stripe_webhooks_enabled": webhooks and self._parts.listener.on,
                "version": VERSION,
                "database": database,
                "books": books,
                "service": "bioql-console",
            }
        )

    def _database_state(self) -> tuple[str, str]:
        """Whether it can be read, and whether what is in it is posted to."""
        try:
            with self._parts.store.read() as work:
                books = "unsafe" if work.safety.breaches(1) else "sound"
        except OperatorError:
            return "unavailable", "unknown"
        return "connected" if self._parts.store.trouble is None else "read only", books

    async def stats(self, request: Request) -> Response:
        def read() -> dict[str, Any]:
            with self._parts.store.read() as work:
                figures = work.figures.read(self._parts.now_ms(), self._parts.payment_terms_days)
            return {
                "users": figures.users,
                "shots_30_days": figures.shots.value,
                "revenue_30_days": json_dollars(figures.paid_micros.value),
            }

        return Answer(await blocking(self._parts, read))

    async def analytics(self, request: Request) -> Response:
        user = await self._gate.bearer(request)
        now_ms = self._parts.now_ms()
        since_ms = now_ms - now_ms % DAY_MS - (ANALYTICS_DAYS - 1) * DAY_MS
        dates = [iso_day(since_ms + day * DAY_MS) for day in range(ANALYTICS_DAYS)]
        if user is None:
            return Answer(dev_answers.analytics(dates))

        def read(user: User) -> Any:
            with self._parts.store.read() as work:
                return (
                    work.usage.totals(user.id),
                    work.usage.daily(0, now_ms + 1, user.id),
                )

        (shots, spent), days = await blocking(self._parts, read, user)
        by_day: dict[str, int] = dict.fromkeys(dates, 0)
        backends: dict[str, int] = {}
        for day in days:
            backends[day.backend] = backends.get(day.backend, 0) + day.shots
            if day.day in by_day:
                by_day[day.day] += day.shots
        return Answer(
            {
                "total_shots": shots,
                "total_spent": json_dollars(spent),
                "molecules_designed": shots // 100,
                "backends_used": len(backends),
                "backends": backends,
                "daily_usage": {"dates": dates, "shots": list(by_day.values())},
            }
        )
