"""`stripe listen`: sessions of Stripe's command line, which get every event over a websocket as it happens.

Those of `stripe logs tail` get every request instead.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .delivery_queue import DeliveryQueue, real_ms
from .errors import Json
from .ids import new_id, random_text
from .request_logs import LoggedRequest
from .signatures import signature_header
from .store import Store
from .work import public

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

SECRET_SETTING = "cli_secret"
WEBHOOKS, REQUEST_LOGS = "webhooks", "request_logs"
AT_ONCE = 100
CLOSE_S = 1.0


class CliSession:
    """One connected command line: what it still has to be sent."""

    def __init__(self, session_id: str, feature: str, seen: int) -> None:
        self.id = session_id
        self.feature = feature
        self.seen = seen
        self.again: deque[Json] = deque()
        self.requests: deque[str] = deque()
        self.woken = asyncio.Event()


class CliSessions:
    """Hands out sessions, and serves their websocket on a port of its own once the first one was asked for."""

    def __init__(self, store: Store, queue: DeliveryQueue) -> None:
        self._store, self._queue = store, queue
        self._issued: dict[str, str] = {}
        self._connected: set[CliSession] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = asyncio.Lock()
        self._server: Server | None = None
        self._url = ""

    @property
    def secret(self) -> str:
        """What events are signed with for every session: another secret than an endpoint's, as with Stripe."""
        secret = self._store.setting(SECRET_SETTING)
        if secret is None:
            secret = "whsec_sandboxcli" + random_text(16)
            self._store.set_setting(SECRET_SETTING, secret)
        return secret

    async def start(self) -> None:
        """Listen for websockets, unless it does already."""
        async with self._opening:
            if self._server is None:
                self._loop = asyncio.get_running_loop()
                self._server = await _serving(self)
                port = next(iter(self._server.sockets)).getsockname()[1]
                self._url = f"ws://127.0.0.1:{port}/subscribe"

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    def issue(self, feature: str) -> tuple[str, str]:
        """A new session's id and where its websocket is."""
        session_id = new_id("cliws_")
        self._issued[session_id] = feature
        return session_id, self._url

    def push(self) -> None:
        """Something may have happened. May be called from any thread."""
        if self._loop is not None and self._connected and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def send_again(self, event: Json) -> None:
        """An event to every session once more."""
        for session in tuple(self._connected):
            session.again.append(event)
        self.push()

    def tell(self, request: LoggedRequest) -> None:
        """A request was answered; on the loop that serves the websockets."""
        for session in self._connected:
            if session.feature == REQUEST_LOGS:
                session.requests.append(request.message())
                session.woken.set()

    def _wake(self) -> None:
        for session in self._connected:
            session.woken.set()

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Only who asked for a session with the key may connect."""
        if request.headers.get("Websocket-Id") in self._issued:
            return None
        return connection.respond(401, "Unknown WebSocket ID")

    async def serve(self, connection: ServerConnection) -> None:
        """Send events and take answers, until it leaves."""
        from websockets.exceptions import ConnectionClosed  # it is imported by now

        assert connection.request is not None
        session_id = connection.request.headers["Websocket-Id"]
        session = CliSession(session_id, self._issued[session_id], self._last())
        self._connected.add(session)
        sending = asyncio.create_task(self._send(session, connection))
        try:
            # It may leave without a word, e.g. killed.
            with suppress(ConnectionClosed):
                async for message in connection:
                    self._heard(session, json.loads(message))
        finally:
            self._connected.discard(session)
            sending.cancel()
            with suppress(ConnectionClosed, asyncio.CancelledError):
                await sending

    async def _send(self, session: CliSession, connection: ServerConnection) -> None:
        while True:
            session.woken.clear()
            while batch := self._waiting(session):
                for message in batch:
                    await connection.send(message)
            await session.woken.wait()

    def _waiting(self, session: CliSession) -> list[str]:
        if session.feature == REQUEST_LOGS:
            return [session.requests.popleft() for _ in range(len(session.requests))]
        again = [session.again.popleft() for _ in range(len(session.again))]
        with self._store.transaction():
            rows = self._store.db.execute(
                "SELECT seq, body FROM objects WHERE kind = 'event' AND seq > ? ORDER BY seq LIMIT ?",
                (session.seen, AT_ONCE),
            ).fetchall()
        session.seen = rows[-1][0] if rows else session.seen
        return [self._message(event) for event in (*again, *(json.loads(body) for _, body in rows))]

    def _last(self) -> int:
        with self._store.transaction():
            row = self._store.db.execute("SELECT coalesce(max(seq), 0) FROM objects").fetchone()
        return int(row[0])

    def _message(self, event: Json) -> str:
        body = json.dumps(public(event), indent=2, ensure_ascii=False)
        signature = signature_header(self.secret, int(time.time()), body.encode())
        message = {
            "type": "webhook_event",
            "endpoint": {"api_version": None},
            "event_payload": body,
            "http_headers": {
                "Content-Type": "application/json; charset=utf-8",
                "Stripe-Signature": signature,
                "User-Agent": "Stripe/1.0 (BioQL sandbox)",
            },
            "webhook_conversation_id": event["id"],
            "webhook_id": new_id("wh_"),
        }
        return json.dumps(message)

    def _heard(self, session: CliSession, message: Any) -> None:
        """Its own endpoint's answer is recorded as any endpoint's is; that it got the event at all is no news."""
        if not isinstance(message, dict) or message.get("type") != "webhook_response":
            return
        status = message.get("status")
        attempt = {"at_ms": real_ms(), "status": status, "error": None, "took_ms": 0}
        event = self._store.get("event", str(message.get("webhook_conversation_id")))
        if event is not None and type(status) is int:
            self._queue.record_elsewhere(event, session.id, attempt, taken=200 <= status < 300)


async def _serving(sessions: CliSessions) -> Server:
    def imported() -> Any:
        from websockets.asyncio.server import serve  # takes a tenth of a second; only `stripe listen` needs it

        return serve

    serve = await asyncio.to_thread(imported)
    log = logging.getLogger("websockets.sandbox")
    log.setLevel(logging.ERROR)
    server: Server = await serve(
        sessions.serve,
        "127.0.0.1",
        0,
        # A browser's page sends its origin; the command line sends none.
        origins=[None],
        process_request=sessions.admit,
        close_timeout=CLOSE_S,
        logger=log,
    )
    return server
