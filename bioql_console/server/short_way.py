"""The way of a webhook that arrived whole and is in order: from the connection to the inbox without a task of its own.

A task, its switches and its messages cost more than all checks together. Only what is stored and acknowledged goes
this way. Whatever anybody could object to takes the long one, where it is looked at again and refused in words.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from bioql_console.domain.errors import OperatorError
from bioql_console.server.doors import host_allowed
from bioql_console.server.webhook_endpoint import LARGEST_BODY, LONGEST_STORING_S, TOO_LATE, Refused, WebhookEndpoint
from bioql_console.services.event_intake import Item

RECEIVED = {"received": True}
# What somebody may be refused for, or what needs an answer before the body.
OBJECTIONABLE = (b"origin", b"sec-fetch-site", b"content-encoding", b"expect", b"upgrade")
HOSTS_REMEMBERED = 64


class ShortWay:
    """Belongs to one event loop.

    Args:
        path: Of the webhooks, spelled in its one way.
        allowed_hosts: As for `host_allowed`.
    """

    def __init__(self, endpoint: WebhookEndpoint, path: bytes, allowed_hosts: frozenset[str]) -> None:
        self._endpoint = endpoint
        self._path = path
        self._stored: deque[tuple[Acknowledgement, OperatorError | None]] = deque()
        self._called = False
        self._arrived: list[Item] = []

        @lru_cache(HOSTS_REMEMBERED)
        def answers_to(host: bytes) -> bool:
            return host_allowed({"headers": [(b"host", host)]}, allowed_hosts)

        self._answers_to: Callable[[bytes], bool] = answers_to

    def take(self, cycle: RequestResponseCycle) -> bool:
        """Store an event and answer once it is durable; False when it is none for this way, and nothing was done.

        Args:
            cycle: A request whose body is here.
        """
        scope: Any = cycle.scope
        if scope["raw_path"] != self._path or scope["method"] != "POST" or len(cycle.body) > LARGEST_BODY:
            return False
        headers = dict(reversed(scope["headers"]))
        if not headers.keys().isdisjoint(OBJECTIONABLE) or not self._answers_to(headers.get(b"host", b"")):
            return False
        try:
            event = self._endpoint.checked(headers, bytes(cycle.body))
        except Exception:
            return False  # the long way meets it again, and tells
        if event is None:
            answer(cycle, 200, RECEIVED)
        else:
            waiting = Acknowledgement(cycle, self._settled, self._give_up)
            if not self._arrived:
                waiting.loop.call_soon(self._hand_over)
            self._arrived.append((event, waiting))
        return True

    def _hand_over(self) -> None:
        """Whatever had arrived when the loop looked at its connections shares a commit; nobody waits for more."""
        self._endpoint.store(self._arrived)
        self._arrived = []

    def _settled(self, waiting: "Acknowledgement", error: OperatorError | None) -> None:
        """On the writer's thread. All events of a commit wake the loop once."""
        self._stored.append((waiting, error))
        if not self._called:
            self._called = True
            waiting.loop.call_soon_threadsafe(self._answer_all)

    def _answer_all(self) -> None:
        self._called = False
        while self._stored:
            waiting, error = self._stored.popleft()
            if waiting.answered:
                continue
            waiting.end()
            if error is None:
                self._endpoint.heard()
                answer(waiting.cycle, 200, RECEIVED)
            else:
                self._refuse(waiting.cycle, Refused(503, f"The event could not be stored: {error.what}"))

    def _give_up(self, waiting: "Acknowledgement") -> None:
        waiting.end()
        self._refuse(waiting.cycle, Refused(503, TOO_LATE))

    def _refuse(self, cycle: RequestResponseCycle, refused: Refused) -> None:
        scope: Any = cycle.scope
        self._endpoint.note(refused, scope)
        answer(cycle, refused.status, {"error": refused.reason})


class Acknowledgement:
    """A request that waits for the commit. The writer knows it as it knows a future.

    Args:
        settled: Called on the writer's thread, with the error if there was one.
        give_up: Called on the loop when it took too long.
    """

    __slots__ = ("_settled", "_timer", "answered", "cycle", "loop")

    def __init__(
        self,
        cycle: RequestResponseCycle,
        settled: "Callable[[Acknowledgement, OperatorError | None], None]",
        give_up: "Callable[[Acknowledgement], None]",
    ) -> None:
        self.cycle = cycle
        self.loop = asyncio.get_running_loop()
        self.answered = False
        self._settled = settled
        self._timer = self.loop.call_later(LONGEST_STORING_S, give_up, self)

    def end(self) -> None:
        self.answered = True
        self._timer.cancel()

    def set_running_or_notify_cancel(self) -> bool:
        return not self.answered

    def set_result(self, _nothing: None) -> None:
        self._settled(self, None)

    def set_exception(self, error: OperatorError) -> None:
        self._settled(self, error)


@lru_cache(maxsize=32)
def _tail(status: int, sentence: str) -> bytes:
    content: dict[str, Any] = {"error": sentence} if sentence else RECEIVED
    body = json.dumps(content).encode()
    return b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def answer(cycle: RequestResponseCycle, status: int, content: dict[str, Any]) -> None:
    """The whole answer in one write, as uvicorn would have written it in two."""
    if cycle.response_started or cycle.disconnected:
        return
    cycle.response_started = cycle.response_complete = True
    dated = b"".join(b"%s: %s\r\n" % header for header in cycle.default_headers)
    last = b"" if cycle.keep_alive else b"connection: close\r\n"
    cycle.transport.write(STATUS_LINE[status] + dated + last + _tail(status, content.get("error", "")))
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.message_event.set()
    on_response, cycle.on_response = cycle.on_response, _nothing  # else the two would keep each other alive
    on_response()


def _nothing() -> None:
    """Nothing more follows an answer."""
