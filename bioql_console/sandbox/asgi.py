"""The sandbox as an ASGI application: reads requests, refuses strangers, breaks connections when asked to."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from .api import Api, refusal
from .checkout_page import CheckoutPage
from .cli_sessions import CliSessions
from .control import Control
from .delivery import DeliveryWorker
from .faults import Fault, Faults, failing_answer
from .messages import Answer, Request, is_loopback
from .request_logs import LoggedRequest

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

API = ("/v1/", "/v2/")
LONGEST_BODY = 1_048_576
SESSIONS = "/v1/stripecli/sessions"


class Disconnected(Exception):
    """The other side left before its request was complete."""


class SandboxApp:
    """`/v1/…` and `/v2/…`, the Checkout page, `/_sandbox/…`; delivers webhooks from start-up to shutdown."""

    def __init__(
        self,
        api: Api,
        page: CheckoutPage,
        control: Control,
        faults: Faults,
        worker: DeliveryWorker,
        sessions: CliSessions,
    ) -> None:
        self._api, self._page, self._control = api, page, control
        self._faults, self._worker, self._sessions = faults, worker, sessions

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._worker.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._worker.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not is_loopback(headers.get("host", "")):
            return await _respond(send, refusal(403, "The sandbox answers only to names of this machine."))
        try:
            body = await _read_body(receive)
        except Disconnected:
            return
        if body is None:
            return await _respond(send, refusal(413, f"The body is longer than {LONGEST_BODY} bytes."))
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        request = Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)
        if not self._worker.running:  # served without lifespan
            self._worker.start()
        if path.startswith("/_sandbox/"):
            return await self._serve_control(request, send)
        fault = self._faults.take(request.method, unquote(path))
        if fault is not None and fault.status == "hang":
            return await self._hang(request, receive)
        if path == SESSIONS:
            await self._sessions.start()
        answer = self.answer(request, fault)
        self._worker.wake()
        if path.startswith(API):
            self._sessions.tell(LoggedRequest(request, answer))
        broken = fault is not None and fault.status == "reset"
        await (_break_off(send, answer) if broken else _respond(send, answer))

    def answer(self, request: Request, fault: Fault | None = None) -> Answer:
        """What a request is answered, or would be if the connection held."""
        if fault is None or not isinstance(fault.status, int):
            return self._answer(request)
        failure = failing_answer(fault.status)
        return self._api.keep(request, failure) if fault.kept else failure

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith(API):
            return self._api.answer(request)
        return self._page.answer(request)

    async def _serve_control(self, request: Request, send: Send) -> None:
        origin = request.headers.get("origin")
        if origin and not is_loopback(origin.partition("://")[2]):
            return await _respond(send, refusal(403, "Pages of other sites may not control the sandbox."))
        answer = self._control.answer(request)
        self._worker.wake()
        await _respond(send, answer)

    async def _hang(self, request: Request, receive: Receive) -> None:
        """Say nothing until the other side gives up. Meanwhile its idempotency key is in use."""
        key = request.headers.get("idempotency-key", "")
        if key:
            self._api.in_flight.add(key)
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._api.in_flight.discard(key)


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too long."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > LONGEST_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


async def _respond(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", b"%d" % len(answer.body))]
    headers += [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _break_off(send: Send, answer: Answer) -> None:
    """Begin to answer and cut the connection: it was carried out, but the other side can't know."""
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", b"%d" % (len(answer.body) + 1))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    # ASGI has no way to cut a connection, so this reaches for the transport behind uvicorn's `send`.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("connection broken by an injected fault")
    linger = struct.pack("ii", 1, 0)  # answer with RST, not with an orderly end
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    while not getattr(getattr(send, "__self__", None), "disconnected", True):  # noqa: ASYNC110  # uvicorn has no event
        await asyncio.sleep(0)
