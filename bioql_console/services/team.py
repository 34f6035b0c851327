"""Who of the team looks at what right now. Nothing of it is stored: windows tell each other and forget."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bioql_console.services.changes import Change, Changes

BEAT_EVERY_MS = 10_000
# A window that ended without a word is forgotten after this.
FORGOTTEN_AFTER_MS = 30_000
MOST_WINDOWS = 200
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, order=True)
class Colleague:
    """Somebody at another window."""

    operator: str
    host: str


@dataclass(frozen=True, slots=True)
class _Seen:
    who: Colleague
    subject: str
    at_ms: int


class Team:
    """One window's part in it.

    Args:
        host: This machine's name.
        say: Tells the other windows a note; False when nobody can be told.
    """

    def __init__(
        self,
        changes: Changes,
        now_ms: Callable[[], int],
        host: str,
        say: Callable[[Mapping[str, object]], bool],
    ) -> None:
        self._changes, self._now_ms, self._host, self._say = changes, now_ms, host, say
        self._lock = threading.Lock()
        self._windows: dict[str, _Seen] = {}
        self._mine = {"at": "", "operator": "", "host": host}

    def look_at(self, subject: str, operator: str) -> None:
        """Let the others know what is looked at here, e.g. "user 7"; empty for nothing. Repeat it every ten seconds."""
        moved = self._mine["at"] != subject
        self._mine = {"at": subject, "operator": operator, "host": self._host}
        if moved or subject:
            self._say(self._mine)
        if self._forget_the_silent():
            self._changes.publish(Change("presence"))

    def leave(self) -> None:
        """This window closes."""
        self.look_at("", self._mine["operator"])

    def others_at(self, subject: str) -> list[Colleague]:
        """Who else looks at it."""
        since_ms = self._now_ms() - FORGOTTEN_AFTER_MS
        with self._lock:
            seen = [each for each in self._windows.values() if each.subject == subject and each.at_ms > since_ms]
        return sorted({each.who for each in seen})

    def hear(self, note: Mapping[str, Any]) -> None:
        """A note of another window's came in. It may be anything."""
        window, subject = note.get("writer"), note.get("at")
        if not isinstance(window, str) or not isinstance(subject, str):
            return
        who = Colleague(*(str(note.get(name, ""))[:LONGEST_NAME] for name in ("operator", "host")))
        with self._lock:
            before = self._windows.pop(window, None)
            if subject and len(self._windows) < MOST_WINDOWS:
                self._windows[window] = _Seen(who, subject, self._now_ms())
        if before is None or (before.subject, before.who) != (subject, who):
            self._changes.publish(Change("presence"))
            if subject and subject == self._mine["at"]:
                self._say(self._mine)  # they came later and did not hear of us

    def _forget_the_silent(self) -> bool:
        since_ms = self._now_ms() - FORGOTTEN_AFTER_MS
        with self._lock:
            silent = [window for window, each in self._windows.items() if each.at_ms <= since_ms]
            for window in silent:
                del self._windows[window]
        return bool(silent)
