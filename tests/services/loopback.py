"""Servers on loopback that answer whatever a test wants, rightly or wrongly."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bioql_console.services.server_health import check
from tests.waiting import wait_until

STANDIN = Path(__file__).with_name("standin_server.py")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """The bytes of a plain answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def answering(answer: Callable[[socket.socket, threading.Event], object]) -> Iterator[str]:
    """The address of a server that leaves each connection to `answer`; the event is set when the test is over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        answer(connection, over)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@contextmanager
def saying(answer: bytes) -> Iterator[str]:
    """The address of a server that says the same to everybody."""

    def say(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    with answering(say) as address:
        yield address


@contextmanager
def started_by_hand(port: int, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """As in the incident: from a shell that has no credentials."""
    without = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    command = [sys.executable, str(STANDIN), str(port), *words]
    server = subprocess.Popen(command, env=without, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: check(f"http://127.0.0.1:{port}").reachable, 10)
        yield server
    finally:
        server.kill()
        server.wait(5)
