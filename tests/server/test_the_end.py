"""The server ends while somebody is coming in: they are told, and nobody waits for them."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from bioql_console.server.host import STOP_S, Served, bind, loop_factory, serve_until

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def says_hello(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def end_while_somebody_comes(comes: Callable[[socket.socket], None], turns: int) -> tuple[float, bytes]:
    """How long the end took, seconds, and what they who came some turns of the loop after its beginning were told."""
    loop = asyncio.get_running_loop()
    listening = bind("127.0.0.1", 0)
    address = listening.getsockname()
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve_until([Served(says_hello, listening)], stop, ready.set))
    await ready.wait()
    stop.set()
    began = loop.time()
    for _ in range(turns):
        await asyncio.sleep(0)
    with socket.socket() as client:
        client.settimeout(1)
        with suppress(ConnectionError):
            client.connect(address)
            comes(client)
        await serving
        took_s = loop.time() - began
        try:
            return took_s, client.recv(4096)
        except OSError:
            return took_s, b""


def says_nothing(_client: socket.socket) -> None:
    pass


def asks(client: socket.socket) -> None:
    client.sendall(REQUEST)


@pytest.mark.parametrize("comes", [says_nothing, asks])
def test_who_comes_in_while_the_door_closes_is_told_so_and_not_waited_for(
    comes: Callable[[socket.socket], None],
) -> None:
    told = []
    for turns in range(5):  # in one of them the connection is accepted, and known to the server only as it ends
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            took_s, heard = runner.run(end_while_somebody_comes(comes, turns))
        assert took_s < STOP_S / 2
        told.append(heard)
    assert any(heard.startswith(b"HTTP/1.1 503") and b"The server is ending" in heard for heard in told)
