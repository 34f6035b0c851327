"""One connection: uvicorn's, with an end to everything that a client can draw out, pile up or blur."""

import asyncio
import json
from contextlib import suppress
from enum import Enum
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from bioql_console.server.crowd import Crowd
from bioql_console.server.heads import LARGEST_HEAD, MOST_HEADERS, NO_HTTP, TOO_LARGE_HEAD, Refusal, refusal_of
from bioql_console.server.short_way import ShortWay

IDLE_S = 20
HEAD_S = 10
# The application gives a body ten seconds and answers 408; this ends what goes on sending after an answer.
BODY_S = 15
WRITE_S = 20
LINGER_S = 1
MOST_PIPELINED = 16
# Beside the body: lengths of chunks, their extensions, trailers.
LARGEST_MESSAGE = 2 * 1024 * 1024


class Stage(Enum):
    """What of a request has arrived."""

    NOTHING = "nothing"
    HEAD = "a part of the head"
    BODY = "the head, and not all of the body"


FULL = Refusal(503, "Too much is going on here; please try again in a moment")
ENDING = Refusal(503, "The server is ending; please try again in a moment")
HEAD = Stage.HEAD
SECONDS = {Stage.NOTHING: IDLE_S, Stage.HEAD: HEAD_S, Stage.BODY: BODY_S}


class GuardedConnection(HttpToolsProtocol):
    """Refuses in words and then ends; what was asked before that is answered first.

    uvicorn alone waits without limit for a head and a body, takes heads of any size, adds trailers to the headers,
    queues any number of requests, and counts a connection that says nothing like one that works.
    """

    def __init__(self, crowd: Crowd, **made: Any) -> None:
        super().__init__(**made)
        self._crowd = crowd
        self._stage = Stage.NOTHING
        self._head_size = 0  # of what the parser has understood
        self._fed = 0  # what came beside, as it came
        self._ending = False
        self._in_hand = 0
        self._running: RequestResponseCycle | None = None
        self._due: tuple[RequestResponseCycle, Any] | None = None
        self._short_way: ShortWay | None = getattr(self.app, "short_way", None)
        self._refusal: Refusal | None = None
        self._awaited: Stage | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # --- the connection -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if self._crowd.enter(self):
            self._watch()
        else:
            self.transport.write(self._answer(ENDING if self._crowd.closed else FULL))
            self._ending = True
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.leave(self)
        self._release()
        for timer in self._timers.values():
            timer.cancel()
        super().connection_lost(exc)

    def give_way(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._ending or self.transport.is_closing():
            return
        stage = self._stage
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._start_due()
            self._end_after_answers()  # what follows is in the protocol that it asked for
            return
        except httptools.HttpParserError:
            self._start_due()
            self._refuse(self._refusal or NO_HTTP)
            return
        self._start_due()
        if stage is self._stage:  # else there is no more of it than one read brings
            self._fed += len(data)
        if self._stage is Stage.HEAD and self._fed > LARGEST_HEAD:
            self._refuse(TOO_LARGE_HEAD)
        elif self._stage is Stage.BODY and self._fed > LARGEST_MESSAGE:
            self._refuse(Refusal(413, "The request is too large"))
        else:
            self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._timers["write"] = self.loop.call_later(WRITE_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop("write")

    # --- what the parser finds ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage, self._head_size, self._fed = HEAD, 0, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._check_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage is not HEAD:  # a trailer, which may not stand in for a header
            return
        self._check_head(len(name) + len(value))
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def _check_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > LARGEST_HEAD or len(self.headers) >= MOST_HEADERS:
            self._stop_parsing(TOO_LARGE_HEAD)

    def on_headers_complete(self) -> None:
        upgrade = self.parser.should_upgrade()
        refusal = refusal_of(self.parser.get_http_version(), self.url, self.headers, upgrade)
        if len(self.pipeline) >= MOST_PIPELINED:
            refusal = Refusal(429, "Too many requests at once on one connection")
        if refusal is not None:
            self._stop_parsing(refusal)
        super().on_headers_complete()
        if upgrade:
            self.cycle.keep_alive = False
        self._stage, self._fed = Stage.BODY, 0

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            return
        self._in_hand += len(body)
        self._crowd.bytes_in_hand += len(body)
        if self._crowd.full:
            self._stop_parsing(FULL)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._stage = Stage.NOTHING

    def _stop_parsing(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise ValueError(refusal.sentence)  # the parser makes its own error of it

    # --- answers ------------------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Not before all that has come is read: then it is known whether the request is here as a whole."""
        self._running = cycle
        self._due = cycle, app

    def _start_due(self) -> None:
        if self._due is None:
            return
        (cycle, app), self._due = self._due, None
        if cycle.more_body or self._short_way is None or not self._short_way.take(cycle):
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()  # `_watch` knows more
        self._start_due()
        if not self._answering:
            self._release()
        if self.transport.is_closing():
            self._abort_soon()
        elif not self._ending:
            self._watch()
        elif not self._answering:
            self._end()

    @property
    def _answering(self) -> bool:
        return bool(self.pipeline) or (self._running is not None and not self._running.response_complete)

    def _release(self) -> None:
        self._crowd.bytes_in_hand -= self._in_hand
        self._in_hand = 0

    # --- the end ------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Let the time run for what is awaited now."""
        awaited = None if self._stage is Stage.NOTHING and self._answering else self._stage
        if awaited is self._awaited:
            return
        self._awaited = awaited
        self._stop("awaited")
        self._crowd.serves(self)
        if awaited is not None:
            self._crowd.waits_for(self)
            self._timers["awaited"] = self.loop.call_later(SECONDS[awaited], self._too_slow)

    def _stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _too_slow(self) -> None:
        if self._stage is Stage.NOTHING:
            self._end()
        else:
            self._refuse(Refusal(408, "The request took too long"))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what is being read with a refusal, if that can still be told from other answers, and end."""
        if self.transport.is_closing():
            return
        self._crowd.tally.note(f"Refused what is no request: {refusal.sentence} ({refusal.status})")
        broken = self.cycle if self._stage is Stage.BODY else None
        if self.pipeline and self.pipeline[0][0] is broken:
            self.pipeline.popleft()  # it stood last in the queue
            broken = None
        if self._answering and self._running is not broken:
            self._end_after_answers()
            return
        if broken is None or not broken.response_started:
            self.transport.write(self._answer(refusal))
        self._end()
        if broken is not None:  # the application waits for the rest
            broken.disconnected = True
            broken.message_event.set()

    def _answer(self, refusal: Refusal) -> bytes:
        body = json.dumps({"error": refusal.sentence}).encode()
        retry = b"retry-after: 1\r\n" if refusal.status in (429, 503) else b""
        dated = b"".join(b"%s: %s\r\n" % header for header in self.server_state.default_headers)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n" % len(body)
        return STATUS_LINE[refusal.status] + dated + retry + head + b"\r\n" + body

    def _end_after_answers(self) -> None:
        self._ending = True
        self._stop("awaited")
        self._crowd.serves(self)
        if not self._answering:
            self._end()

    def _end(self) -> None:
        """Say that it is over, and listen a moment longer: closing at once would tear up an answer under way."""
        self._ending = True
        self._stop("awaited")
        self._crowd.waits_for(self)
        if not self.transport.is_closing():
            with suppress(OSError):  # the other side has left
                self.transport.write_eof()
            self._abort_soon()

    def _abort_soon(self) -> None:
        self._stop("end")
        unsent = self.transport.get_write_buffer_size() > 0
        self._timers["end"] = self.loop.call_later(WRITE_S if unsent else LINGER_S, self.transport.abort)
