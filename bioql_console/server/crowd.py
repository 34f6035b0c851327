"""What all connections of one server may take together, and saying so once a minute instead of at each request."""

import logging
import sys
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger("bioql_console")

MOST_CONNECTIONS = 2_000
MOST_BYTES_IN_HAND = 64 * 1024 * 1024
OWN_FILES = 256
PAUSE_S = 60.0


def most_connections() -> int:
    """How many connections this process can hold, and still open its database, its log and its keychain.

    Raises the number of open files to what the system lets this user have; many systems start programs with 1,024.
    """
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(soft // 2, soft - OWN_FILES)
    return MOST_CONNECTIONS


class Connection(Protocol):
    """What a crowd knows of its members."""

    def give_way(self) -> None:
        """End now: others need the place."""


class Crowd:
    """Belongs to one event loop. Whoever has kept us waiting longest gives way to those who come.

    Args:
        most: Connections at a time.
        clock_s: A clock that is never set back, seconds.
    """

    def __init__(self, most: int, clock_s: Callable[[], float]) -> None:
        self.most = most
        self.tally = Tally(clock_s)
        self.bytes_in_hand = 0
        self.closed = False
        self._members: set[Connection] = set()
        # In the order in which they began to keep us waiting.
        self._waited_for: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._members)

    def enter(self, connection: Connection) -> bool:
        """Returns whether there is a place, or could be made."""
        if self.closed:
            return False
        if len(self._members) >= self.most:
            self.tally.note(f"All {self.most} connections are taken; those that wait longest give way")
            if not self._waited_for:
                return False
            longest = next(iter(self._waited_for))
            self.leave(longest)
            longest.give_way()
        self._members.add(connection)
        return True

    def close_door(self) -> None:
        """Nobody comes in any more."""
        self.closed = True

    def leave(self, connection: Connection) -> None:
        self._members.discard(connection)
        self._waited_for.pop(connection, None)

    def waits_for(self, connection: Connection) -> None:
        """It is this connection's turn to send something."""
        if connection in self._members:
            self._waited_for[connection] = None

    def serves(self, connection: Connection) -> None:
        """It is our turn: nothing that we have in hand is dropped."""
        self._waited_for.pop(connection, None)

    @property
    def full(self) -> bool:
        """Whether the bodies that have arrived take as much memory as they may."""
        return self.bytes_in_hand > MOST_BYTES_IN_HAND


class Tally:
    """Writes each kind of trouble to the log when it begins and once a minute from then on, with its count.

    One line for each request would let a flood push everything else out of the log.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._noted: dict[str, tuple[float, int]] = {}

    def note(self, what: str) -> None:
        """Count it. `what` is one of our own sentences, never text from outside."""
        now_s = self._clock_s()
        since_s, count = self._noted.get(what, (now_s - PAUSE_S, 0))
        if now_s - since_s < PAUSE_S:
            self._noted[what] = (since_s, count + 1)
            return
        log.warning("%s%s", what, f" ({count + 1} times since the last of these lines)" if count else "")
        self._noted[what] = (now_s, 0)
