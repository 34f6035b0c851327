"""Many connections at once, each with its conversation: sent, and heard until nothing more comes."""

import selectors
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.attacks.requests import Pieces
from tests.attacks.target import STATUS, Target

QUIET_S = 0.1


@dataclass
class Heard:
    """What came back on one connection."""

    requests: int
    pieces: Pieces
    answer: bytes = b""
    ended: bool = False

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in STATUS.findall(self.answer)]

    @property
    def is_over(self) -> bool:
        """Nothing is to come, or as much as was asked for is there."""
        return self.ended or len(self.statuses) >= self.requests


@dataclass
class Figures:
    """Of a whole run."""

    requests: int = 0
    connections: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[Heard] = field(default_factory=list)


def fire(target: Target, conversations: Sequence[tuple[int, Pieces]], figures: Figures) -> None:
    """Hold each conversation three times: in its pieces, as one, and with its first line and a half cut off late."""
    volley = [
        Heard(count, cut)
        for count, pieces in conversations
        for cut in (pieces, [b"".join(pieces)], [b"".join(pieces)[:40], b"".join(pieces)[40:]])
    ]
    _hold(target, volley)
    figures.requests += sum(each.requests for each in volley)
    figures.connections += len(volley)
    for each in volley:
        figures.statuses.update(each.statuses)
    figures.failures += [each for each in volley if any(status >= 500 for status in each.statuses)]


def _hold(target: Target, volley: Sequence[Heard]) -> None:
    wires = []
    with selectors.DefaultSelector() as waiting:
        try:
            for each in volley:
                wire = target.connect()
                wires.append(wire)
                _send(wire, each.pieces)
                wire.setblocking(False)
                waiting.register(wire, selectors.EVENT_READ, each)
            # What is still silent after a pause waits for the rest of a request.
            while waiting.get_map() and (ready := waiting.select(QUIET_S)):
                for key, _ in ready:
                    _hear(key.fileobj, key.data)  # type: ignore[arg-type]
                    if key.data.is_over:
                        waiting.unregister(key.fileobj)
        finally:
            for wire in wires:
                wire.close()


def _send(wire: socket.socket, pieces: Pieces) -> None:
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        try:
            wire.sendall(piece)
        except OSError:  # it was refused before it was all there
            return


def _hear(wire: socket.socket, heard: Heard) -> None:
    try:
        piece = wire.recv(65_536)
    except ConnectionError:
        piece = b""
    heard.answer += piece
    heard.ended = not piece
