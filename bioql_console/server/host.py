"""Running ASGI applications: on a background thread beside a window, or in the foreground of `serve`."""

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from bioql_console.domain.errors import OperatorError
from bioql_console.server.connection import GuardedConnection
from bioql_console.server.crowd import Crowd, most_connections
from bioql_console.services.port_holder import holder_of

BACKLOG = 1024
STOP_S = 5
START_S = 15


class Served(NamedTuple):
    """An application and the bound socket it answers on."""

    app: Any
    listening: socket.socket


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 chooses a free one.

    Raises:
        OperatorError: `port.taken` with whoever holds it, `port.refused` otherwise.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only for sockets that say they are TCP; with it, every small answer on a kept
    # connection would wait 40 ms for the other side's acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Lets a restart take the port at once; without SO_REUSEPORT nobody can share it.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise OperatorError(
                f"Port {port} on {host} is taken{_holder(port)}.",
                fix="Stop that program, or choose another port in Settings.",
                code="port.taken",
            ) from error
        raise OperatorError(
            f"Can't listen on {host}:{port}: {error.strerror}.", fix="Choose another address.", code="port.refused"
        ) from error
    listening.setblocking(False)
    return listening


def _holder(port: int) -> str:
    """ " by NAME (process N)", as far as it is known."""
    holder = holder_of(port)
    return f" by {holder.name} (process {holder.pid})" if holder else ""


class DatedState(ServerState):
    """Knows the headers of every answer; the date is made when somebody asks in a new second."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        if (second := int(time.time())) != self._second:
            self._second, self._headers = second, [(b"date", formatdate(second, usegmt=True).encode())]
        return self._headers

    @default_headers.setter
    def default_headers(self, _headers: list[tuple[bytes, bytes]]) -> None:
        self._headers = _headers


class QuietServer(uvicorn.Server):
    """Sleeps until somebody asks. uvicorn's own wakes up ten times a second, for the date and to see whether to end."""

    def __init__(self, config: uvicorn.Config, crowd: Crowd) -> None:
        super().__init__(config)
        self.server_state = DatedState()
        self.ended = asyncio.Event()
        self._crowd = crowd

    async def main_loop(self) -> None:
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Whoever was let in while the door closed is sent away; uvicorn would tell them nothing, and wait for them."""
        self._crowd.close_door()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # they have had their time
        await asyncio.sleep(0)  # transports end in the loop's next turn


def _server(app: Any, most_connections: int) -> QuietServer:
    crowd = Crowd(most_connections, time.monotonic)
    guarded: Any = partial(GuardedConnection, crowd)  # uvicorn calls it as it would a class
    config = uvicorn.Config(
        app,
        loop="none",
        http=guarded,
        ws="none",
        lifespan="auto",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_S,
    )
    return QuietServer(config, crowd)


async def serve_until(
    served: Sequence[Served], stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serve all applications on the running loop until `stop` is set, then answer what is in hand and end."""
    most = most_connections() // len(served)
    servers = [_server(each.app, most) for each in served]
    tasks = [
        # `_serve` and not `serve`: the latter would take over the process's signals.
        asyncio.create_task(server._serve(sockets=[each.listening]))
        for server, each in zip(servers, served, strict=True)
    ]
    async with asyncio.timeout(START_S):
        while not all(server.started for server in servers):
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.005)
    on_ready()
    await stop.wait()
    for server in servers:
        server.should_exit = True
        server.ended.set()
    await asyncio.gather(*tasks)


class Host:
    """Applications on a thread with an event loop of its own."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = served
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    def start(self) -> None:
        """Returns once requests are answered."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Returns once everything in hand is answered, or after a few seconds."""
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=STOP_S * 2)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._main())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve_until(self._served, self._stop, self._ready.set)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The fastest loop there is here; None for Python's own."""
    try:
        import uvloop
    except ImportError:  # not made for Windows
        return None
    return uvloop.new_event_loop
