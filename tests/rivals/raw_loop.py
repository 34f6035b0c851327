"""The least that can answer durably in Python: httptools on asyncio, a bare HMAC, and a commit for all who wait.

    python -m tests.rivals.raw_loop DATABASE SECRET

Prints its port once it listens. It guards nothing: no limits, no Host, no time of signing, one secret.
"""

import asyncio
import hmac
import json
import queue
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence

import httptools

TABLE = "CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, type TEXT NOT NULL, body BLOB NOT NULL)"
MOST = 512
DONE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n" + b'{"received":true}'
REFUSED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
Row = tuple[str, str, bytes]


class Writer:
    """One thread that commits what arrived meanwhile."""

    def __init__(self, database: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: queue.SimpleQueue[tuple[Row, Callable[[bytes], None]]] = queue.SimpleQueue()
        self.put = self._queue.put
        threading.Thread(target=self._run, args=(database,), daemon=True).start()

    def _run(self, database: str) -> None:
        connection = sqlite3.connect(database, isolation_level=None)
        connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {TABLE};")
        while True:
            batch = [self._queue.get()]
            while len(batch) < MOST and not self._queue.empty():
                batch.append(self._queue.get())
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?)", [row for row, _ in batch])
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_answer, [answer for _, answer in batch])


def _answer(waiting: Sequence[Callable[[bytes], None]]) -> None:
    for answer in waiting:
        answer(DONE)


class Connection(asyncio.Protocol):
    """One request after another."""

    def __init__(self, writer: Writer, secret: bytes) -> None:
        self._writer, self._secret = writer, secret

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._answer = transport.write
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._signature, self._body = b"", bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"stripe-signature":
            self._signature = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        signed, _, found = self._signature.partition(b",v1=")
        body = bytes(self._body)
        expected = hmac.digest(self._secret, signed.removeprefix(b"t=") + b"." + body, "sha256").hex().encode()
        if not hmac.compare_digest(expected, found):
            self._answer(REFUSED)
            return
        event = json.loads(body)
        self._writer.put(((event["id"], event["type"], body), self._answer))


async def _main(database: str, secret: str) -> None:
    loop = asyncio.get_running_loop()
    writer = Writer(database, loop)
    server = await loop.create_server(lambda: Connection(writer, secret.encode()), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:3]))
