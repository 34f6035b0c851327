"""`POST /webhooks/stripe`, straight on ASGI: nothing stands between the socket and the inbox but the checks."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.webhooks import EventSource, ReceivedEvent
from bioql_console.services.credentials import fingerprint
from bioql_console.services.event_intake import HEARTBEAT_TYPE, InboxWriter, Item, MalformedEvent, parse
from bioql_console.services.listener import ListenerStatus, Rejection

Scope = MutableMapping[str, Any]
Headers = Mapping[bytes, bytes]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 256 * 1024
SLOWEST_BODY_S = 10
# Longer than a writer waits for its turn. Who delivers is told to come again; what is stored after all counts once.
LONGEST_STORING_S = 8
TOO_LATE = "The event could not be stored: the database does not answer."
SOURCE_HEADER = b"bioql-source"


class Refused(Exception):
    """A request that is not stored. `args` are the status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class WebhookEndpoint:
    """Answers 200 only once the event is durably stored; 503 makes Stripe try again.

    Args:
        secrets: The current signing secret first, then the one being rotated out.
    """

    def __init__(
        self,
        writer: InboxWriter,
        secrets: Callable[[], Sequence[str]],
        status: ListenerStatus,
        now_ms: Callable[[], int],
    ) -> None:
        # Imports Stripe's SDK; done once here and not on the first event.
        from bioql_console.services.signature import verify

        self._verify = verify
        self._writer = writer
        self._secrets = secrets
        self._status = status
        self._now_ms = now_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._take(scope, receive)
        except Refused as refused:
            self.note(refused, scope)
            headers = ((b"allow", b"POST"),) if refused.status == 405 else ()
            await answer(send, refused.status, {"error": refused.reason}, headers)
        else:
            await answer(send, 200, {"received": True})

    async def _take(self, scope: Scope, receive: Receive) -> None:
        if scope["method"] != "POST":
            raise Refused(405, "Only POST is answered here.")
        self._require_on()
        headers = dict(reversed(scope["headers"]))
        event = self.checked(headers, await _body(headers, receive))
        if event is None:
            return
        try:
            async with asyncio.timeout(LONGEST_STORING_S):
                await asyncio.wrap_future(self._writer.submit(event))
        except OperatorError as error:
            raise Refused(503, f"The event could not be stored: {error.what}") from error
        except TimeoutError as error:
            raise Refused(503, TOO_LATE) from error
        self.heard()

    def _require_on(self) -> None:
        if not self._status.on:
            raise Refused(503, "The listener is off.")

    def checked(self, headers: Headers, body: bytes) -> ReceivedEvent | None:
        """The event that a request brings; None for a heartbeat, which is noted and not stored.

        Raises:
            Refused: It is not one that we take.
        """
        self._require_on()
        signature = _text(headers, b"stripe-signature")
        now_ms = self._now_ms()
        secrets = self._secrets()
        verdict = self._verify(body, signature, secrets, now_ms)
        if verdict.clock_off_s is not None:
            self._status.refused_for_its_time(verdict.clock_off_s)
        if not verdict.ok:
            raise Refused(400, verdict.words)
        if verdict.secret_index is not None and len(secrets) > 1:
            self._status.signed_with(fingerprint(secrets[verdict.secret_index]), now_ms)
        try:
            event = parse(body, signature, _source(headers), now_ms)
        except MalformedEvent as error:
            raise Refused(400, str(error)) from error
        if event.type == HEARTBEAT_TYPE:
            self._status.heard_heartbeat(now_ms)
            return None
        return event

    def store(self, items: Sequence[Item]) -> None:
        """Hand events to the writer, which tells when they are durable, on its own thread."""
        self._writer.put(items)

    def heard(self) -> None:
        """An event was stored."""
        self._status.heard_event(self._now_ms())

    def note(self, refused: Refused, scope: Scope) -> None:
        """Show a refusal among those of the Webhooks page."""
        self._status.rejected(Rejection(self._now_ms(), refused.status, refused.reason, _remote(scope)))


async def _body(headers: Headers, receive: Receive) -> bytes:
    length = _text(headers, b"content-length")
    if length.isdecimal() and int(length) > LARGEST_BODY:  # the parser has refused what is none
        raise Refused(413, f"The body is larger than {LARGEST_BODY // 1024} KiB.")
    if _text(headers, b"content-encoding") not in ("", "identity"):
        raise Refused(415, "Compressed bodies are not accepted.")
    try:
        async with asyncio.timeout(SLOWEST_BODY_S):
            return await _read(receive)
    except TimeoutError as error:
        raise Refused(408, "The body took too long.") from error


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The connection was closed before the body was complete.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            raise Refused(413, f"The body is larger than {LARGEST_BODY // 1024} KiB.")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _source(headers: Headers) -> EventSource:
    """Who brought it. Stripe's command line is told to say so when we start it; this is no proof of anything."""
    return EventSource.CLI if _text(headers, SOURCE_HEADER) == "cli" else EventSource.HTTP


def _text(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _remote(scope: Scope) -> str:
    client = scope.get("client")
    return f"{client[0]}:{client[1]}" if client else ""


async def answer(
    send: Send, status: int, content: dict[str, Any], more_headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more_headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
