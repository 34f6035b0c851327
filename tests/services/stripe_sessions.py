"""Stripe as its command line meets it: opens a session, and sends events over a websocket. Nothing of the sandbox."""

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bioql_console.services.signature import sign

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Sessions:
    """Answers on a loop of its own.

    Args:
        secret: What the sessions' events are signed with.
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.opened = 0
        self.responses: list[dict[str, Any]] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._sockets: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    def send(self, event: dict[str, Any]) -> None:
        """An event to everybody who listens."""
        body = json.dumps(event)
        message = {
            "type": "webhook_event",
            "endpoint": {"api_version": None},
            "event_payload": body,
            "http_headers": {"Stripe-Signature": sign(body.encode(), self.secret, time.time_ns() // 1_000_000)},
            "webhook_conversation_id": f"conversation_{event['id']}",
            "webhook_id": f"webhook_{event['id']}",
        }
        for socket in tuple(self._sockets):
            self._loop.call_soon_threadsafe(socket.write, _frame(json.dumps(message).encode()))

    def break_off(self) -> None:
        """The connections are gone, as on a computer that slept."""
        for socket in tuple(self._sockets):
            self._loop.call_soon_threadsafe(socket.transport.abort)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            if lines[0].startswith("POST /v1/stripecli/sessions"):
                await reader.readexactly(int(headers["content-length"]))
                self._open(writer)
            elif "sec-websocket-key" in headers:
                await self._listen(headers["sec-websocket-key"], reader, writer)
        writer.close()

    def _open(self, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        session = {
            "secret": self.secret,
            "websocket_url": self.url.replace("http", "ws") + "/subscribe/acct_1",
            "websocket_id": "wsid",
            "websocket_authorized_feature": "webhooks",
            "reconnect_delay": 60,
            "default_version": "2026-10-28.endive",
            "latest_version": "2026-10-28.endive",
        }
        body = json.dumps(session).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    async def _listen(self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accept = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{head}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        self._sockets.add(writer)
        try:
            while (found := await _read(reader))[0] != CLOSE:
                if found[0] == PING:
                    writer.write(_frame(found[1], PONG))
                elif found[0] == TEXT:
                    self.responses.append(json.loads(found[1]))
        finally:
            self._sockets.discard(writer)


def _frame(content: bytes, kind: int = TEXT) -> bytes:
    size = len(content)
    length = bytes((size,)) if size < 126 else bytes((126,)) + size.to_bytes(2)
    return bytes((0x80 | kind,)) + length + content


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2))
    mask = await reader.readexactly(4)
    content = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))


@contextmanager
def opening_sessions(secret: str) -> Iterator[Sessions]:
    """A Stripe on loopback that opens sessions, until the block ends."""
    sessions = Sessions(secret)
    loop = sessions._loop
    loop.run_until_complete(sessions._serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield sessions
    finally:
        sessions.break_off()
        asyncio.run_coroutine_threadsafe(_end(sessions), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _end(sessions: Sessions) -> None:
    assert sessions._server is not None
    sessions._server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others, timeout=2) if others else None
